//! F: value fidelity.

use crate::registry::Check;

pub(crate) const CHECKS: &[Check] = &[];
