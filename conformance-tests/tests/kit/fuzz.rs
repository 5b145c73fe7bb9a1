//! Fuzzing finds what is wrong with a reader.

use conformance_tests::faults::{Fuzz, Log, job, leaked, test_again};

/// A reader of digits, with a fault.
#[test]
fn reader() {
    let Some(fault) = job() else { return };
    let modest = |run: &mut dyn FnMut()| (run(), 100).1;
    let greedy = |run: &mut dyn FnMut()| (run(), 1 << 20).1;
    let fuzz = Fuzz::new("kit", "digits").seed(b"12 345").words(&[b"-"]);
    let fuzz = fuzz.memory(if fault == "greedy" { greedy } else { modest }, Fuzz::twice);
    fuzz.run(2_000, |input| {
        assert!(fault != "panics" || !input.contains(&b'-'), "a dash");
        match &*fault {
            "takes nothing" => false,
            "takes all" => true,
            _ => input.iter().all(|byte| byte.is_ascii_digit() || *byte == b' '),
        }
    });
}

fn succeeds(fault: &str) -> bool {
    let mut again = test_again("fuzz::reader", fault).unwrap();
    again
        .env_remove("FAULTS_REPORT")
        .env_remove("FUZZ_SEED")
        .env_remove("FUZZ_INPUTS")
        .status()
        .unwrap()
        .success()
}

#[test]
fn a_faulty_reader_fails_and_a_good_one_does_not() {
    assert!(succeeds("none"));
    for fault in ["panics", "greedy", "takes nothing", "takes all"] {
        assert!(!succeeds(fault), "{fault}");
    }
    assert!(!succeeds("panics"));
    // What it failed on is left for the seeds.
    let kept = std::fs::read(std::env::temp_dir().join("fuzz-kit-digits")).unwrap();
    assert!(kept.contains(&b'-'), "{kept:?}");
}

#[test]
fn a_log_has_all_fields_and_leaks_are_found() {
    let log = Log::default();
    tracing::subscriber::with_default(log.clone(), || {
        tracing::trace!(secret = "hunter2", bytes = ?b"swordfish", "said");
    });
    let text = log.take();
    assert_eq!(leaked(&text, &["hunter2", "swordfish", "absent"]), ["hunter2", "swordfish"]);
    assert_eq!(log.take(), "");
}
