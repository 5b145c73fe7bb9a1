//! What the keys say.

use std::collections::HashSet;
use std::fmt;

use cache_core::Cache;
use cache_macros::cached;

use crate::stores::on_both;

#[cached(key = "pair:{one}:{other}")]
fn pair(cache: &Cache, one: &str, other: &str) -> String {
    format!("({one})({other})")
}

#[test]
fn lengths_tell_arguments_apart() {
    assert_eq!(pair_key("a:b", "c"), "pair:3:a:b:1:c");
    assert_eq!(pair_key("a", "b:c"), "pair:1:a:3:b:c");
    on_both(|cache| {
        assert_eq!(pair(cache, "a:b", "c"), "(a:b)(c)");
        assert_eq!(pair(cache, "a", "b:c"), "(a)(b:c)");
    });
}

/// Strings of the characters that keys are made of, and that stores refuse.
fn strings() -> Vec<String> {
    let characters = ["", "1", ":", "0", "a", "+", "-", "[", ",", "%", " ", "2", "\u{7f}"];
    let mut strings: Vec<String> = Vec::new();
    for one in characters {
        for other in characters {
            strings.push(format!("{one}{other}"));
            strings.push(format!("{one}:{other}"));
        }
    }
    strings.sort();
    strings.dedup();
    strings
}

#[test]
fn no_two_lists_of_texts_make_one_key() {
    let strings = strings();
    let keys = strings.iter().flat_map(|one| strings.iter().map(move |other| pair_key(one, other)));
    let keys: HashSet<String> = keys.collect();
    assert_eq!(keys.len(), strings.len() * strings.len());
    assert!(
        !keys.iter().any(|key| key.bytes().any(|byte| byte <= b' ' || byte == 0x7f)),
        "memcached takes each"
    );
}

#[cached(key = "mixed{number}:{text}{{}}{option}:{list}")]
fn mixed(cache: &Cache, number: i64, text: &str, option: Option<u32>, list: &[i8]) -> u64 {
    1
}

#[test]
fn no_two_lists_of_mixed_arguments_make_one_key() {
    let lists: [&[i8]; 7] = [&[], &[0], &[1, 2], &[12], &[1, -2], &[-1, 2], &[1, 2, 1]];
    let mut keys = HashSet::new();
    let mut count = 0;
    for number in [-1, 0, 1, 12, i64::MIN, i64::MAX] {
        for text in strings().iter().step_by(5) {
            for option in [None, Some(0), Some(1), Some(12)] {
                for list in lists {
                    count += 1;
                    assert!(
                        keys.insert(mixed_key(number, text, option, list)),
                        "{number} {text} {option:?} {list:?}"
                    );
                }
            }
        }
    }
    assert_eq!(keys.len(), count);
    assert_eq!(mixed_key(-7, "a b", Some(3), &[1, 2]), "mixed-7:5:a%20b{}+3:2[1,2,]");
}

#[derive(Debug)]
struct Point {
    x: i32,
    name: &'static str,
    inner: (u8, Id),
}

/// A type with its own `Display`.
#[derive(Clone, Copy, Debug)]
struct Id(u32);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

#[cached(key = "point:{point.x}:{point.name}:{point.inner.0}:{point.inner.1}")]
fn by_fields(cache: &Cache, point: &Point) -> i32 {
    point.x
}

#[test]
fn a_key_may_name_fields() {
    let point = Point { x: -1, name: "p", inner: (2, Id(3)) };
    assert_eq!(by_fields_key(&point), "point:-1:1:p:2:2:#3");
    on_both(|cache| {
        assert_eq!(by_fields(cache, &point), -1);
        assert!(by_fields_invalidate(cache, &point).unwrap());
    });
}

#[cached(key = "{r#type}:{id}", ignore(_unused))]
fn r#match(cache: &Cache, r#type: Id, _unused: u8, id: bool) -> u8 {
    u8::from(id) + u8::try_from(r#type.0).unwrap()
}

#[test]
fn raw_names_are_names() {
    assert_eq!(match_key(Id(1), true), "2:#1:4:true");
    on_both(|cache| assert_eq!(r#match(cache, Id(1), 2, true), 2));
}
