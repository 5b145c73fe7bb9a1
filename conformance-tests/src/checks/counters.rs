//! I: incr and decr, signed 64-bit.

use crate::registry::Check;

pub(crate) const CHECKS: &[Check] = &[];
