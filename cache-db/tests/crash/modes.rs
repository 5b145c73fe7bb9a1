//! Files and directories have their modes from the moment they are made, whatever the umask.

use std::fs;
use std::os::unix::fs::MetadataExt;

use conformance_tests::faults::{Strace, record};

use crate::state::Store;
use crate::worker::{Place, of_the_steps};

pub(crate) fn from_the_start(strace: &Strace, store: Store) {
    let (mut made, mut problems) = (0, Vec::new());
    for umask in ["000", "022", "077"] {
        let place = Place::new(store);
        for call in of_the_steps(strace.calls(&place.worker(umask)).unwrap()) {
            let text = &call.text;
            let is_made = text.contains("O_CREAT") || call.name.starts_with("mkdir");
            let mode = if call.name.starts_with("mkdir") { ", 0700)" } else { ", 0600)" };
            made += u64::from(is_made);
            if is_made && !text.contains(mode) || call.name.contains("chmod") {
                problems.push(format!("umask {umask}: {text}"));
            }
        }
        // What has another mode in the end was given it some other way.
        for entry in fs::read_dir(place.database().parent().unwrap()).unwrap() {
            let (path, mode) = entry.map(|e| (e.path(), e.metadata().unwrap().mode() & 0o777)).unwrap();
            if mode != 0o600 {
                problems.push(format!("umask {umask}: {} has {mode:o} in the end", path.display()));
            }
        }
    }
    let figure =
        format!("{} of {made} files and directories made with another mode ({store:?})", problems.len());
    record(23, store.backend(), made, problems.len() as u64, &figure);
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(made >= 3, "{made} were made");
}
