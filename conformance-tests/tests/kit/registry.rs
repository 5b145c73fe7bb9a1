//! The checks that the kit runs are those of `checks.json`.

use std::collections::BTreeSet;

use conformance_tests::Suite;

#[test]
fn every_check_of_the_list_is_here_once_and_none_besides() {
    let text = include_str!("../../checks.json");
    let list: serde_json::Value = serde_json::from_str(text).unwrap();
    let listed: Vec<String> = list["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| format!("{}::{}", c["family"].as_str().unwrap(), c["name"].as_str().unwrap()))
        .map(|name| name.trim_end_matches("::*").to_owned())
        .collect();
    let here = Suite::checks();
    let as_set = |names: &[String]| names.iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(as_set(&here).len(), here.len(), "a check is listed twice");
    let (listed, here) = (as_set(&listed), as_set(&here));
    let missing: Vec<_> = listed.difference(&here).collect();
    let extra: Vec<_> = here.difference(&listed).collect();
    assert!(missing.is_empty() && extra.is_empty(), "missing {missing:?}, extra {extra:?}");
    let mut ids: Vec<u64> =
        list["checks"].as_array().unwrap().iter().map(|check| check["id"].as_u64().unwrap()).collect();
    ids.sort_unstable();
    assert!(ids.iter().copied().eq(1..=listed.len() as u64), "an id is repeated or missing: {ids:?}");
}

#[test]
fn every_check_says_what_usually_fails_it() {
    let list: serde_json::Value = serde_json::from_str(include_str!("../../checks.json")).unwrap();
    for family in list["families"].as_object().unwrap().keys() {
        assert!(
            list["causes"][family].as_str().is_some_and(|cause| cause.len() > 20),
            "{family} has no usual cause"
        );
    }
    for check in list["checks"].as_array().unwrap() {
        assert!(check["expect"].as_str().is_some_and(|expect| !expect.is_empty()), "{check}");
        assert!(
            check["cause"].is_null() || check["cause"].as_str().is_some_and(|cause| cause.len() > 20),
            "{check}"
        );
    }
}
