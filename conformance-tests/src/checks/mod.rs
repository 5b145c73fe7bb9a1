//! The checks, by family.

mod keys;

use crate::registry::Check;

/// All families, in the order of `checks.json`.
pub(crate) const FAMILIES: &[&[Check]] = &[keys::CHECKS];
