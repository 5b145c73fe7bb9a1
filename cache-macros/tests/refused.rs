//! Programs that must not compile, each with the message that says why. `TRYBUILD=overwrite` rewrites the messages.

#[test]
fn each_refusal_says_what_to_do() {
    trybuild::TestCases::new().compile_fail("tests/refused/*.rs");
}
