//! What stands between the parentheses of `#[cached(…)]`.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{
    Error, Expr, ExprLit, ExprUnary, Ident, Lit, LitBool, LitStr, Path, Result, Token, UnOp, parenthesized,
};

use crate::template::Template;

pub(crate) struct Arguments {
    pub(crate) cache: Option<Expr>,
    pub(crate) alias: Option<LitStr>,
    pub(crate) key: Option<Template>,
    pub(crate) ignore: Vec<Ident>,
    pub(crate) timeout: Option<Timeout>,
    pub(crate) none_timeout: Option<Timeout>,
    pub(crate) version: Option<Expr>,
    pub(crate) root: Option<Path>,
    pub(crate) helpers: bool,
}

pub(crate) enum Timeout {
    /// Seconds and nanoseconds.
    Literal(u64, u32),
    Expression(Expr),
}

const NAMES: &str =
    "`key`, `cache`, `alias`, `ignore(…)`, `timeout`, `none_timeout`, `version`, `helpers` and `crate`";

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut arguments = Self {
            cache: None,
            alias: None,
            key: None,
            ignore: Vec::new(),
            timeout: None,
            none_timeout: None,
            version: None,
            root: None,
            helpers: true,
        };
        let mut seen: Vec<Ident> = Vec::new();
        while !input.is_empty() {
            if let Ok(text) = input.fork().parse::<LitStr>() {
                return Err(Error::new(text.span(), format!("name the argument: key = {:?}", text.value())));
            }
            let name = input.call(Ident::parse_any)?;
            if name != "ignore" && seen.contains(&name) {
                return Err(Error::new(name.span(), format!("`{name}` is given twice: leave one out")));
            }
            arguments.read(&name, input)?;
            seen.push(name);
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(arguments)
    }
}

impl Arguments {
    fn read(&mut self, name: &Ident, input: ParseStream<'_>) -> Result<()> {
        match name.to_string().as_str() {
            "ignore" => {
                if !input.peek(syn::token::Paren) {
                    return Err(Error::new(
                        name.span(),
                        "write the arguments in parentheses: ignore(db, trace)",
                    ));
                }
                let names;
                parenthesized!(names in input);
                self.ignore.extend(names.parse_terminated(Ident::parse_any, Token![,])?);
                return Ok(());
            }
            "freshness" => {
                return Err(Error::new(
                    name.span(),
                    "`freshness` does not exist yet: give a `timeout`, and call `<function>_refresh` before it ends",
                ));
            }
            "tags" => {
                return Err(Error::new(
                    name.span(),
                    "`tags` do not exist yet: call `<function>_invalidate` for each entry that a change concerns",
                ));
            }
            "key" | "cache" | "alias" | "timeout" | "none_timeout" | "version" | "helpers" | "crate" => {}
            _ => {
                return Err(Error::new(
                    name.span(),
                    format!("`{name}` is not an argument of `#[cached]`; these are {NAMES}"),
                ));
            }
        }
        input.parse::<Token![=]>()?;
        match name.to_string().as_str() {
            "key" => {
                self.key =
                    Some(Template::parse(text(input, "the key must be a string: key = \"user:{id}\"")?)?)
            }
            "cache" => self.cache = Some(input.parse().and_then(cache)?),
            "alias" => self.alias = Some(text(input, "the alias must be a string: alias = \"default\"")?),
            "timeout" => self.timeout = Some(timeout(input.parse()?, false)?),
            "none_timeout" => self.none_timeout = Some(timeout(input.parse()?, true)?),
            "version" => self.version = Some(input.parse()?),
            "helpers" => self.helpers = input.parse::<LitBool>()?.value,
            _ => self.root = Some(input.call(Path::parse_mod_style)?),
        }
        Ok(())
    }
}

fn text(input: ParseStream<'_>, expected: &str) -> Result<LitStr> {
    input.parse().map_err(|error| Error::new(error.span(), expected))
}

/// An expression that names a cache: an argument, a field, a method without arguments.
fn cache(expression: Expr) -> Result<Expr> {
    match cache_root(&expression) {
        Some(_) => Ok(expression),
        None => Err(Error::new(
            expression.span(),
            "the cache is an argument of the function or a field of one, as `cache = store` and `cache = self.cache`; \
             one of several `Caches` has its alias: cache = caches, alias = \"default\"",
        )),
    }
}

/// The argument that such an expression begins with.
pub(crate) fn cache_root(expression: &Expr) -> Option<&Ident> {
    match expression {
        Expr::Path(path) if path.qself.is_none() => path.path.get_ident(),
        Expr::Field(field) => cache_root(&field.base),
        Expr::MethodCall(call) if call.args.is_empty() => cache_root(&call.receiver),
        Expr::Paren(inner) => cache_root(&inner.expr),
        Expr::Group(inner) => cache_root(&inner.expr),
        Expr::Reference(inner) if inner.mutability.is_none() => cache_root(&inner.expr),
        _ => None,
    }
}

/// Whether an expression is an argument itself, and not a part of one.
pub(crate) fn is_whole(expression: &Expr) -> bool {
    match expression {
        Expr::Path(_) => true,
        Expr::Paren(inner) => is_whole(&inner.expr),
        Expr::Group(inner) => is_whole(&inner.expr),
        Expr::Reference(inner) => is_whole(&inner.expr),
        _ => false,
    }
}

fn timeout(expression: Expr, may_be_zero: bool) -> Result<Timeout> {
    let span = expression.span();
    let (seconds, nanoseconds) = match &expression {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) if number.suffix().is_empty() => {
            (number.base10_parse::<u64>()?, 0)
        }
        Expr::Lit(ExprLit { lit: Lit::Float(number), .. }) if number.suffix().is_empty() => {
            fraction(number.base10_digits()).ok_or_else(|| {
                Error::new(span, "write the seconds with at most nine digits after the point")
            })?
        }
        Expr::Lit(ExprLit { lit: Lit::Str(_), .. }) => {
            return Err(Error::new(
                span,
                "a timeout is a number of seconds (`timeout = 300`) or an expression, such as \
                 `timeout = Duration::from_secs(300)`",
            ));
        }
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), .. }) => {
            return Err(Error::new(span, "a timeout is not negative"));
        }
        _ => return Ok(Timeout::Expression(expression)),
    };
    if (seconds, nanoseconds) == (0, 0) && !may_be_zero {
        return Err(Error::new(
            span,
            "with a timeout of zero nothing is stored: give more, or leave `#[cached]` out",
        ));
    }
    Ok(Timeout::Literal(seconds, nanoseconds))
}

/// Seconds and nanoseconds of a number such as 0.25.
fn fraction(digits: &str) -> Option<(u64, u32)> {
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let nanoseconds = if part.is_empty() { 0 } else { format!("{part:0<9}").parse().ok()? };
    (part.len() <= 9).then_some((whole.parse().ok()?, nanoseconds))
}

impl Timeout {
    pub(crate) fn tokens(&self, root: &TokenStream) -> TokenStream {
        match self {
            Self::Literal(seconds, nanoseconds) => quote!(#root::__cached::seconds(#seconds, #nanoseconds)),
            Self::Expression(expression) => {
                let call = quote_spanned!(expression.span().resolved_at(Span::mixed_site())=>
                    #root::__cached::TimeoutSetting::into_timeout);
                quote!(#call(#expression))
            }
        }
    }
}
