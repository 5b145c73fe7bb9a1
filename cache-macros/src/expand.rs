//! The code that is written in place of the function, and beside it.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Ident, ItemFn, Result, Signature, parse_quote};

use crate::arguments::Arguments;
use crate::binding::{Binding, check_key, without_key};
use crate::function::{Function, attributes, says_result, some_inputs};
use crate::generics::needed;
use crate::template::{Piece, Template};

/// The path that code reaches the core by, unless `crate = …` says another.
pub(crate) struct Root {
    pub(crate) default: TokenStream,
    /// What stands behind the path of `crate = …`.
    pub(crate) suffix: TokenStream,
}

pub(crate) fn expand(arguments: &Arguments, item: ItemFn, root: &Root) -> Result<TokenStream> {
    let function = Function::new(item)?;
    let binding = Binding::find(arguments, &function)?;
    let key = arguments.key.as_ref().ok_or_else(|| without_key(arguments, &function, &binding))?;
    check_key(key, &arguments.ignore, &function, &binding)?;
    let suffix = &root.suffix;
    let root = arguments.root.as_ref().map_or_else(|| root.default.clone(), |path| quote!(#path #suffix));
    let writer = Writer { arguments, function: &function, binding: &binding, key, root };
    let cached = writer.cached();
    let helpers = arguments.helpers.then(|| writer.helpers());
    Ok(quote!(#cached #helpers))
}

struct Writer<'a> {
    arguments: &'a Arguments,
    function: &'a Function,
    binding: &'a Binding,
    key: &'a Template,
    root: TokenStream,
}

/// Where this stands, for code that is not the user's.
fn at(place: &impl Spanned) -> Span {
    place.span().resolved_at(Span::mixed_site())
}

/// A name that no code of a user has.
fn own(name: &str) -> Ident {
    own_at(name, Span::mixed_site())
}

/// Such a name, at a place that an error about it points at.
fn own_at(name: &str, span: Span) -> Ident {
    Ident::new(&format!("__cached_{name}"), span)
}

impl Writer<'_> {
    /// The function itself.
    fn cached(&self) -> TokenStream {
        let item = &self.function.item;
        let (attributes, visibility, signature) = (&item.attrs, &item.vis, &item.sig);
        let body = self.call("get_or_set");
        quote!(#(#attributes)* #visibility #signature { #body })
    }

    fn helpers(&self) -> TokenStream {
        let (key, invalidate) = (self.key_function(), self.invalidate());
        let uncached = self.with_body(
            "uncached",
            "Computes what `{}` returns, without the cache.",
            self.function.item.block.to_token_stream(),
        );
        let body = self.call("refresh");
        let refresh = self.with_body(
            "refresh",
            "Computes what `{}` returns, and stores it in place of the value that the cache has. An error stores \
             nothing, and the older value stays. If the cache fails, the value is returned all the same.",
            quote!({ #body }),
        );
        quote!(#key #invalidate #uncached #refresh)
    }

    /// `user_key(id) -> String`.
    fn key_function(&self) -> TokenStream {
        let signature = self.signature("key", |name| self.is_in_key(name), &quote!(::std::string::String));
        let page = format!(
            "Returns the key under which the cache has what `{}` returns for these arguments, without the cache's \
             prefix and version.",
            self.name()
        );
        let key = self.key();
        let signature = Signature { asyncness: None, ..signature };
        self.helper(&page, false, &quote!(#[must_use]), &signature, &key)
    }

    /// `user_invalidate(cache, id) -> Result<bool>`.
    fn invalidate(&self) -> TokenStream {
        let root = &self.root;
        let is_needed = |name: &Ident| self.is_in_key(name) || *name == self.binding.root;
        let signature = self.signature("invalidate", is_needed, &quote!(#root::Result<bool>));
        let page = format!(
            "Removes what the cache has of `{}` for these arguments, and returns whether there was anything. A \
             computation under way does not store its value.\n\n# Errors\nThose of the cache: the value may still \
             be in it then.",
            self.name()
        );
        let (entry, entry_name) = (self.entry(), own("entry"));
        let call = if self.function.is_async() {
            quote!(#entry_name.ainvalidate().await)
        } else {
            quote!(#entry_name.invalidate())
        };
        self.helper(&page, false, &TokenStream::new(), &signature, &quote!(#entry #call))
    }

    /// A function with the arguments of the cached one.
    fn with_body(&self, suffix: &str, page: &str, body: TokenStream) -> TokenStream {
        let item = &self.function.item;
        let signature = Signature { ident: self.helper_name(suffix), ..item.sig.clone() };
        let mut page = page.replace("{}", &self.name());
        if says_result(&self.function.output) {
            page.push_str(&format!("\n\n# Errors\nThose of `{}`.", self.name()));
        }
        self.helper(&page, true, &TokenStream::new(), &signature, &body)
    }

    fn helper(
        &self,
        page: &str,
        has_body: bool,
        more: &TokenStream,
        signature: &Signature,
        body: &TokenStream,
    ) -> TokenStream {
        let item = &self.function.item;
        let attributes = attributes(item, has_body);
        let visibility = &item.vis;
        quote! {
            #[doc = #page]
            #(#attributes)*
            #[allow(
                dead_code,
                unused_variables,
                clippy::needless_pass_by_value,
                clippy::too_many_arguments,
                clippy::used_underscore_binding
            )]
            #more
            #visibility #signature { #body }
        }
    }

    /// The signature of a function with some of the arguments.
    fn signature(&self, suffix: &str, is_needed: impl Fn(&Ident) -> bool, output: &TokenStream) -> Signature {
        let signature = &self.function.item.sig;
        let inputs = some_inputs(&self.function.inputs, is_needed);
        let keyed = self.key.roots().map(ToTokens::to_token_stream);
        let mentioned = keyed.chain([inputs.to_token_stream()]).collect();
        Signature {
            ident: self.helper_name(suffix),
            generics: needed(&signature.generics, mentioned),
            inputs,
            output: parse_quote!(-> #output),
            ..signature.clone()
        }
    }

    fn name(&self) -> String {
        self.function.item.sig.ident.unraw().to_string()
    }

    fn helper_name(&self, suffix: &str) -> Ident {
        let name = &self.function.item.sig.ident;
        format_ident!("{}_{suffix}", name.unraw(), span = name.span())
    }

    fn is_in_key(&self, name: &Ident) -> bool {
        self.key.roots().any(|root| root == name)
    }

    /// An expression that makes the key.
    fn key(&self) -> TokenStream {
        let (root, key) = (&self.root, own("key"));
        let pieces = self.key.pieces.iter().map(|piece| match piece {
            Piece::Text(text) => quote!(#key.push_str(#text);),
            Piece::Place(place) => {
                // The types' errors point at the argument.
                let named = self.function.input_of(&place.root).and_then(|input| input.names.first());
                let span = named.map_or_else(|| at(&self.key.literal), at);
                quote_spanned!(span=> #root::__cached::Part(&#place).write_to(&mut #key);)
            }
        });
        quote!({
            #[allow(unused_imports)]
            use #root::__cached::TextPart as _;
            let mut #key = ::std::string::String::new();
            #(#pieces)*
            #key
        })
    }

    /// Statements that make the entry.
    fn entry(&self) -> TokenStream {
        let (root, key) = (&self.root, self.key());
        // The types' errors point at the cache.
        let span = at(&self.binding.root);
        let (cache, entry) = (own_at("cache", span), own("entry"));
        let expression = &self.binding.expression;
        let (expression, given) = if self.binding.is_owned {
            (quote!(::std::clone::Clone::clone(&#expression)), quote_spanned!(span=> &#cache))
        } else {
            (quote!(&#expression), quote!(#cache))
        };
        let made = match &self.binding.alias {
            Some(alias) => quote_spanned!(span=> #root::__cached::Entry::of(#given, #alias, #key)),
            None => quote_spanned!(span=> #root::__cached::Entry::new(#given, #key)),
        };
        let version = self.arguments.version.as_ref().map(|version| quote!(.version(#version)));
        quote! {
            let #cache = #expression;
            let #entry = #made #version;
        }
    }

    /// Statements that call the cache with the body.
    fn call(&self, method: &str) -> TokenStream {
        let root = &self.root;
        let (output, block) = (&self.function.output, &self.function.item.block);
        let (entry, entry_name, body) = (self.entry(), own("entry"), own("body"));
        let (timeouts, timeout) = self.timeout();
        // The types' errors point at what the function returns.
        let span = at(output);
        let (making, call) = if self.function.is_async() {
            let returned = own("output");
            let making = quote! {
                let #body = ::std::pin::pin!(async {
                    // It says what `return` and `?` return.
                    if let ::std::option::Option::Some(#returned) = ::std::option::Option::None::<#output> {
                        return #returned;
                    }
                    #block
                });
            };
            let method = format_ident!("a{method}", span = span);
            (making, quote_spanned!(span=> #method(#entry_name, #timeout, #body).await))
        } else {
            let method = Ident::new(method, span);
            (
                quote!(let #body = || -> #output #block;),
                quote_spanned!(span=> #method(#entry_name, #timeout, #body)),
            )
        };
        let call = quote_spanned!(span=> #root::__cached::Output::<#output>::new().#call);
        quote! {
            #[allow(unused_imports)]
            use #root::__cached::Plain as _;
            #entry
            #timeouts
            #making
            #call
        }
    }

    /// Statements that make the timeouts, and a closure that chooses one for a value.
    fn timeout(&self) -> (TokenStream, TokenStream) {
        let root = &self.root;
        let (timeout, none, value) = (own("timeout"), own("none_timeout"), own("value"));
        let made = match &self.arguments.timeout {
            Some(timeout) => timeout.tokens(root),
            None => quote!(#root::DEFAULT_TIMEOUT),
        };
        let Some(none_timeout) = &self.arguments.none_timeout else {
            return (quote!(let #timeout = #made;), quote!(|_| #timeout));
        };
        let made_none = none_timeout.tokens(root);
        let span = at(&self.function.output);
        let found = own_at("value", span);
        let is_none = quote_spanned!(span=> #root::__cached::MayBeNone::is_none(#found));
        (
            quote!(let (#timeout, #none) = (#made, #made_none);),
            quote!(|#value| if #is_none { #none } else { #timeout }),
        )
    }
}
