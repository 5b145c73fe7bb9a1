//! The generic parameters that a function with fewer arguments needs.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{GenericParam, Generics, Ident, WherePredicate};

use crate::function::idents;

/// Keeps the parameters of `generics` that `mentioned` or a kept bound mentions, with their `where` clauses.
pub(crate) fn needed(generics: &Generics, mentioned: TokenStream) -> Generics {
    let all: Vec<&Ident> = generics.params.iter().map(name_of).collect();
    let of = |tokens: TokenStream| idents(tokens).into_iter().filter(|name| all.contains(&name));
    let clauses = || generics.where_clause.iter().flat_map(|clause| &clause.predicates);
    let mut names: Vec<Ident> = of(mentioned).collect();
    loop {
        let bounded = generics.params.iter().filter(|parameter| names.contains(name_of(parameter)));
        let more = bounded.flat_map(|parameter| of(parameter.to_token_stream()));
        let about = clauses().filter(|clause| of(subject(clause)).all(|name| names.contains(&name)));
        let more: Vec<Ident> = more.chain(about.flat_map(|clause| of(clause.to_token_stream()))).collect();
        let known = names.len();
        for name in more {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if names.len() == known {
            break;
        }
    }
    let mut needed = generics.clone();
    needed.params =
        needed.params.into_iter().filter(|parameter| names.contains(name_of(parameter))).collect();
    if let Some(clause) = &mut needed.where_clause {
        let predicates = std::mem::take(&mut clause.predicates).into_iter();
        let is_kept =
            |clause: &WherePredicate| of(clause.to_token_stream()).all(|name| names.contains(&name));
        clause.predicates = predicates.filter(is_kept).collect();
    }
    needed
}

fn name_of(parameter: &GenericParam) -> &Ident {
    match parameter {
        GenericParam::Type(parameter) => &parameter.ident,
        GenericParam::Const(parameter) => &parameter.ident,
        GenericParam::Lifetime(parameter) => &parameter.lifetime.ident,
    }
}

/// What a `where` clause is about: what stands before its colon.
fn subject(clause: &WherePredicate) -> TokenStream {
    match clause {
        WherePredicate::Type(clause) => clause.bounded_ty.to_token_stream(),
        WherePredicate::Lifetime(clause) => clause.lifetime.to_token_stream(),
        _ => clause.to_token_stream(),
    }
}
