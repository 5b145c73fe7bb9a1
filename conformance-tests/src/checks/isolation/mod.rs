//! Family X: isolation, hostile input, faults.

mod damage;
mod hostile_input;
mod locations;
pub(crate) mod network;
mod outages;
mod secrets;

use self::damage::*;
use self::hostile_input::*;
use self::locations::*;
use self::network::{reply_cut_midway, slow_reply};
use self::outages::*;
use self::secrets::*;
use crate::check::Check;

pub(crate) const CHECKS: &[Check] = &[
    check!("X", locations_isolated),
    check!("X", locations_shared),
    check!("X", glob_literal),
    check!("X", path_traversal),
    check!("X", symlink_not_followed),
    check!("X", sql_literal),
    check!("X", table_name_quoted),
    check!("X", crlf_injection).storeless(),
    check!("X", value_crlf_end),
    check!("X", cluster_hash_tag),
    check!("X", decompression_bomb),
    check!("X", truncated_every_length),
    check!("X", bit_flip),
    check!("X", foreign_writer),
    check!("X", foreign_files_ignored),
    check!("X", unreachable_every_op),
    check!("X", unreachable_bounded),
    check!("X", reconnect),
    check!("X", reply_cut_midway),
    check!("X", slow_reply),
    check!("X", disk_full),
    check!("X", db_locked),
    check!("X", no_values_in_errors),
];
