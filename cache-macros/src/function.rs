//! The function: what the attribute needs to know of it, and which functions it refuses.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{
    AttrStyle, Attribute, Error, FnArg, GenericArgument, GenericParam, Ident, ItemFn, Meta, Pat, PatIdent,
    PathArguments, ReceiverKind, Result, ReturnType, Safety, Type,
};

pub(crate) struct Function {
    /// Without the attributes `#[cached(ignore)]` of its arguments.
    pub(crate) item: ItemFn,
    pub(crate) inputs: Vec<Input>,
    /// What it returns.
    pub(crate) output: Type,
}

/// An argument.
pub(crate) struct Input {
    pub(crate) argument: FnArg,
    /// The names that it binds: one, unless it is a pattern.
    pub(crate) names: Vec<Ident>,
    /// Whether it has the attribute `#[cached(ignore)]`.
    pub(crate) is_ignored: bool,
    pub(crate) is_reference: bool,
    pub(crate) holds: Option<Holds>,
}

/// What an argument's type says, as far as it can be read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    Cache,
    Caches,
}

impl Function {
    pub(crate) fn new(mut item: ItemFn) -> Result<Self> {
        let mut inputs = Vec::new();
        for argument in &mut item.sig.inputs {
            inputs.push(Input::new(argument)?);
        }
        let output = output(&item)?;
        refuse(&item)?;
        // Inner attributes move before the function, because its body is replaced.
        item.attrs.iter_mut().for_each(|attribute| attribute.style = AttrStyle::Outer);
        Ok(Self { item, inputs, output })
    }

    pub(crate) fn is_async(&self) -> bool {
        self.item.sig.asyncness.is_some()
    }

    pub(crate) fn input_of(&self, name: &Ident) -> Option<&Input> {
        self.inputs.iter().find(|input| input.names.contains(name))
    }

    /// The types and constants that a caller may choose.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &Ident> {
        self.item.sig.generics.params.iter().filter_map(|parameter| match parameter {
            GenericParam::Type(parameter) => Some(&parameter.ident),
            GenericParam::Const(parameter) => Some(&parameter.ident),
            GenericParam::Lifetime(_) => None,
        })
    }

    /// Those of them that no argument's type mentions.
    pub(crate) fn free_parameters(&self) -> impl Iterator<Item = &Ident> {
        let types = self.inputs.iter().map(|input| input.argument.to_token_stream());
        let mentioned: Vec<Ident> = types.flat_map(idents).collect();
        self.parameters().filter(move |name| !mentioned.contains(name))
    }

    /// Whether this names an argument or a generic parameter.
    pub(crate) fn knows(&self, name: &Ident) -> bool {
        self.input_of(name).is_some() || self.parameters().any(|parameter| parameter == name)
    }
}

impl Input {
    fn new(argument: &mut FnArg) -> Result<Self> {
        let attributes = match argument {
            FnArg::Receiver(receiver) => &mut receiver.attrs,
            FnArg::Typed(typed) => &mut typed.attrs,
        };
        let is_ignored = take_ignore(attributes)?;
        let (names, is_reference, holds) = match &*argument {
            FnArg::Receiver(receiver) => {
                let is_reference = matches!(receiver.kind, ReceiverKind::Reference(..));
                (vec![Ident::new("self", receiver.self_token.span())], is_reference, None)
            }
            FnArg::Typed(typed) => {
                (names(&typed.pat), matches!(&*typed.ty, Type::Reference(_)), holds(&typed.ty))
            }
        };
        Ok(Self { argument: argument.clone(), names, is_ignored, is_reference, holds })
    }

    /// The argument for a function that does not change it.
    pub(crate) fn unchanging(&self) -> FnArg {
        let mut argument = self.argument.clone();
        match &mut argument {
            FnArg::Typed(typed) => {
                if let Pat::Ident(name) = &mut *typed.pat {
                    name.mutability = None;
                }
            }
            FnArg::Receiver(receiver)
                if matches!(receiver.kind, ReceiverKind::Value | ReceiverKind::Typed(..)) =>
            {
                receiver.mutability = None;
            }
            FnArg::Receiver(_) => {}
        }
        argument
    }
}

/// Takes `#[cached(ignore)]` out of an argument's attributes.
fn take_ignore(attributes: &mut Vec<Attribute>) -> Result<bool> {
    let mut is_ignored = false;
    for attribute in attributes.extract_if(.., |attribute| attribute.path().is_ident("cached")) {
        let says_ignore = matches!(&attribute.meta, Meta::List(list) if list.tokens.to_string() == "ignore");
        if !says_ignore {
            return Err(Error::new(
                attribute.path().span(),
                "the attribute of an argument is `#[cached(ignore)]`, which leaves it out of the key",
            ));
        }
        is_ignored = true;
    }
    Ok(is_ignored)
}

fn names(pattern: &Pat) -> Vec<Ident> {
    #[derive(Default)]
    struct Names(Vec<Ident>);
    impl<'a> Visit<'a> for Names {
        fn visit_pat_ident(&mut self, name: &'a PatIdent) {
            self.0.push(name.ident.clone());
            visit::visit_pat_ident(self, name);
        }
    }
    let mut names = Names::default();
    names.visit_pat(pattern);
    names.0
}

