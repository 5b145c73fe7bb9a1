//! W: incr_version and decr_version.

use crate::registry::Check;

pub(crate) const CHECKS: &[Check] = &[];
