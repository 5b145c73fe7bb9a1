//! Family C: concurrency.

mod add;
mod cull;
mod incr;
mod models;
pub(in crate::checks) mod patterned_values;
mod processes;
mod removal;
mod robustness;
pub(in crate::checks) mod rounds;
mod values;

use self::add::*;
use self::cull::*;
use self::incr::*;
use self::models::*;
use self::processes::*;
use self::removal::*;
use self::robustness::*;
use self::values::*;
use crate::check::Check;

pub(crate) const CHECKS: &[Check] = &[
    check!("C", add_one_winner),
    check_with_worker!("C", add_one_winner_procs, add_worker),
    check!("C", add_one_winner_on_expiry),
    check!("C", incr_no_loss),
    check_with_worker!("C", incr_no_loss_procs, incr_worker),
    check!("C", incr_results_unique),
    check!("C", incr_vs_set),
    check!("C", no_torn_read),
    check!("C", no_foreign_value),
    check!("C", touch_vs_get),
    check!("C", touch_vs_set),
    check!("C", delete_vs_set),
    check!("C", overwrite_never_missing),
    check!("C", expire_vs_add),
    check!("C", clear_vs_set),
    check!("C", clear_vs_incr),
    check!("C", set_many_vs_get_many),
    check!("C", incr_version_race),
    check!("C", cull_vs_get),
    check!("C", bound_under_load),
    check!("C", monotonic_reads),
    check!("C", linearizable_per_key),
    check!("C", model_sequential),
    check!("C", model_differential),
    check!("C", deadlock_watchdog),
    check!("C", poison_recovery),
    check_with_worker!("C", kill9_mid_write, kill9_worker),
    check_with_worker!("C", proc_visibility, visibility_worker),
    check!("C", handle_outlives_sibling),
    check!("C", pool_exhaustion),
];
