//! X: isolation, hostile input, faults.

use crate::registry::Check;

pub(crate) const CHECKS: &[Check] = &[];
