//! Reads the arguments of a test program: those of libtest, and more than one filter.

use std::ffi::OsString;

use libtest_mimic::{Arguments, Trial};

/// The options that take their value as the next argument.
const WITH_VALUE: [&str; 5] = ["--test-threads", "--logfile", "--skip", "--color", "--format"];

/// This program's arguments, and the filters among them: a test runs that matches one of them.
pub(crate) fn of_program() -> (Arguments, Vec<String>) {
    let (rest, filters) = split(std::env::args_os());
    (Arguments::from_iter(rest), filters)
}

/// Takes the filters out of a program's arguments.
fn split(arguments: impl Iterator<Item = OsString>) -> (Vec<OsString>, Vec<String>) {
    let (mut rest, mut filters) = (Vec::new(), Vec::new());
    let mut is_value = true; // The first is the program's name.
    for argument in arguments {
        match argument.to_str() {
            Some(text) if !is_value && !text.starts_with('-') => filters.push(text.to_owned()),
            text => {
                is_value = !is_value && text.is_some_and(|text| WITH_VALUE.contains(&text));
                rest.push(argument);
                continue;
            }
        }
        is_value = false;
    }
    (rest, filters)
}

/// Leaves out the tests that match none of the filters. The library knows one filter; it counts what is left
/// out by their full names.
pub(crate) fn select(arguments: &mut Arguments, filters: &[String], trials: &[Trial]) {
    if let [] | [_] = filters {
        arguments.filter = filters.first().cloned();
        return;
    }
    let matches =
        |name: &str, text: &String| if arguments.exact { name == text } else { name.contains(&**text) };
    let is_left_out = |trial: &&Trial| {
        let name = trial.name();
        !filters.iter().any(|filter| matches(name, filter))
            || arguments.skip.iter().any(|text| matches(name, text))
    };
    let left_out: Vec<String> =
        trials.iter().filter(is_left_out).map(|trial| trial.name().to_owned()).collect();
    (arguments.skip, arguments.exact) = (left_out, true);
}
