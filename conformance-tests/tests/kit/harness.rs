//! The arguments of a test program.

use conformance_tests::harness::{Arguments, Format};

fn parsed(line: &str) -> Result<Option<Arguments>, String> {
    Arguments::parse(line.split_whitespace().map(str::to_owned))
}

fn chosen(line: &str) -> Vec<&'static str> {
    let arguments = parsed(line).unwrap().unwrap();
    ["a::one", "a::two", "b::one"].into_iter().filter(|name| arguments.chooses(name)).collect()
}

#[test]
fn names_are_chosen() {
    assert_eq!(chosen(""), ["a::one", "a::two", "b::one"]);
    assert_eq!(chosen("one"), ["a::one", "b::one"]);
    assert_eq!(chosen("two b::"), ["a::two", "b::one"]);
    assert_eq!(chosen("--skip a::"), ["b::one"]);
    assert_eq!(chosen("--skip=a:: --skip one"), [] as [&str; 0]);
    assert_eq!(chosen("--exact one"), [] as [&str; 0]);
    assert_eq!(chosen("--exact a::one"), ["a::one"]);
    assert_eq!(chosen("--exact --skip a::"), ["a::one", "a::two", "b::one"]);
    assert_eq!(chosen("--ignored"), [] as [&str; 0]);
    assert_eq!(chosen("--bench"), [] as [&str; 0]);
    assert_eq!(chosen("--include-ignored --nocapture --color never -Z unstable-options two"), ["a::two"]);
}

#[test]
fn options_have_their_values() {
    let read = parsed("--test-threads 3 --format=json --logfile log --list").unwrap().unwrap();
    assert!(read.list);
    assert_eq!(read.format, Format::Json);
    assert_eq!(read.logfile.as_deref(), Some("log".as_ref()));
    assert_eq!(read.test_threads, Some(3));
    assert_eq!(parsed("-q").unwrap().unwrap().format, Format::Terse);
    assert_eq!(parsed("--help one").unwrap(), None);
}

#[test]
fn what_is_unknown_is_named() {
    for (line, text) in [
        ("--exactly", "unknown option --exactly"),
        ("--exact=yes", "--exact takes no value"),
        ("--skip", "--skip needs a value"),
        ("--test-threads 0", "--test-threads must be a positive number, not \"0\""),
        ("--format junit", "--format must be pretty, terse or json, not \"junit\""),
    ] {
        assert_eq!(parsed(line).unwrap_err(), text);
    }
}
