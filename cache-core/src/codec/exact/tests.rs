use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::codec::{Codec, Json, MessagePack, decode, encode, without_value};

const CODECS: [&dyn Codec; 2] = [&MessagePack, &Json];

fn through<T: Serialize, U: DeserializeOwned>(codec: &dyn Codec, value: &T) -> Result<U, String> {
    let bytes = encode(codec, value).map_err(|e| e.to_string())?;
    decode(codec, &bytes).map_err(|e| without_value(&e.to_string()))
}

fn in_json<T: DeserializeOwned>(json: &str) -> Result<T, String> {
    decode(&Json, json.as_bytes()).map_err(|e| without_value(&e.to_string()))
}

fn is_about(words: &str, error: Result<impl Debug, String>) {
    assert!(matches!(&error, Err(told) if told.contains(words)), "{error:?} is not about {words}");
}

#[derive(Debug, Serialize, Deserialize, PartialEq)]
struct Flat {
    name: String,
    #[serde(flatten)]
    rest: Rest,
}

#[derive(Debug, Serialize, Deserialize, PartialEq)]
struct Rest {
    single: f32,
    double: f64,
    signed: i64,
    unsigned: u64,
}

#[derive(Debug, Serialize, Deserialize, PartialEq)]
#[serde(untagged)]
enum Either {
    Text(String),
    Single(f32),
    Wide { wide: u128 },
}

#[derive(Debug, Serialize, Deserialize, PartialEq)]
enum Shape {
    Unit,
    Newtype(f32),
    Tuple(f64, i128),
    Struct { single: Option<f32>, wide: u128 },
}

