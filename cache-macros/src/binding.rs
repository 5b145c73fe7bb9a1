//! Which cache the function uses, and whether the key tells all of its calls apart.

use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Error, Expr, Ident, LitStr, Result, parse_quote};

use crate::arguments::{Arguments, cache_root, is_whole};
use crate::function::{Function, Holds};
use crate::template::{Template, suggestion};

/// The cache of the calls.
pub(crate) struct Binding {
    pub(crate) expression: Expr,
    /// The argument that it is, or is a part of.
    pub(crate) root: Ident,
    /// Which of several caches.
    pub(crate) alias: Option<LitStr>,
    /// Whether the body may take it away from the call.
    pub(crate) is_owned: bool,
}

impl Binding {
    pub(crate) fn find(arguments: &Arguments, function: &Function) -> Result<Self> {
        let (expression, root) = match &arguments.cache {
            Some(expression) => {
                let root = cache_root(expression).cloned();
                let root = root.ok_or_else(|| Error::new(expression.span(), "name an argument"))?;
                (expression.clone(), root)
            }
            None => {
                let input = function.inputs.iter().find(|input| input.holds.is_some());
                let root = input.and_then(|input| input.names.first()).cloned().ok_or_else(|| {
                    Error::new(
                        function.item.sig.ident.span(),
                        "this function is given no cache: add an argument `cache: &Cache` or `caches: &Caches`, or say \
                         where it is: `cache = self.cache`, `cache = app.cache`",
                    )
                })?;
                (parse_quote!(#root), root)
            }
        };
        let Some(input) = function.input_of(&root) else {
            return Err(Error::new(root.span(), unknown(&root, function)));
        };
        let holds = if is_whole(&expression) { input.holds } else { None };
        match (holds, &arguments.alias) {
            (Some(Holds::Caches), None) => Err(Error::new(
                root.span(),
                format!("`{root}` has several caches: say which, as in `alias = \"default\"`"),
            )),
            (Some(Holds::Cache), Some(alias)) => Err(Error::new(
                alias.span(),
                format!("an alias chooses one of `Caches`, and `{root}` is one `Cache`: leave the alias out"),
            )),
            _ => Ok(Self { expression, root, alias: arguments.alias.clone(), is_owned: !input.is_reference }),
        }
    }
}

/// Refuses a function whose result may depend on what its key does not say.
pub(crate) fn check_key(
    key: &Template,
    ignore: &[Ident],
    function: &Function,
    binding: &Binding,
) -> Result<()> {
    let mut problems = Vec::new();
    let is_whole_cache = |name: &Ident| *name == binding.root && is_whole(&binding.expression);
    for name in key.roots() {
        if is_whole_cache(name) {
            problems.push(Error::new(
                name.span(),
                format!("`{name}` is the cache itself: take it out of the key"),
            ));
        } else if !function.knows(name) {
            problems.push(Error::new(name.span(), unknown(name, function)));
        } else if ignores(ignore, function, name) {
            problems.push(Error::new(
                name.span(),
                format!("`{name}` is in the key and is ignored as well: take it out of one of the two"),
            ));
        }
    }
    for name in ignore {
        if !function.knows(name) {
            problems.push(Error::new(name.span(), unknown(name, function)));
        }
    }
    for name in function.inputs.iter().flat_map(|input| &input.names) {
        if !is_whole_cache(name) && !key.roots().any(|root| root == name) && !ignores(ignore, function, name)
        {
            problems.push(Error::new(name.span(), left_out(name)));
        }
    }
    for name in function.free_parameters() {
        if !key.roots().any(|root| root == name) && !ignore.contains(name) {
            problems.push(Error::new(
                name.span(),
                format!(
                    "callers choose `{name}`, and the key does not say what they chose: they would get each \
                     other's values. Take it from an argument, or add `ignore({name})` if one key has one `{name}` only"
                ),
            ));
        }
    }
    let all = problems.into_iter().reduce(|mut all, problem| {
        all.combine(problem);
        all
    });
    all.map_or(Ok(()), Err)
}

fn ignores(ignore: &[Ident], function: &Function, name: &Ident) -> bool {
    ignore.contains(name) || function.input_of(name).is_some_and(|input| input.is_ignored)
}

fn left_out(name: &Ident) -> String {
    if name == "self" {
        return "`self` is not in the key: two objects would get each other's values. Name the field on which the \
                result depends, as in `{self.tenant}`, or add `ignore(self)`"
            .to_owned();
    }
    let bare = name.unraw();
    format!(
        "`{name}` is not in the key: calls with another `{name}` would get the same value. \
         Add `{{{name}}}` to the key, or `ignore({bare})` if the result does not depend on it"
    )
}

fn unknown(name: &Ident, function: &Function) -> String {
    let known: Vec<String> =
        function.inputs.iter().flat_map(|input| &input.names).map(|name| format!("`{name}`")).collect();
    let function = &function.item.sig.ident;
    if known.is_empty() {
        return format!("`{name}` is not an argument of `{function}`, which has none");
    }
    format!("`{name}` is not an argument of `{function}`; these are {}", known.join(", "))
}

/// What to do without a key.
pub(crate) fn without_key(arguments: &Arguments, function: &Function, binding: &Binding) -> Error {
    let is_part = |name: &&Ident| {
        **name != binding.root && *name != "self" && !ignores(&arguments.ignore, function, name)
    };
    let names = function.inputs.iter().flat_map(|input| &input.names).filter(is_part);
    let name = &function.item.sig.ident;
    Error::new(name.span(), format!("`#[cached]` needs a key, such as key = {:?}", suggestion(name, names)))
}
