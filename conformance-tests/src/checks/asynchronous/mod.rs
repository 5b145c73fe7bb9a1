//! Family A: the async API.

mod cancel;
mod django_bugs;
mod halves;
mod mirror;
mod runtime;
mod send;

use self::cancel::*;
use self::django_bugs::*;
use self::halves::*;
use self::mirror::*;
use self::runtime::*;
use self::send::*;
use crate::check::Check;

pub(crate) const CHECKS: &[Check] = &[
    check!("A", mirror).async_only(),
    check!("A", incr_keeps_ttl).async_only(),
    check!("A", incr_atomic).async_only(),
    check!("A", sync_async_interop).async_only(),
    check!("A", async_closure).async_only(),
    check!("A", cancel_set).async_only(),
    check!("A", cancel_incr).async_only(),
    check!("A", cancel_add).async_only(),
    check!("A", cancel_get_or_set).async_only(),
    check!("A", cancel_keeps_connection).async_only(),
    check!("A", cancel_many).async_only(),
    check!("A", executor_not_blocked).async_only().real_time().alone().own_process(),
    check!("A", runtime_shutdown).async_only().real_time(),
    check!("A", send_static).async_only().storeless(),
    check!("A", halves_agree).async_only(),
];
