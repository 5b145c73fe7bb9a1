//! The rule, as an ordinary user and as root see it. Only root can make what belongs to others.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use cache_core::ErrorKind;
use cache_fs::{Directory, Rule, can_be_made, create_file, make_dir};
use conformance_tests::faults::{job, place_for_users, run_as};

const ROOT: u32 = 0;
const ME: u32 = 12_346;
const OTHER: u32 = 12_345;

fn give(path: &Path, owner: u32, mode: u32) {
    chown(path, Some(owner), Some(owner)).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Makes directories, each in the one before; returns the last.
fn tree(at: &Path, steps: &[(u32, u32)]) -> PathBuf {
    let mut path = at.to_owned();
    for (number, &(owner, mode)) in steps.iter().enumerate() {
        path = path.join(number.to_string());
        fs::create_dir(&path).unwrap();
        give(&path, owner, mode);
    }
    path
}

/// What is said of a directory: nothing if it is good.
fn said(path: &Path, rule: Rule) -> String {
    match Directory::open(path, rule, false) {
        Ok(Some(_)) => String::new(),
        Ok(None) => "not there".to_owned(),
        Err(e) => {
            assert_eq!(e.kind(), ErrorKind::InvalidCacheBackend, "{e}");
            assert!(e.to_string().contains(path.parent().unwrap().to_str().unwrap()), "{e}");
            e.to_string()
        }
    }
}

/// The same said of a file in its directory.
fn said_of_file(path: &Path, rule: Rule) -> String {
    let opened = Directory::open(path.parent().unwrap(), rule, false);
    match opened.and_then(|opened| opened.unwrap().file(path.file_name().unwrap())) {
        Ok(Some(_)) => String::new(),
        Ok(None) => "not there".to_owned(),
        Err(e) => e.to_string(),
    }
}

/// What `what` says of each path, by the user [`ME`]; `None` if that user cannot run this program.
fn as_user(test: &str, paths: &[PathBuf]) -> Option<Vec<String>> {
    let paths: Vec<_> = paths.iter().map(|path| path.to_str().unwrap()).collect();
    let output = run_as(ME, test, &paths.join("|"))?;
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().filter_map(|line| Some(line.split_once("SAID ")?.1.to_owned()));
    Some(lines.collect())
}

/// The paths that this process is to judge, where it is a worker.
fn paths() -> Option<Vec<PathBuf>> {
    job().map(|job| job.split('|').map(PathBuf::from).collect())
}

#[allow(clippy::print_stdout, reason = "the worker tells by it")]
fn tell(text: &str) {
    println!("SAID {text}");
}

const TRUSTED: u32 = 23_456;

/// The directories on the way with owners and modes, the store's last; what is said of it to this user, and
/// what to root.
type Case = (&'static [(u32, u32)], &'static str, &'static str);

const MINE: &str = "";
const THEIRS: &str = "belongs to another user";
const OPEN: &str = "is writable for other users: take the right away";
const EXCHANGED: &str = "who may exchange what is below it";
const BELOW: &str = "use a directory below it";

const CASES: [Case; 17] = [
    (&[(ROOT, 0o755), (ME, 0o700)], MINE, MINE),
    (&[(ROOT, 0o755), (ROOT, 0o755)], MINE, MINE),
    (&[(ROOT, 0o755), (OTHER, 0o755)], THEIRS, MINE),
    (&[(OTHER, 0o755), (ME, 0o700)], EXCHANGED, EXCHANGED),
    (&[(OTHER, 0o755), (ROOT, 0o755)], EXCHANGED, EXCHANGED),
    (&[(ROOT, 0o755), (ME, 0o770)], OPEN, OPEN),
    (&[(ROOT, 0o755), (ME, 0o702)], OPEN, OPEN),
    (&[(ROOT, 0o755), (ME, 0o1777)], BELOW, BELOW),
    (&[(ROOT, 0o1777)], BELOW, BELOW),
    (&[(ME, 0o777), (ME, 0o700)], EXCHANGED, EXCHANGED),
    (&[(ME, 0o770), (ME, 0o755), (ME, 0o700)], EXCHANGED, EXCHANGED),
    // Sticky: for one's own.
    (&[(ROOT, 0o1777), (ME, 0o700)], MINE, EXCHANGED),
    (&[(ROOT, 0o1777), (OTHER, 0o755)], EXCHANGED, EXCHANGED),
    (&[(OTHER, 0o1777), (ME, 0o700)], EXCHANGED, EXCHANGED),
    // A volume of Kubernetes.
    (&[(ROOT, 0o777)], BELOW, OPEN),
    (&[(ROOT, 0o777), (ME, 0o700)], MINE, EXCHANGED),
    (&[(ROOT, 0o2775), (OTHER, 0o755)], EXCHANGED, EXCHANGED),
];

#[test]
fn each_directory_on_the_way_is_judged() {
    if let Some(paths) = paths() {
        paths.iter().for_each(|path| tell(&said(path, Rule::directory())));
        return;
    }
    let Some(dir) = place_for_users() else { return };
    let paths: Vec<_> = (CASES.iter().enumerate())
        .map(|(number, (steps, ..))| {
            let at = dir.path().join(format!("case{number}"));
            fs::create_dir(&at).unwrap();
            tree(&at, steps)
        })
        .collect();
    let Some(to_user) = as_user("each_directory_on_the_way_is_judged", &paths) else { return };
    assert_eq!(to_user.len(), CASES.len());
    for ((steps, user, root), (path, told)) in CASES.iter().zip(paths.iter().zip(&to_user)) {
        for (who, said, expected) in [("user", told, user), ("root", &said(path, Rule::directory()), root)] {
            let is_right = if expected.is_empty() { said.is_empty() } else { said.contains(expected) };
            assert!(is_right, "{who}, {steps:?}: expected {expected:?}, and it says {said:?}");
        }
    }
}

#[test]
fn each_file_is_judged() {
    if let Some(paths) = paths() {
        let rule = Rule::file().group(Some(TRUSTED));
        paths.iter().for_each(|path| tell(&said_of_file(path, rule)));
        return;
    }
    let Some(dir) = place_for_users() else { return };
    let cases = [
        ((ME, 0o755), (ME, 0o600), MINE, MINE),
        ((ROOT, 0o755), (ME, 0o644), MINE, MINE),
        ((ROOT, 0o755), (OTHER, 0o644), THEIRS, MINE),
        ((ME, 0o755), (OTHER, 0o644), THEIRS, THEIRS),
        ((ME, 0o755), (ME, 0o660), OPEN, OPEN),
        ((ME, 0o755), (ROOT, 0o606), OPEN, OPEN),
        // One's own, and yet others may put files beside it.
        ((ROOT, 0o1777), (ME, 0o600), BELOW, BELOW),
        ((ROOT, 0o1777), (ROOT, 0o644), BELOW, BELOW),
        ((ME, 0o1777), (ME, 0o600), BELOW, BELOW),
    ];
    let paths: Vec<_> = (cases.iter().enumerate())
        .map(|(number, (place, (owner, mode), ..))| {
            let at = dir.path().join(format!("case{number}"));
            fs::create_dir(&at).unwrap();
            let path = tree(&at, &[*place]).join("file");
            fs::write(&path, "x").unwrap();
            give(&path, *owner, *mode);
            path
        })
        .collect();
    let Some(to_user) = as_user("each_file_is_judged", &paths) else { return };
    assert_eq!(to_user.len(), cases.len());
    for ((place, file, user, root), (path, told)) in cases.iter().zip(paths.iter().zip(&to_user)) {
        for (who, said, expected) in [("user", told, user), ("root", &said_of_file(path, Rule::file()), root)]
        {
            let is_right = if expected.is_empty() { said.is_empty() } else { said.contains(expected) };
            assert!(is_right, "{who}, {file:?} in {place:?}: expected {expected:?}, and it says {said:?}");
        }
    }
}

#[test]
fn a_group_is_trusted_where_it_is_named() {
    let Some(dir) = place_for_users() else { return };
    let path = tree(dir.path(), &[(ME, 0o770)]);
    chown(&path, None, Some(TRUSTED)).unwrap();
    fs::write(path.join("file"), "x").unwrap();
    give(&path.join("file"), ME, 0o660);
    chown(path.join("file"), None, Some(TRUSTED)).unwrap();
    assert!(said(&path, Rule::file()).contains(OPEN));
    assert!(said(&path, Rule::file().group(Some(TRUSTED + 1))).contains(OPEN));
    let trusting = Rule::file().group(Some(TRUSTED));
    assert_eq!(
        (said(&path, trusting), said_of_file(&path.join("file"), trusting)),
        <(String, String)>::default()
    );
}

#[test]
fn a_link_of_another_user_is_not_followed() {
    let Some(dir) = place_for_users() else { return };
    let store = tree(dir.path(), &[(ROOT, 0o755), (ROOT, 0o755)]);
    let link = dir.path().join("link");
    symlink(store.parent().unwrap(), &link).unwrap();
    let through = link.join("1");
    assert_eq!(said(&through, Rule::directory()), "");
    rustix::fs::chownat(
        rustix::fs::CWD,
        &link,
        Some(rustix::fs::Uid::from_raw(OTHER)),
        None,
        rustix::fs::AtFlags::SYMLINK_NOFOLLOW,
    )
    .unwrap();
    let told = said(&through, Rule::directory());
    assert!(told.contains("who may redirect it") && told.contains(link.to_str().unwrap()), "{told}");
}

#[test]
fn links_and_dots_lead_where_the_system_says() {
    let dir = tempfile::tempdir().unwrap();
    let real = dir.path().canonicalize().unwrap();
    fs::create_dir_all(real.join("a/b")).unwrap();
    symlink("a/b", real.join("relative")).unwrap();
    symlink(real.join("a"), real.join("absolute")).unwrap();
    symlink("loop", real.join("loop")).unwrap();
    symlink("nowhere", real.join("dangling")).unwrap();
    let path = |named: &str| {
        let opened = Directory::open(&real.join(named), Rule::file(), false);
        opened.map(|opened| opened.map(|dir| dir.path().to_owned())).map_err(|e| e.kind())
    };
    for (named, leads) in
        [("relative", "a/b"), ("absolute/b", "a/b"), ("relative/..", "a"), ("a/./b/../../a", "a"), ("a", "a")]
    {
        assert_eq!(path(named), Ok(Some(real.join(leads))), "{named}");
    }
    assert_eq!(path("dangling"), Ok(None));
    assert_eq!(path("a/none/deeper"), Ok(None));
    assert_eq!(path("loop"), Err(ErrorKind::Storage));
    assert_eq!(path("a/none/../b"), Err(ErrorKind::Storage));
    // As a directory of entries no link is taken, and nothing is made through one.
    for named in ["relative", "absolute", "dangling"] {
        for create in [false, true] {
            let refused = Directory::open(&real.join(named), Rule::directory(), create).unwrap_err();
            assert!(refused.to_string().contains("is a symbolic link"), "{named}: {refused}");
        }
    }
    assert!(!real.join("nowhere").exists());
}

#[test]
fn a_directory_that_was_exchanged_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let held = Directory::open(&path, Rule::directory(), true).unwrap().unwrap();
    assert!(held.is_in_place() && !held.is_removed());
    fs::rename(&path, dir.path().join("aside")).unwrap();
    fs::create_dir(&path).unwrap();
    let until = |noticed: &dyn Fn() -> bool| {
        let since = std::time::Instant::now();
        while !noticed() {
            assert!(since.elapsed().as_secs() < 60, "nothing was noticed");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    };
    until(&|| !held.is_in_place());
    // What is done goes on in the directory that was judged.
    create_file(&held, "file", None).unwrap();
    assert!(dir.path().join("aside/file").exists() && !path.join("file").exists());
    // New rights are a change as well.
    let held = Directory::open(&path, Rule::directory(), true).unwrap().unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
    until(&|| !held.is_in_place());
    fs::remove_dir(&path).unwrap();
    assert!(held.is_removed());
}

#[test]
fn what_root_makes_belongs_to_the_owner_of_the_directory() {
    let Some(dir) = place_for_users() else { return };
    let owner = |path: &Path| {
        let made = fs::symlink_metadata(path).unwrap();
        (made.uid(), made.gid(), made.mode() & 0o777)
    };
    let of_user = tree(dir.path(), &[(ME, 0o755)]);
    let below = of_user.join("a/b");
    let held = Directory::open(&below, Rule::directory(), true).unwrap().unwrap();
    create_file(&held, "file", held.heir()).unwrap();
    make_dir(&held, "dir", held.heir()).unwrap();
    assert!(held.create_file(OsStr::new("another")).unwrap().is_some());
    for (path, mode) in [("", 0o700), ("file", 0o600), ("dir", 0o700), ("another", 0o600)] {
        assert_eq!(owner(&below.join(path)), (ME, ME, mode), "{path}");
    }
    // Directories that existed before never change owner.
    fs::create_dir(below.join("roots")).unwrap();
    make_dir(&held, "roots", held.heir()).unwrap();
    let of_root = dir.path().join("roots/own");
    Directory::open(&of_root, Rule::directory(), true).unwrap().unwrap();
    assert_eq!(owner(&of_root), (ROOT, ROOT, 0o700));
}

#[test]
fn a_directory_that_cannot_be_made_is_named_with_the_way_out() {
    if let Some(paths) = paths() {
        for path in paths {
            let write = Directory::open(&path, Rule::directory(), true).map(drop);
            for refused in [write.unwrap_err(), can_be_made(&path).unwrap_err()] {
                assert_eq!(refused.kind(), ErrorKind::Storage);
                tell(&refused.to_string());
            }
            assert!(Directory::open(&path, Rule::directory(), false).unwrap().is_none());
        }
        return;
    }
    let Some(dir) = place_for_users() else { return };
    let path = dir.path().join("none/cache");
    let name = "a_directory_that_cannot_be_made_is_named_with_the_way_out";
    let Some(told) = as_user(name, std::slice::from_ref(&path)) else { return };
    assert_eq!(told.len(), 2, "{told:?}");
    for told in told {
        assert!(
            told.contains(path.to_str().unwrap()) && told.contains("create it and give it to this user"),
            "{told}"
        );
    }
    assert!(!dir.path().join("none").exists());
}
