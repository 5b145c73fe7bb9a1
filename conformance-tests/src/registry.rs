//! The list of all checks of all families, to run through and to find a check by name.

use crate::check::Check;
use crate::checks;
use crate::mode::Mode;

/// Every check that this kit runs.
pub(crate) fn all() -> impl Iterator<Item = &'static Check> {
    checks::FAMILIES.iter().flat_map(|family| family.iter())
}

/// Every check, in each mode that it means something in.
pub(crate) fn runs() -> impl Iterator<Item = (&'static Check, Mode)> {
    let modes = |check: &'static Check| {
        let modes = if check.async_only { &[Mode::Async][..] } else { &[Mode::Sync, Mode::Async] };
        modes.iter().map(move |&mode| (check, mode))
    };
    all().flat_map(modes)
}

/// The check of this full name.
pub(crate) fn find(full_name: &str) -> Option<&'static Check> {
    all().find(|check| check.full_name() == full_name)
}
