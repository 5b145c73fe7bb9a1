//! Family L: `clear`, closing and reopening, the store's directory, and a backend without a store.

mod clear;
mod directory;
mod null_backend;
mod reopen;

use self::clear::*;
use self::directory::*;
use self::null_backend::*;
use self::reopen::*;
use crate::check::Check;

pub(crate) const CHECKS: &[Check] = &[
    check!("L", clear_empties),
    check!("L", clear_on_empty).storeless(),
    check!("L", clear_spans_prefixes),
    check!("L", clear_spares_other_location),
    check!("L", clear_spares_foreign_data),
    check!("L", usable_after_clear),
    check!("L", close_idempotent).storeless(),
    check!("L", use_after_close),
    check!("L", drop_releases_fds).own_process(),
    check!("L", location_created),
    check!("L", location_deleted_underneath),
    check!("L", reopen_data),
    check_with_worker!("L", reopen_from_other_process, write_and_leave),
    check!("L", file_modes),
    check!("L", readonly_location_err),
    check!("L", bad_location_err),
    check!("L", dummy_profile).storeless(),
];
