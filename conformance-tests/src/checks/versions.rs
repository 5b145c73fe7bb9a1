//! V: versions, prefix, key function.

use crate::registry::Check;

pub(crate) const CHECKS: &[Check] = &[];
