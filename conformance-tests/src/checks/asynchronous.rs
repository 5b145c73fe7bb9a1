//! A: the async API.

use crate::registry::Check;

pub(crate) const CHECKS: &[Check] = &[];
