//! Asks before something is destroyed.

use std::io::{IsTerminal as _, Write as _};

use crate::failure::{Failure, Result};

/// Asks on a terminal, unless `yes` was said already; a program is not asked.
///
/// # Errors
/// When the answer is not yes.
pub(crate) fn confirm(yes: bool, question: &str) -> Result<()> {
    let on_a_terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if yes || !on_a_terminal {
        return Ok(());
    }
    let mut answer = String::new();
    let asked = write!(std::io::stderr(), "{} [y/N] ", cache_core::printable(question))
        .and_then(|()| std::io::stdin().read_line(&mut answer));
    let failed = |e| Failure::wrong(format!("the terminal cannot be asked: {e}; pass --yes"));
    asked.map_err(failed)?;
    if is_yes(&answer) { Ok(()) } else { Err(Failure::wrong("nothing was done")) }
}

fn is_yes(answer: &str) -> bool {
    ["y", "yes"].contains(&&*answer.trim().to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_yes_is_yes() {
        for yes in ["y\n", "Yes\n", " YES "] {
            assert!(super::is_yes(yes), "{yes:?}");
        }
        for no in ["", "\n", "n\n", "yeah\n", "yes please\n"] {
            assert!(!super::is_yes(no), "{no:?}");
        }
    }
}
