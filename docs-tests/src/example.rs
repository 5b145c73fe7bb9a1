//! [`Call`]: what an example must have.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

/// The call of a function.
pub(crate) struct Call<'a> {
    pub(crate) name: &'a str,
    /// Behind a dot or a path. A function of a module may also stand alone.
    pub(crate) of_type: bool,
    /// With `.await` behind it.
    pub(crate) awaited: bool,
}

impl Call<'_> {
    /// Whether a reader of `docs` sees the call in a code block that rustdoc compiles.
    pub(crate) fn is_in_blocks_of(&self, docs: &str) -> bool {
        let mut block: Option<String> = None;
        for event in Parser::new(docs) {
            match event {
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) if is_compiled(&info) => {
                    block = Some(String::new());
                }
                Event::Text(text) => {
                    if let Some(block) = &mut block {
                        block.push_str(&text);
                    }
                }
                Event::End(TagEnd::CodeBlock) => {
                    let code = block.take().unwrap_or_default();
                    if visible(&code).parse().is_ok_and(|code| self.is_in(code)) {
                        return true;
                    }
                }
                _ => {}
            }
        }
        false
    }

    /// Whether the call is in `code`.
    fn is_in(&self, code: TokenStream) -> bool {
        let code: Vec<TokenTree> = code.into_iter().collect();
        let is = |place: usize, text: &str| code.get(place).is_some_and(|token| token.to_string() == text);
        code.iter().enumerate().any(|(place, token)| match token {
            TokenTree::Group(group) => self.is_in(group.stream()),
            TokenTree::Ident(ident) if *ident == self.name => {
                let before = place.wrapping_sub(1);
                let is_meant = is(before, ".") || is(before, ":") || !self.of_type && !is(before, "fn");
                let after = behind_generics(&code, place + 1);
                let is_call = matches!(code.get(after), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis);
                is_meant && is_call && (!self.awaited || is(after + 1, ".") && is(after + 2, "await"))
            }
            _ => false,
        })
    }
}

/// The place behind `::<…>`, if that is at `place`.
fn behind_generics(code: &[TokenTree], place: usize) -> usize {
    let is = |place: usize, text: &str| code.get(place).is_some_and(|token| token.to_string() == text);
    if !(is(place, ":") && is(place + 1, ":") && is(place + 2, "<")) {
        return place;
    }
    let (mut open, mut after) = (1, place + 3);
    while open > 0 && after < code.len() {
        open += i32::from(is(after, "<")) - i32::from(is(after, ">"));
        after += 1;
    }
    after
}

/// Whether rustdoc compiles a block with these words behind its fence.
fn is_compiled(info: &str) -> bool {
    info.split([',', ' ']).all(|word| ["", "rust", "no_run", "should_panic"].contains(&word))
}

/// The lines that rustdoc shows.
fn visible(code: &str) -> String {
    let is_hidden = |line: &&str| line.trim() == "#" || line.trim_start().starts_with("# ");
    code.lines().filter(|line| !is_hidden(line)).map(|line| format!("{line}\n")).collect()
}
