//! The fault kit does what it says.

use std::fs;
use std::process::Command;

use conformance_tests::faults::{Corruption, Damage, Injection, SmallDisk, Strace, job, test_again};

#[test]
fn every_corruption_differs_and_none_is_left_out() {
    let whole: Vec<u8> = (0..5_000).map(|n: u32| n as u8 | 1).collect();
    let all: Vec<Corruption> = Corruption::all(&whole).collect();
    assert_eq!(all.len(), 5_000 + 40_000 + 2);
    assert!(all.iter().all(|one| one.bytes != whole));
    let zeroed = Corruption::of(&whole, Damage::Zeroed(4_096, 4_096)).unwrap().bytes;
    assert_eq!(zeroed[..4_096], whole[..4_096]);
    assert!(zeroed[4_096..].iter().all(|&byte| byte == 0));
    assert_eq!(Corruption::of(&[0; 8], Damage::Zeroed(0, 4_096)), None);
}

#[test]
fn the_nth_call_kills_or_fails() {
    let strace = match Strace::find() {
        Ok(strace) => strace,
        Err(e) => return eprintln!("skipped: {e}"),
    };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    let mut command = Command::new("sh");
    command.current_dir(dir.path()).args(["-c", "echo one >file; echo two >file; echo three >file; true"]);
    let read = || fs::read_to_string(&file).unwrap();
    let ends = |injection| {
        let mut ends = Vec::new();
        for nth in 1.. {
            fs::write(&file, "").unwrap();
            let run = strace.run(&command, "openat", nth, injection).unwrap();
            if ends.last() != Some(&read()) {
                ends.push(read());
            }
            let Some(status) = run else { return ends };
            assert!(injection != Injection::Kill || !status.success());
        }
        unreachable!("it opens its file three times")
    };
    assert_eq!(ends(Injection::Kill), ["", "one\n", "two\n", "three\n"]);
    // Without its third write; whether it starts at all without a library's is the loader's affair.
    assert!(ends(Injection::Error("EMFILE")).contains(&"two\n".to_owned()));
}

#[test]
fn the_points_are_the_calls_between_two_marks() {
    let strace = match Strace::find() {
        Ok(strace) => strace,
        Err(e) => return eprintln!("skipped: {e}"),
    };
    let mut command = Command::new("sh");
    // What `mark` does, by a shell, whose umask makes three calls.
    let mark = "test -e /faults-mark";
    command.args(["-c", &format!("umask 7; {mark}; umask 7; umask 7; {mark}; umask 7; true")]);
    let points = strace.points(&command).unwrap();
    let umasks: Vec<u64> = points.iter().filter(|call| call.name == "umask").map(|call| call.nth).collect();
    assert_eq!(umasks, [4, 5, 6, 7, 8, 9], "{points:?}");
    assert!(strace.points(&Command::new("true")).is_err());
}

#[test]
fn the_calls_of_a_program_are_listed() {
    let strace = match Strace::find() {
        Ok(strace) => strace,
        Err(e) => return eprintln!("skipped: {e}"),
    };
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    command.current_dir(dir.path()).args(["-c", "echo one >file; echo two >file"]);
    let calls = strace.calls(&command).unwrap();
    let opens: Vec<_> = calls.iter().filter(|call| call.name == "openat").collect();
    assert!(opens.iter().map(|call| call.nth).eq(1..=opens.len() as u64));
    assert_eq!(opens.iter().filter(|call| call.text.contains("\"file\"")).count(), 2);
    // Every listed point can be struck.
    let last = opens.last().unwrap();
    assert!(strace.run(&command, "openat", last.nth, Injection::Kill).unwrap().is_some());
    assert!(strace.run(&command, "openat", last.nth + 1, Injection::Kill).unwrap().is_none());
    assert!(strace.calls(&Command::new("false")).is_err());
}

#[test]
fn worker() {
    if let Some(path) = job() {
        fs::write(path, "it was here").unwrap();
    }
}

#[test]
fn a_worker_does_its_job_and_no_other_test() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    assert!(test_again("faults::worker", path).unwrap().status().unwrap().success());
    assert_eq!(fs::read_to_string(path).unwrap(), "it was here");
}

#[test]
fn a_small_disk_fills_up_and_has_room_again() {
    let disk = match SmallDisk::mount(64 << 10) {
        Ok(disk) => disk,
        Err(e) => return eprintln!("skipped: {e}"),
    };
    let filler = disk.fill().unwrap();
    assert!(fs::write(disk.path().join("more"), [1; 10]).is_err());
    fs::remove_file(filler).unwrap();
    fs::write(disk.path().join("more"), [1; 10]).unwrap();
}
