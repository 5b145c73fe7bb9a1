//! [`Functions`]: the public functions of the crates, read from their sources, and which of them have an example.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::{fmt, fs};

use proc_macro2::TokenStream;
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Expr, ExprLit, ImplItem, Item, ItemImpl, Lit, Meta, Signature, Token, Type, Visibility,
};

use crate::example::Call;
use crate::macros::{expand, impl_of, is_public};

/// A public function of a type, or of a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// The crate.
    pub package: String,
    /// The type whose function it is; empty for a function of a module.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// Whether it is an `async fn`.
    pub is_async: bool,
    /// Its doc comment.
    docs: String,
}

impl Function {
    /// Returns whether a code block of the doc comment calls the function where a reader sees it, and awaits it if it
    /// is async. Code that is not compiled does not count.
    #[must_use]
    pub fn has_example(&self) -> bool {
        let call = Call { name: &self.name, of_type: !self.owner.is_empty(), awaited: self.is_async };
        call.is_in_blocks_of(&self.docs)
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let colons = if self.owner.is_empty() { "" } else { "::" };
        write!(f, "{}: {}{colons}{}", self.package, self.owner, self.name)
    }
}

/// Reads the public functions of some crates.
#[derive(Debug)]
pub struct Functions<F> {
    is_wanted: F,
    macros: HashMap<String, TokenStream>,
    found: Vec<Function>,
}

impl<F: Fn(&str, &str) -> bool> Functions<F> {
    /// Reads the sources of `packages`, which are folders beside each other in `root`. Returns the functions of the types
    /// for which `is_wanted` is true; it is called with a crate and a type, or with an empty name for functions of
    /// modules. What a `macro_rules!` of these crates writes into an `impl` is among them.
    ///
    /// # Errors
    /// When a file cannot be read, and for a macro within an `impl` that this does not understand.
    pub fn read(root: &Path, packages: &[String], is_wanted: F) -> Result<Vec<Function>, String> {
        let mut functions = Self { is_wanted, macros: HashMap::new(), found: Vec::new() };
        let mut files = Vec::new();
        for package in packages {
            for path in sources(&root.join(package).join("src"))? {
                let at = |problem: &dyn fmt::Display| format!("{}: {problem}", path.display());
                let text = fs::read_to_string(&path).map_err(|error| at(&error))?;
                let file = syn::parse_file(&text).map_err(|error| at(&error))?;
                functions.macros.extend(file.items.iter().filter_map(macro_of));
                files.push((package, path, file));
            }
        }
        for (package, path, file) in files {
            functions
                .items(package, file.items)
                .map_err(|problem| format!("{}: {problem}", path.display()))?;
        }
        Ok(functions.found)
    }

    fn items(&mut self, package: &str, items: Vec<Item>) -> Result<(), String> {
        for item in items {
            match item {
                Item::Impl(item) if item.trait_.is_none() => self.functions_of(package, item)?,
                Item::Fn(item) if (self.is_wanted)(package, "") => {
                    self.add(package, "", &item.vis, &item.sig, &item.attrs)?
                }
                Item::Mod(item) if matches!(item.vis, Visibility::Public(_)) => {
                    self.items(package, item.content.unwrap_or_default().1)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn functions_of(&mut self, package: &str, item: ItemImpl) -> Result<(), String> {
        let owner = match &*item.self_ty {
            Type::Path(path) => {
                path.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default()
            }
            _ => return Ok(()),
        };
        if !(self.is_wanted)(package, &owner) {
            return Ok(());
        }
        for item in item.items {
            match item {
                ImplItem::Fn(function) => {
                    self.add(package, &owner, &function.vis, &function.sig, &function.attrs)?;
                }
                ImplItem::Macro(call) => {
                    let name =
                        call.mac.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
                    let written = match self.macros.get(&name) {
                        Some(rules) if !is_public(rules.clone()) && !is_public(call.mac.tokens.clone()) => {
                            continue;
                        }
                        Some(rules) => expand(rules.clone(), call.mac.tokens),
                        None => Err("its definition was not found".to_owned()),
                    };
                    let written = written.map_err(|problem| format!("{name}! in an impl: {problem}"))?;
                    self.functions_of(package, impl_of(&owner, written)?)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn add(
        &mut self,
        package: &str,
        owner: &str,
        visibility: &Visibility,
        signature: &Signature,
        attributes: &[Attribute],
    ) -> Result<(), String> {
        let hidden = |attribute: &Attribute| matches!(&attribute.meta, Meta::List(list) if list.path.is_ident("doc") && list.tokens.to_string() == "hidden");
        if matches!(visibility, Visibility::Public(_)) && !attributes.iter().any(hidden) {
            self.found.push(Function {
                package: package.to_owned(),
                owner: owner.to_owned(),
                name: signature.ident.to_string(),
                is_async: signature.asyncness.is_some(),
                docs: docs(attributes)?,
            });
        }
        Ok(())
    }
}

/// The Rust files in `folder`.
fn sources(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let at = |error| format!("{}: {error}", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(at)? {
        let path = entry.map_err(at)?.path();
        if path.is_dir() {
            found.append(&mut sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The text of a doc comment.
fn docs(attributes: &[Attribute]) -> Result<String, String> {
    let mut text = String::new();
    for attribute in attributes {
        if let Meta::NameValue(pair) = &attribute.meta
            && pair.path.is_ident("doc")
        {
            text += &literal(&pair.value)?;
            text.push('\n');
        }
    }
    Ok(text)
}

/// The text of a literal, or of a `concat!` of them.
fn literal(value: &Expr) -> Result<String, String> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(text.value()),
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => Ok(number.base10_digits().to_owned()),
        Expr::Macro(call) if call.mac.path.is_ident("concat") => {
            let parts = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(call.mac.tokens.clone());
            parts.map_err(|error| error.to_string())?.iter().map(literal).collect()
        }
        _ => Err("a doc comment is neither a string nor a concat! of literals".to_owned()),
    }
}

/// The name and the rules of a `macro_rules!`.
fn macro_of(item: &Item) -> Option<(String, TokenStream)> {
    match item {
        Item::Macro(item) => Some((item.ident.as_ref()?.to_string(), item.mac.tokens.clone())),
        _ => None,
    }
}
