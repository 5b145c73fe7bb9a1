//! A.

use crate::registry::Check;

pub(crate) const CHECKS: &[Check] = &[];
