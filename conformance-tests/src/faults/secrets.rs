//! [`leaked`] and [`shown`]: find secrets in what a program logs and in the text of its errors.

/// What a failed test shows: an error with all that caused it, in both of its forms.
#[must_use]
pub fn shown(error: &dyn std::error::Error) -> String {
    let mut all = format!("{error} {error:?} {error:#?}");
    let mut source = error.source();
    while let Some(inner) = source {
        all.push_str(&format!(" {inner} {inner:?}"));
        source = inner.source();
    }
    all
}

/// Those of `secrets` that stand in `text`, as they are or as the bytes of a `Debug` list.
#[must_use]
pub fn leaked<'a>(text: &str, secrets: &[&'a str]) -> Vec<&'a str> {
    let bytes = |secret: &str| secret.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ");
    secrets.iter().copied().filter(|secret| text.contains(secret) || text.contains(&bytes(secret))).collect()
}
