//! L: clear, close, reopen.

use crate::registry::Check;

pub(crate) const CHECKS: &[Check] = &[];