/// Numbers without a pattern: splitmix64.
fn random(count: u64) -> impl Iterator<Item = u64> {
    (1..=count).map(|n| {
        let z = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

#[test]
fn doubles_come_back_to_the_bit() {
    let extremes =
        [0.0, -0.0, 5e-324, f64::MIN_POSITIVE, f64::MAX, f64::MIN, 1.0, 1e22, 11.648_059_100_279_703];
    let doubles: Vec<f64> =
        random(10_000).map(f64::from_bits).filter(|n| n.is_finite()).chain(extremes).collect();
    for codec in CODECS {
        let back: Vec<f64> = through(codec, &doubles).unwrap();
        let dynamic: Value = through(codec, &doubles).unwrap();
        for ((double, typed), dynamic) in doubles.iter().zip(back).zip(dynamic.as_array().unwrap()) {
            assert_eq!(typed.to_bits(), double.to_bits(), "{double:e}");
            assert!(dynamic.is_f64(), "{double:e} is {dynamic:?}");
            assert_eq!(dynamic.as_f64().unwrap().to_bits(), double.to_bits(), "{double:e}");
        }
    }
}

#[test]
fn an_f32_is_the_same_by_way_of_a_double() {
    // Its shortest decimal, read as a double, is half way to another.
    let odd = 7.038_531e-26_f32;
    assert_ne!("7.038531e-26".parse::<f64>().unwrap() as f32, odd);
    let numbers = random(20_000).map(|bits| f32::from_bits(bits as u32)).filter(|n| n.is_finite());
    for single in numbers.chain([odd, -odd, 0.1, -0.0, 1.0, f32::MAX, f32::MIN_POSITIVE, f32::from_bits(1)]) {
        for codec in CODECS {
            let back: f32 = through(codec, &single).unwrap();
            let double: f64 = through(codec, &single).unwrap();
            let Either::Single(untagged) = through(codec, &Either::Single(single)).unwrap() else {
                panic!("{single:e} is another variant")
            };
            for back in [back, double as f32, untagged] {
                assert_eq!(back.to_bits(), single.to_bits(), "{single:e} in {}", codec.name());
            }
        }
    }
    assert_eq!(encode(&Json, &0.1_f32).unwrap(), b"0.1");
}

#[test]
fn json_refuses_nan_and_the_infinities_wherever_they_are() {
    for number in [f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let single = number as f32;
        let map = BTreeMap::from([("a", Some(number))]);
        let flat = Flat { name: String::new(), rest: Rest { single, double: 0.5, signed: 0, unsigned: 0 } };
        for refused in [
            encode(&Json, &number),
            encode(&Json, &single),
            encode(&Json, &[0.5, number]),
            encode(&Json, &("a", single)),
            encode(&Json, &map),
            encode(&Json, &flat),
            encode(&Json, &Either::Single(single)),
            encode(&Json, &[Shape::Unit, Shape::Newtype(single)]),
            encode(&Json, &Shape::Tuple(number, 1)),
            encode(&Json, &Shape::Struct { single: Some(single), wide: 1 }),
        ] {
            let refused = refused.unwrap_err();
            assert!(refused.is::<crate::PublicError>(), "{refused:?}");
            assert!(
                refused.to_string().contains("NaN or an infinity, which JSON does not have"),
                "{refused}"
            );
        }
        assert_eq!(through::<_, f64>(&MessagePack, &number).unwrap().to_bits(), number.to_bits());
        let [back] = through::<_, [f32; 1]>(&MessagePack, &[single]).unwrap();
        assert_eq!(back.to_bits(), single.to_bits());
    }
}

#[test]
fn integers_of_any_size_come_back_to_who_takes_them() {
    let edges = [0, 1, -1, 63, 64, 127, i128::from(i64::MIN), i128::from(i64::MIN) - 1, i128::from(u64::MAX)];
    let more = [i128::from(u64::MAX) + 1, i128::MAX, i128::MIN, i128::MAX - 1];
    for n in edges.into_iter().chain(more) {
        for codec in CODECS {
            assert_eq!(through(codec, &n), Ok(n));
            assert_eq!(through(codec, &vec![Shape::Tuple(0.5, n)]), Ok(vec![Shape::Tuple(0.5, n)]));
            assert_eq!(through::<_, u128>(codec, &n).ok(), u128::try_from(n).ok(), "{n} in {}", codec.name());
            assert_eq!(through::<_, i64>(codec, &[n; 1]).ok(), None);
            let [narrow]: [Option<i64>; 1] =
                through(codec, &[n]).map(|[n]: [i64; 1]| [Some(n)]).unwrap_or([None]);
            assert_eq!(narrow, i64::try_from(n).ok(), "{n} in {}", codec.name());
        }
    }
    let above = i128::MAX as u128;
    for n in [0, above, above + 1, u128::MAX] {
        for codec in CODECS {
            let shape = Shape::Struct { single: None, wide: n };
            assert_eq!(through(codec, &shape), Ok(shape));
            assert_eq!(through::<_, i128>(codec, &n).ok(), i128::try_from(n).ok(), "{n} in {}", codec.name());
            assert_eq!(through(codec, &BTreeMap::from([(n, n)])), Ok(BTreeMap::from([(n, n)])));
        }
    }
}

#[test]
fn large_integers_that_a_type_does_not_take_are_refused() {
    let n = 12_345_678_901_234_567_890_123_i128;
    for json in
        [format!("{n}"), format!("[1, {n}]"), format!("{{\"wide\": {n}}}"), format!("[{{\"a\": [-{n}]}}]")]
    {
        is_about("integer of more than 64 bits", in_json::<Value>(&json));
    }
    is_about("integer of more than 64 bits", in_json::<Value>("100000000000000000000"));
    is_about("integer of more than 64 bits", in_json::<Value>("18446744073709551616"));
    is_about("integer of more than 64 bits", in_json::<Either>(&format!("{{\"wide\": {n}}}")));
    is_about("integer of more than 64 bits", in_json::<Flat>(&format!("{{\"signed\": {n}}}")));
    is_about("integer of more than 64 bits", in_json::<u64>(&n.to_string()));
    is_about("integer of more than 64 bits", in_json::<Value>(&format!("1{}", "0".repeat(60))));
    assert_eq!(in_json::<Value>("1e22"), Ok(json!(1e22)));
    assert_eq!(in_json::<Value>("\"12345678901234567890123\""), Ok(json!(n.to_string())));
    assert_eq!(
        in_json::<Value>("[18446744073709551615,-9223372036854775808]"),
        Ok(json!([u64::MAX, i64::MIN]))
    );
    // MessagePack has no such integers: they are bytes, which these types do not take either.
    is_about("found byte array", through::<_, Value>(&MessagePack, &n));
    assert!(through::<_, Either>(&MessagePack, &Either::Wide { wide: 1 << 64 }).is_err());
    // Smaller ones are integers to everyone.
    for codec in CODECS {
        assert_eq!(through::<_, Value>(codec, &-5_i128), Ok(json!(-5)));
        // serde has no place for a `u128` in an untagged type, whatever its value.
        assert!(through::<_, Either>(codec, &Either::Wide { wide: 5 }).is_err());
        let rest = Rest { single: 7.038_531e-26, double: -0.0, signed: i64::MIN, unsigned: u64::MAX };
        let flat = Flat { name: "f".to_owned(), rest };
        assert_eq!(through(codec, &flat), Ok(flat));
    }
}

#[test]
fn a_float_does_not_round_an_integer() {
    let odd = (1_i64 << 53) + 1;
    for codec in CODECS {
        for n in [odd, -odd, i64::MAX] {
            is_about("an integer that a float does not hold", through::<_, [f64; 1]>(codec, &[n]));
        }
        is_about("an integer that a float does not hold", through::<_, [f32; 1]>(codec, &[(1 << 24) + 1]));
        assert_eq!(through(codec, &[1_i64 << 53, i64::MIN]), Ok([2_f64.powi(53), -2_f64.powi(63)]));
        assert!(through::<_, f32>(codec, &1e300).is_err());
        assert!(through::<_, [i64; 1]>(codec, &[1.0]).is_err());
        assert_eq!(through(codec, &0.1_f64), Ok(0.1_f32));
    }
    assert_eq!(in_json("100000000000000000000"), Ok(1e20));
    is_about("an integer that a float does not hold", in_json::<f64>("100000000000000000001"));
    is_about("an integer that a float does not hold", in_json::<f64>(&i128::MAX.to_string()));
}

#[test]
fn message_pack_takes_no_other_bytes_and_signs_for_a_number() {
    let as_u128 = |bytes: &[u8]| decode::<u128>(&MessagePack, bytes).ok();
    let as_i128 = |bytes: &[u8]| decode::<i128>(&MessagePack, bytes).ok();
    // In order: -1, an array of 16 integers, 15 bytes, 18 bytes, a 16-byte string.
    let list = [[0xdc, 0, 16].as_slice(), &[7; 16]].concat();
    let cases: [&[u8]; 5] = [
        &[0xff],
        &list,
        &[[0xc4, 15].as_slice(), &[0; 15]].concat(),
        &[[0xc4, 18].as_slice(), &[0; 18]].concat(),
        &[[0xb0].as_slice(), &[b'7'; 16]].concat(),
    ];
    for bytes in cases {
        assert_eq!(as_u128(bytes), None, "{bytes:x?}");
    }
    assert_eq!(as_i128(&[0xff]), Some(-1));
    for bytes in &cases[1..] {
        assert_eq!(as_i128(bytes), None, "{bytes:x?}");
    }
}

#[test]
fn a_map_key_is_exact_too() {
    for codec in CODECS {
        let map = BTreeMap::from([(i64::MIN, 1), (-1, 2), (i64::MAX, 3)]);
        assert_eq!(through(codec, &map), Ok(map));
        let map = BTreeMap::from([(u64::MAX, f64::MAX)]);
        assert_eq!(through(codec, &map), Ok(map));
        // A reader of a smaller type finds the numbers that fit.
        let map = BTreeMap::from([(-5_i128, 5_u128)]);
        assert_eq!(through(codec, &map), Ok(BTreeMap::from([(-5_i64, 5_u64)])), "in {}", codec.name());
        let wide = BTreeMap::from([(1_u128 << 64, 1)]);
        assert_eq!(through(codec, &wide), Ok(wide), "in {}", codec.name());
        let small = BTreeMap::from([(-1, 1)]);
        assert!(
            through::<_, BTreeMap<u128, i64>>(codec, &small).is_err(),
            "-1 is read as a key without a sign in {}",
            codec.name()
        );
    }
}
