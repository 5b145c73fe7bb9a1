//! What a `macro_rules!` writes into an `impl`: only macros of one rule without repetitions are understood.

use std::collections::HashMap;

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use syn::ItemImpl;

/// What a macro of one rule without repetitions writes for these arguments, which are separated by commas.
pub(crate) fn expand(rules: TokenStream, arguments: TokenStream) -> Result<TokenStream, String> {
    let rules: Vec<TokenTree> = rules.into_iter().collect();
    let (matcher, written) = match &rules[..] {
        [
            TokenTree::Group(matcher),
            TokenTree::Punct(_),
            TokenTree::Punct(_),
            TokenTree::Group(written),
            ..,
        ] if rules.len() <= 5 => (matcher.stream(), written.stream()),
        _ => return Err("it has more than one rule".to_owned()),
    };
    let matcher: Vec<TokenTree> = matcher.into_iter().collect();
    if matcher.iter().any(|token| matches!(token, TokenTree::Group(_))) {
        return Err("its rule has a repetition".to_owned());
    }
    let names = matcher.windows(2).filter(|pair| is(&pair[0], '$')).map(|pair| pair[1].to_string());
    let arguments: Vec<TokenTree> = arguments.into_iter().collect();
    let values = arguments.split(|token| is(token, ',')).map(|value| value.iter().cloned().collect());
    Ok(substitute(written, &names.zip(values).collect()))
}

/// Whether `tokens` have a `pub` that is not `pub(…)`.
pub(crate) fn is_public(tokens: TokenStream) -> bool {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    tokens.iter().enumerate().any(|(place, token)| match token {
        TokenTree::Group(group) => is_public(group.stream()),
        TokenTree::Ident(ident) => {
            ident == "pub" && !matches!(tokens.get(place + 1), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis)
        }
        _ => false,
    })
}

fn is(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == character)
}

/// `written` with the values of its `$name`s.
fn substitute(written: TokenStream, values: &HashMap<String, TokenStream>) -> TokenStream {
    let mut result = TokenStream::new();
    let mut after_dollar = false;
    for token in written {
        if is(&token, '$') {
            after_dollar = true;
            continue;
        }
        match token {
            TokenTree::Ident(name) if after_dollar && values.contains_key(&name.to_string()) => {
                result.extend(values[&name.to_string()].clone());
            }
            TokenTree::Group(group) => {
                let inner = Group::new(group.delimiter(), substitute(group.stream(), values));
                result.extend([TokenTree::Group(inner)]);
            }
            token => result.extend([token]),
        }
        after_dollar = false;
    }
    result
}

/// `impl owner { written }`.
pub(crate) fn impl_of(owner: &str, written: TokenStream) -> Result<ItemImpl, String> {
    let ident = |text: &str| TokenTree::Ident(Ident::new(text, Span::call_site()));
    let body = TokenTree::Group(Group::new(Delimiter::Brace, written));
    syn::parse2([ident("impl"), ident(owner), body].into_iter().collect()).map_err(|error| error.to_string())
}
