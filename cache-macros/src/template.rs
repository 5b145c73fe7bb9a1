//! The key: a string with arguments in it, `"user:{id}"`.

use std::mem;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, TokenStreamExt, quote};
use syn::ext::IdentExt;
use syn::{Ident, LitStr, Member, Result};

/// memcached takes no longer key.
const LONGEST: usize = 250;

pub(crate) struct Template {
    pub(crate) literal: LitStr,
    pub(crate) pieces: Vec<Piece>,
}

pub(crate) enum Piece {
    Text(String),
    Place(Place),
}

/// An argument, or a field of one: `user.id`.
pub(crate) struct Place {
    pub(crate) root: Ident,
    members: Vec<Member>,
}

impl ToTokens for Place {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.root.to_tokens(tokens);
        for member in &self.members {
            tokens.append_all(quote!(. #member));
        }
    }
}

impl Template {
    pub(crate) fn parse(literal: LitStr) -> Result<Self> {
        let refuse = |problem: String| syn::Error::new(literal.span(), problem);
        let text = literal.value();
        let (mut pieces, mut written) = (Vec::new(), String::new());
        let mut rest = text.as_str();
        while let Some((before, brace, after)) = at_brace(rest) {
            written.push_str(before);
            if let Some(after) = after.strip_prefix(brace) {
                written.push(brace);
                rest = after;
                continue;
            }
            if brace == '}' {
                return Err(refuse("the key has a `}` without its `{`; a brace itself is `}}`".to_owned()));
            }
            let Some((name, after)) = after.split_once('}') else {
                return Err(refuse("the key has a `{` without its `}`; a brace itself is `{{`".to_owned()));
            };
            if !written.is_empty() {
                pieces.push(Piece::Text(mem::take(&mut written)));
            }
            pieces.push(Piece::Place(place(name, literal.span()).map_err(refuse)?));
            rest = after;
        }
        written.push_str(rest);
        if !written.is_empty() {
            pieces.push(Piece::Text(written));
        }
        check(&pieces).map_err(refuse)?;
        Ok(Self { literal, pieces })
    }

    /// The arguments that the key names.
    pub(crate) fn roots(&self) -> impl Iterator<Item = &Ident> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Place(place) => Some(&place.root),
            Piece::Text(_) => None,
        })
    }
}

/// The text before the first brace, the brace, and the text behind it.
fn at_brace(text: &str) -> Option<(&str, char, &str)> {
    let before = text.split(['{', '}']).next()?;
    let mut rest = text.strip_prefix(before)?.chars();
    Some((before, rest.next()?, rest.as_str()))
}

fn place(name: &str, span: Span) -> std::result::Result<Place, String> {
    if name.trim().is_empty() {
        return Err("`{}` names no argument: write its name, as in `{id}`".to_owned());
    }
    if name.contains(':') && !name.contains("::") {
        return Err(format!(
            "`{{{name}}}` has a format, and a key takes names alone: write `{{{}}}`",
            name.split(':').next().unwrap_or_default()
        ));
    }
    let mut parts = name.split('.');
    let root = parts.next().unwrap_or_default();
    let parse = |part: &str| syn::parse::Parser::parse_str(Ident::parse_any, part);
    let expected =
        || format!("`{{{name}}}` is not an argument or a field of one, as `{{id}}` and `{{user.id}}` are");
    let mut root: Ident = parse(root).map_err(|_| expected())?;
    root.set_span(span);
    let members = parts.map(|part| match part.parse::<u32>() {
        Ok(index) => Ok(Member::Unnamed(syn::Index { index, span })),
        Err(_) => parse(part).map(|mut ident| {
            ident.set_span(span);
            Member::Named(ident)
        }),
    });
    Ok(Place { root, members: members.collect::<Result<_>>().map_err(|_| expected())? })
}

/// What would make one key of two lists of arguments, or a key that a store refuses.
fn check(pieces: &[Piece]) -> std::result::Result<(), String> {
    if pieces.is_empty() {
        return Err(
            "the key is empty: begin it with a name that no other function uses, as in \"user:{id}\""
                .to_owned(),
        );
    }
    for pair in pieces.windows(2) {
        match pair {
            [Piece::Place(one), Piece::Place(other)] => {
                let (one, other) = (spelled(one), spelled(other));
                return Err(format!(
                    "`{{{one}}}` and `{{{other}}}` touch, and 1 with 23 would be the key of 12 with 3: \
                     write a separator, as in `{{{one}}}:{{{other}}}`"
                ));
            }
            [Piece::Place(place), Piece::Text(text)] if text.starts_with(|c: char| c.is_ascii_digit()) => {
                let place = spelled(place);
                return Err(format!(
                    "a digit follows `{{{place}}}`, and could be one of the argument's: \
                     write a separator, as in `{{{place}}}:`"
                ));
            }
            _ => {}
        }
    }
    let literals =
        || pieces.iter().filter_map(|piece| if let Piece::Text(text) = piece { Some(text) } else { None });
    if let Some(refused) = literals().flat_map(|text| text.chars()).find(|&c| c <= ' ' || c == '\u{7f}') {
        return Err(format!(
            "the key has the character {refused:?}, which memcached refuses: write `:` or `_` instead"
        ));
    }
    let length: usize = literals().map(String::len).sum();
    if length > LONGEST {
        return Err(format!(
            "the key has {length} bytes without its arguments, and memcached takes {LONGEST} with them: shorten it"
        ));
    }
    Ok(())
}

/// A place as the key has it.
pub(crate) fn spelled(place: &Place) -> String {
    place.to_token_stream().to_string().replace(' ', "")
}

/// A key to suggest: the function's name and these arguments.
pub(crate) fn suggestion<'a>(function: &Ident, arguments: impl Iterator<Item = &'a Ident>) -> String {
    arguments.fold(function.unraw().to_string(), |key, argument| format!("{key}:{{{argument}}}"))
}
