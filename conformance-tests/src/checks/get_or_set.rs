//! G: get_or_set.

use crate::registry::Check;

pub(crate) const CHECKS: &[Check] = &[];