/// Whether a type is a cache, by its name, behind references and smart pointers.
fn holds(of: &Type) -> Option<Holds> {
    let path = match of {
        Type::Reference(reference) => return holds(&reference.elem),
        Type::Paren(inner) => return holds(&inner.elem),
        Type::Group(inner) => return holds(&inner.elem),
        Type::Path(path) => path,
        _ => return None,
    };
    let last = path.path.segments.last()?;
    match last.ident.to_string().as_str() {
        "Cache" => Some(Holds::Cache),
        "Caches" => Some(Holds::Caches),
        "Arc" | "Rc" | "Box" => match &last.arguments {
            PathArguments::AngleBracketed(arguments) => match arguments.args.first()? {
                GenericArgument::Type(inner) => holds(inner),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// What the function returns, if a cache can keep it.
fn output(item: &ItemFn) -> Result<Type> {
    let ReturnType::Type(_, output) = &item.sig.output else {
        return Err(Error::new(
            item.sig.ident.span(),
            "this function returns nothing that a cache could keep",
        ));
    };
    let problem = match &**output {
        Type::Tuple(tuple) if tuple.elems.is_empty() => {
            "this function returns nothing that a cache could keep"
        }
        Type::Reference(_) => {
            "this function returns a reference, and a cache keeps values: return an owned type, \
             such as `String` in place of `&str`"
        }
        Type::ImplTrait(_) if item.sig.asyncness.is_none() && says(output, "Future") => {
            "this function returns a future: write it as an `async fn`"
        }
        Type::ImplTrait(_) => {
            "a cache reads values back as a type that has a name: return that in place of `impl …`"
        }
        Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Pin") => {
            "this function returns a future: write it as an `async fn`. On a trait with `#[async_trait]`, put \
             `#[cached]` on an inherent `async fn` that the method calls"
        }
        _ => return Ok((**output).clone()),
    };
    Err(Error::new(output.span(), problem))
}

fn refuse(item: &ItemFn) -> Result<()> {
    let signature = &item.sig;
    if let Some(token) = &signature.constness {
        return Err(Error::new(token.span(), "a `const fn` cannot use a cache: remove `const`"));
    }
    if let Safety::Unsafe(token) = &signature.safety {
        return Err(Error::new(
            token.span(),
            "`#[cached]` does not go on an unsafe function: put it on a safe one that calls this",
        ));
    }
    if let Some(abi) = &signature.abi {
        return Err(Error::new(
            abi.span(),
            "`#[cached]` does not go on an `extern` function: put it on one that calls this",
        ));
    }
    if let Some(place) = static_in(item.block.to_token_stream()) {
        return Err(Error::new(
            place.span(),
            "a `static` in the body would exist several times, as the body is also that of \
             `<function>_uncached` and `<function>_refresh`: move it out of the function",
        ));
    }
    Ok(())
}

/// The keyword `static` in a body, which is not that of `'static`.
fn static_in(body: TokenStream) -> Option<Ident> {
    let mut is_lifetime = false;
    for token in body {
        match token {
            TokenTree::Group(group) => {
                if let Some(found) = static_in(group.stream()) {
                    return Some(found);
                }
                is_lifetime = false;
            }
            TokenTree::Punct(punct) => is_lifetime = punct.as_char() == '\'',
            TokenTree::Ident(ident) if ident == "static" && !is_lifetime => return Some(ident),
            _ => is_lifetime = false,
        }
    }
    None
}

/// Whether a type is called a result.
pub(crate) fn says_result(of: &Type) -> bool {
    matches!(of, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident.to_string().ends_with("Result")))
}

fn says(tokens: &impl ToTokens, name: &str) -> bool {
    idents(tokens.to_token_stream()).iter().any(|ident| ident == name)
}

/// Returns all identifiers in `tokens`.
pub(crate) fn idents(tokens: TokenStream) -> Vec<Ident> {
    let mut found = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => found.push(ident),
            TokenTree::Group(group) => found.append(&mut idents(group.stream())),
            _ => {}
        }
    }
    found
}

/// The attributes for a function that is written beside the item: all but its documentation, or only the `cfg`
/// attributes.
pub(crate) fn attributes(item: &ItemFn, has_body: bool) -> impl Iterator<Item = Attribute> {
    item.attrs
        .iter()
        .filter(move |attribute| {
            let path = attribute.path();
            if matches!(attribute.meta, Meta::NameValue(_)) && path.is_ident("doc") {
                return false;
            }
            has_body || ["cfg", "deprecated", "doc"].iter().any(|name| path.is_ident(name))
        })
        .cloned()
}

/// Those of these arguments that `is_needed`, without `mut`.
pub(crate) fn some_inputs(
    inputs: &[Input],
    is_needed: impl Fn(&Ident) -> bool,
) -> Punctuated<FnArg, syn::Token![,]> {
    let needed = inputs.iter().filter(|input| input.names.iter().any(&is_needed));
    needed.map(Input::unchanging).collect()
}
