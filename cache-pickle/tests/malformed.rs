//! Bytes that nobody should have sent.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod python;

use allocation_counter::measure;
use cache_pickle::{Error, ErrorKind, Limits, Value, from_slice};
use conformance_tests::faults::record;
use python::vectors;
use serde::de::IgnoredAny;

fn kind(bytes: &[u8]) -> ErrorKind {
    let kind = Value::read(bytes).unwrap_err().kind();
    assert_eq!(from_slice::<IgnoredAny>(bytes).unwrap_err().kind(), kind);
    kind
}

fn kind_with(bytes: &[u8], limits: &Limits) -> Result<Value, ErrorKind> {
    Value::read_with(bytes, limits).map_err(|e: Error| e.kind())
}

#[test]
fn no_beginning_is_a_pickle() {
    let mut beginnings = 0;
    for pickle in vectors().iter().filter(|pickle| pickle.len() < 400) {
        for len in 0..pickle.len() {
            assert!(Value::read(&pickle[..len]).is_err(), "{:02x?}", &pickle[..len]);
            beginnings += 1;
        }
    }
    assert!(beginnings > 10_000, "{beginnings}");
}

#[test]
fn a_flipped_bit_is_an_error_or_another_value() {
    let (mut errors, mut values) = (0, 0);
    for mut pickle in vectors().into_iter().filter(|pickle| pickle.len() < 200) {
        for bit in 0..pickle.len() * 8 {
            pickle[bit / 8] ^= 1 << (bit % 8);
            match Value::read(&pickle) {
                Err(_) => errors += 1,
                Ok(value) => {
                    values += 1;
                    match value.write() {
                        Ok(written) => {
                            let again = Value::read(&written).unwrap();
                            assert_eq!(format!("{again:?}"), format!("{value:?}"));
                        }
                        // A list where a key was: Python could not read it.
                        Err(e) => assert!(e.to_string().contains("cannot hash"), "{e}"),
                    }
                }
            }
            pickle[bit / 8] ^= 1 << (bit % 8);
        }
    }
    assert!(errors > 50_000 && values > 10_000, "{errors} {values}");
}

#[test]
fn a_megabyte_of_nesting_is_refused_on_a_small_stack() {
    let n = 1 << 20;
    let half = n / 2;
    let nestings = [
        b"]".repeat(n),
        b"(".repeat(n),
        b"(l".repeat(half),
        [b"]".repeat(half), b"a".repeat(half), b".".to_vec()].concat(),
        [b"](".repeat(half / 2), b"e".repeat(half), b".".to_vec()].concat(),
        [b")".to_vec(), b"\x85".repeat(n), b".".to_vec()].concat(),
        [b"(".repeat(half), b"t".repeat(half), b".".to_vec()].concat(),
        [b"(".repeat(half), b"\x91".repeat(half), b".".to_vec()].concat(),
        [b"}N".repeat(half), b"s".repeat(half), b".".to_vec()].concat(),
        [b"cm\nC\n)R".to_vec(), b")R".repeat(half), b".".to_vec()].concat(),
        [b"cm\nC\n)\x81".to_vec(), b"\x85cm\nC\nN".repeat(half), b".".to_vec()].concat(),
        [b"cm\nC\n)\x81".repeat(n / 8), b"b".repeat(n / 8), b".".to_vec()].concat(),
        // A list that is named again each time before it is filled.
        [b"]q\0".to_vec(), b"]2a".repeat(half), b".".to_vec()].concat(),
    ];
    let tried = nestings.len() as u64;
    let small = std::thread::Builder::new().stack_size(128 * 1024);
    let read = move || nestings.iter().filter(|nesting| Value::read(nesting).is_ok()).count() as u64;
    let understood = small.spawn(read).unwrap().join().unwrap();
    record(26, "pickle", tried, understood, "1 MiB of nesting refused on a stack of 128 KiB");
    assert_eq!(understood, 0);
}

fn nested(depth: usize) -> Vec<u8> {
    [b"]".repeat(depth), b"a".repeat(depth - 1), b".".to_vec()].concat()
}

#[track_caller]
fn too_deep(written: Result<Vec<u8>, Error>) {
    let told = written.map(|bytes| bytes.len()).map_err(|e| e.kind());
    assert_eq!(
        told,
        Err(ErrorKind::Limit),
        "the bytes that were written of more levels than are read, or why not"
    );
}

#[test]
fn two_hundred_levels_are_the_limit_in_both_directions() {
    let deepest = Value::read(&nested(200)).unwrap();
    assert_eq!(kind(&nested(201)), ErrorKind::Limit);
    let deepest_json: serde_json::Value = from_slice(&nested(200)).unwrap();
    assert_eq!(Value::read(&deepest.write().unwrap()).unwrap(), deepest);
    assert_eq!(from_slice::<Value>(&cache_pickle::to_vec(&deepest_json).unwrap()).unwrap(), deepest);
    let deeper = Value::List(vec![deepest]);
    too_deep(deeper.write());
    too_deep(cache_pickle::to_vec(&deeper));
    too_deep(cache_pickle::to_vec(&[deepest_json]));
    // What is one value here is six levels of objects and arguments in the pickle.
    let zoned = cache_pickle::DateTime {
        date: cache_pickle::Date::new(2024, 1, 1).unwrap(),
        time: cache_pickle::Time::new(0, 0, 0, 0).unwrap().with_zone(Some(cache_pickle::TimeZone::UTC)),
    };
    let mut value = Value::DateTime(zoned);
    for _ in 0..194 {
        value = Value::List(vec![value]);
    }
    assert_eq!(Value::read(&value.write().unwrap()).unwrap(), value);
    assert_eq!(Value::read(&cache_pickle::to_vec(&value).unwrap()).unwrap(), value);
    let deeper = Value::List(vec![value]);
    too_deep(deeper.write());
    too_deep(cache_pickle::to_vec(&deeper));
}

#[test]
fn a_few_bytes_name_no_more_objects_than_fit() {
    // Each level is twice the one before.
    let doubling = |leaf: &[u8], level: &[u8], levels| [leaf, &level.repeat(levels), b"."].concat();
    let members = |begin: &[u8], end: &[u8]| [b"q\x000", begin, &b"h\0".repeat(8), end].concat();
    let bombs = [
        doubling(b")", b"2\x86", 41),
        doubling(b"]", b"2\x86", 41),
        doubling(b"K\x01\x85", b"2\x86", 40),
        doubling(b"]", b"22\x87", 27),
        doubling(b")", &members(b"(", b"t"), 8),
        doubling(b"]", &members(b"](", b"e"), 8),
        doubling(b")", &members(b"(", b"\x91"), 8),
        doubling(b")", &members(b"\x8f(", b"\x90"), 8),
        doubling(b"}", &members(b"}(", b"u"), 8),
        // As the arguments and the state of an object.
        doubling(b"cm\nC\nq\x010)", b"q\x000h\x01h\0\x81h\0b\x85", 18),
    ];
    let mut failed = Vec::new();
    for bomb in &bombs {
        assert!(bomb.len() <= 230, "{}", bomb.len());
        let mut kind = None;
        let info = measure(|| kind = Value::read(bomb).err().map(|e| e.kind()));
        if kind != Some(ErrorKind::Limit) || info.bytes_max >= 64 << 10 {
            failed.push(format!("{kind:?}, {} bytes held for {bomb:?}", info.bytes_max));
        }
    }
    let figure = "bytes that name 2^40 objects refused, 64 KiB held at most";
    record(26, "pickle", bombs.len() as u64, failed.len() as u64, figure);
    assert!(failed.is_empty(), "{failed:#?}");
    // A string of 10 kB, named 100,000 times: a gigabyte.
    let text = [b"X\x10\x27\0\0".as_slice(), &b"x".repeat(10_000)].concat();
    let bomb = [b"](".as_slice(), &text, b"q\0", &b"h\0".repeat(100_000), b"e."].concat();
    assert_eq!(kind(&bomb), ErrorKind::Limit);
    let nested_bomb = [b"](".as_slice(), &text, b"\x85q\0", &b"h\0".repeat(100_000), b"e."].concat();
    assert_eq!(kind(&nested_bomb), ErrorKind::Limit);
}

/// Names of classes that are long and named often.
#[test]
fn long_names_are_not_copied_for_each_class() {
    let long = "A".repeat(20_000);
    let named = [b"](c".as_slice(), long.as_bytes(), b"\nC\nq\0", &b"h\0".repeat(5_000), b"e."].concat();
    let made = [b"](c".as_slice(), long.as_bytes(), b"\nC\nq\0)R", &b"h\0)R".repeat(5_000), b"e."].concat();
    for bomb in [named, made] {
        let info = measure(|| assert_eq!(kind(&bomb), ErrorKind::Limit));
        assert!(info.bytes_max < 100 * bomb.len() as u64, "{} bytes for {}", info.bytes_max, bomb.len());
    }
}

/// The escape gives a name that is not in the input as it stands.
#[test]
fn escaped_names_are_not_copied_for_each_class() {
    let long = "A".repeat(20_000);
    let escaped = [b"V\\u0041".as_slice(), long.as_bytes(), b"\nq\0"].concat();
    // What is thrown away must cost nothing either.
    let popped = [escaped.as_slice(), &b"h\0h\0\x930".repeat(5_000), b"."].concat();
    let kept = [b"](".as_slice(), &escaped, &b"h\0h\0\x93".repeat(5_000), b"e."].concat();
    for bomb in [popped, kept] {
        let info = measure(|| assert_eq!(kind(&bomb), ErrorKind::Limit));
        assert!(info.bytes_max < 100 * bomb.len() as u64, "{} bytes for {}", info.bytes_max, bomb.len());
    }
}

/// Work shows in allocations: each look at such a string makes a buffer for its bytes.
#[test]
fn a_long_text_is_not_looked_at_for_each_object() {
    // _codecs.encode(text, 'latin1') of a string that leaves Latin-1 only at its end.
    let text = [b"X".as_slice(), &30_002_u32.to_le_bytes(), &b"x".repeat(30_000), "Ā".as_bytes()].concat();
    let args = [text.as_slice(), b"X\x06\0\0\0latin1\x86q\x01"].concat();
    let encode = b"c_codecs\nencode\nq\x00";
    let called = [b"](".as_slice(), encode, &args, b"Rq\x02", &b"h\x02)R".repeat(1_000), b"e."].concat();
    let info = measure(|| assert!(Value::read(&called).is_err()));
    assert!(info.bytes_total < 4 << 20, "{} bytes", info.bytes_total);
    let made = [b"](".as_slice(), encode, b"0", &args, b"0", &b"h\x00h\x01R".repeat(1_000), b"e."].concat();
    let limits = Limits::default().with_growth(1);
    let info = measure(|| assert_eq!(kind_with(&made, &limits), Err(ErrorKind::Limit)));
    assert!(info.bytes_total < 30 << 20, "{} bytes", info.bytes_total);
}

/// What is shared as programs do it: the same object in each of a thousand rows.
#[test]
fn ordinary_sharing_is_read() {
    let row = [b"}q\0(".to_vec(), b"X\x03\0\0\0keyK\x01".repeat(40), b"u".to_vec()].concat();
    let rows = [b"](".as_slice(), &row, &b"h\0".repeat(999), b"e."].concat();
    let Value::List(rows) = Value::read(&rows).unwrap() else { panic!() };
    assert_eq!(rows.len(), 1000);
    assert!(rows.iter().all(|row| *row == rows[0]));
    assert_eq!(rows[0].get("key"), Some(&Value::Int(1)));
    let strings =
        [b"](".as_slice(), b"X\xe8\x03\0\0", &b"x".repeat(1000), b"q\0", &b"h\0".repeat(999), b"e."].concat();
    assert_eq!(from_slice::<Vec<&str>>(&strings).unwrap(), vec!["x".repeat(1000); 1000]);
}

#[test]
fn a_huge_length_allocates_nothing() {
    for opcode in [b"\x8d", b"\x8e", b"\x96", b"\x95"] {
        for len in [u64::MAX, i64::MAX as u64, u64::from(u32::MAX), 1 << 30] {
            refused_for_free(&[opcode.as_slice(), &len.to_le_bytes(), b"x."].concat(), ErrorKind::Malformed);
        }
    }
    for opcode in [b"X", b"B", b"T", b"\x8b"] {
        for len in [u32::MAX, i32::MAX as u32, 1 << 30] {
            refused_for_free(&[opcode.as_slice(), &len.to_le_bytes(), b"x."].concat(), ErrorKind::Malformed);
        }
    }
    refused_for_free(b"Nr\xff\xff\xff\xff.", ErrorKind::Limit);
    refused_for_free(b"Np4294967295\n.", ErrorKind::Limit);
    refused_for_free(b"Np18446744073709551615\n.", ErrorKind::Limit);
    refused_for_free(b"Np99999999999999999999\n.", ErrorKind::Malformed);
    refused_for_free(b"Np-1\n.", ErrorKind::Malformed);
    refused_for_free(b"j\xff\xff\xff\xff.", ErrorKind::Malformed);
}

#[track_caller]
fn refused_for_free(bytes: &[u8], expected: ErrorKind) {
    let info = measure(|| assert_eq!(Value::read(bytes).unwrap_err().kind(), expected));
    assert!(info.bytes_total < 2000, "{} bytes", info.bytes_total);
}

#[test]
fn objects_that_contain_themselves_are_refused_as_such() {
    let recursive: [&[u8]; 8] = [
        b"]q\0h\0a.",
        b"]q\0(K\x01h\0e.",
        b"}q\0Nh\0s.",
        b"]q\0h\0\x85a.",
        b"]q\0]q\x01h\0ah\0h\x01a.",
        b"\x8fq\0(h\0\x85\x90.",
        b"cm\nC\n)\x81q\0h\0b.",
        b"cm\nC\n)\x81q\0}q\x01Nh\0sb.",
    ];
    let mut seen = 0;
    for pickle in recursive {
        match Value::read(pickle) {
            Err(e) if e.kind() == ErrorKind::Recursive => {
                assert!(e.to_string().contains("contains itself"), "{e}");
                seen += 1;
            }
            // One above leaves values on the stack.
            Err(e) => assert_eq!(e.kind(), ErrorKind::Malformed, "{pickle:?}"),
            Ok(value) => panic!("{value:?}"),
        }
    }
    assert_eq!(seen, 7);
    // t = (a,); a.t = t, and s = frozenset([a]); a.x = s, as Python writes them: it finds the whole
    // among its parts, drops these, and takes that from the memo.
    let dropped: [&[u8]; 6] = [
        b"(ccopy_reg\n_reconstructor\np0\n(c__main__\nA\np1\nc__builtin__\nobject\np2\nNtp3\nRp4\n(dp5\nVt\np6\n(g4\ntp7\nsb00g7\n.",
        b"(ccopy_reg\n_reconstructor\nq\x00(c__main__\nA\nq\x01c__builtin__\nobject\nq\x02Ntq\x03Rq\x04}q\x05X\x01\x00\x00\x00tq\x06(h\x04tq\x07sb1h\x07.",
        b"\x80\x02c__main__\nA\nq\x00)\x81q\x01}q\x02X\x01\x00\x00\x00tq\x03h\x01\x85q\x04sb0h\x04.",
        b"\x80\x04\x8c\x08__main__\x94\x8c\x01A\x94\x93\x94)\x81\x94}\x94\x8c\x01t\x94h\x03\x85\x94sb0h\x06.",
        b"\x80\x02c__builtin__\nfrozenset\nq\x00]q\x01c__main__\nA\nq\x02)\x81q\x03}q\x04X\x01\x00\x00\x00xq\x05h\x00]q\x06h\x03a\x85q\x07Rq\x08sba\x85q\tR0h\x08.",
        b"\x80\x04(\x8c\x08__main__\x94\x8c\x01A\x94\x93\x94)\x81\x94}\x94\x8c\x01x\x94(h\x03\x91\x94sb1h\x06.",
    ];
    for pickle in dropped {
        assert_eq!(kind(pickle), ErrorKind::Recursive, "{pickle:?}");
    }
}

/// The arena counts in 32 bits.
#[test]
#[cfg(target_pointer_width = "64")]
fn more_than_two_gibibytes_are_refused_whatever_the_limit() {
    let zeros = vec![0; (1 << 31) + 1];
    let limits = Limits::default().with_input(usize::MAX);
    let info = measure(|| assert_eq!(kind_with(&zeros, &limits), Err(ErrorKind::Limit)));
    assert!(info.bytes_total < 2000, "{} bytes", info.bytes_total);
}

#[test]
fn sixty_eight_opcodes_are_known() {
    let unknown = |code: &u8| Value::read(&[*code]).unwrap_err().to_string().contains("unknown operation");
    assert_eq!((0..=255).filter(unknown).count(), 256 - 68);
    let arguments = b"\0\0\0\0\0\0\0\0\0\n\n.";
    for code in 0..=255 {
        for before in [b"".as_slice(), b"N", b"((", b"]N", b")(N"] {
            let _ = Value::read(&[before, &[code], arguments].concat());
            let _ = Value::read(&[before, &[code], b"."].concat());
        }
    }
}

#[test]
fn what_would_need_a_call_or_more_than_the_bytes_is_refused() {
    let unsupported: [&[u8]; 13] = [
        b"Pname\n.",
        b"NQ.",
        b"\x82\x01.",
        b"\x83\x01\0.",
        b"\x84\x01\0\0\0.",
        b"\x97.",
        b"\x80\x06N.",
        // Calls for their effect.
        b"Ncos\nsystem\n(X\x02\0\0\0lstR0.",
        b"(cos\nsystem\n)R1N.",
        // State twice, and items after it.
        b"cm\nC\n)\x81NbNb.",
        b"cm\nC\n)\x81NbNa.",
        // Python 2's bytes or text.
        b"U\x01\xff.",
        b"S'\\xff'\n.",
    ];
    for pickle in unsupported {
        assert_eq!(kind(pickle), ErrorKind::Unsupported, "{pickle:?}");
    }
    // The best known of them is an object like any other: a name and arguments.
    let Value::Object(object) = Value::read(b"cos\nsystem\n(X\x02\0\0\0lstR.").unwrap() else { panic!() };
    assert_eq!(object.class().unwrap().module(), "os");
}

#[test]
fn what_is_left_over_is_refused() {
    for pickle in [b"N.N".as_slice(), b"N..", b"NN.", b"(N.", b"N.\n", b"(", b"", b"."] {
        assert_eq!(kind(pickle), ErrorKind::Malformed, "{pickle:?}");
    }
}

#[test]
fn the_wrong_operands_are_refused() {
    let wrong: [&[u8]; 18] = [
        b"a.",
        b"]a.",
        b"NNa.",
        b"}Na.",
        b"(](Na.",
        b"](N(e.",
        b"}(Nu.",
        b"(Nd.",
        b"NNNs.",
        b"N(N\x90.",
        b"NNb.",
        b"N)R.",
        b"cm\nC\nNR.",
        b"cm\nC\n)N\x92.",
        b"N)\x81.",
        b"NN\x93.",
        b"I1x\n.",
        b"Fx\n.",
    ];
    for pickle in wrong {
        assert_eq!(kind(pickle), ErrorKind::Malformed, "{pickle:?}");
    }
}

#[test]
fn limits_are_kept() {
    let limits = Limits::default().with_input(100).with_nodes(10).with_integer(16);
    let text = |len: u8| [&[b'U', len], b"x".repeat(len.into()).as_slice(), b"."].concat();
    assert!(kind_with(&text(97), &limits).is_ok());
    assert_eq!(kind_with(&text(98), &limits), Err(ErrorKind::Limit));
    let list = |len| [b"](".as_slice(), &b"N".repeat(len), b"e."].concat();
    assert!(kind_with(&list(10), &limits).is_ok());
    assert_eq!(kind_with(&list(11), &limits), Err(ErrorKind::Limit));
    let one_by_one = |len| [b"]".as_slice(), &b"Na".repeat(len), b"."].concat();
    assert!(kind_with(&one_by_one(10), &limits).is_ok());
    assert_eq!(kind_with(&one_by_one(11), &limits), Err(ErrorKind::Limit));
    // Three lists of four, two of which are the same.
    assert_eq!(kind_with(b"](](NNNNeq\0h\0h\0e.", &limits), Err(ErrorKind::Limit));
    // Two are ten values.
    assert!(kind_with(b"](](NNNNeq\0h\0e.", &limits).is_ok());
    // A date is one value, and so is a set of nothing.
    let date = b"cdatetime\ndate\n(C\x04\x07\xe8\x02\x1dtR";
    let dates = |count| [b"](".as_slice(), &date.repeat(count), b"e."].concat();
    let long = limits.with_input(1000);
    assert!(kind_with(&dates(10), &long).is_ok());
    assert_eq!(kind_with(&dates(11), &long), Err(ErrorKind::Limit));
    // An object of any other class is itself, its class, its arguments and what is in them.
    let objects = |count: usize| [b"](".as_slice(), &b"cm\nC\n(NtR".repeat(count), b"e."].concat();
    assert!(kind_with(&objects(2), &limits).is_ok());
    assert_eq!(kind_with(&objects(3), &limits), Err(ErrorKind::Limit));
    // What is shared may grow by a factor.
    let text =
        [b"](X\xa0\x86\x01\0".as_slice(), &b"x".repeat(100_000), b"q\0", &b"h\0".repeat(60), b"e."].concat();
    assert!(kind_with(&text, &Limits::default()).is_ok());
    assert!(kind_with(&text, &Limits::default().with_growth(20)).is_ok());
    assert_eq!(kind_with(&text, &Limits::default().with_growth(10)), Err(ErrorKind::Limit));
    let number = |len: u8| [&[0x8a, len], b"\x11".repeat(len.into()).as_slice(), b"."].concat();
    assert!(kind_with(&number(16), &limits).is_ok());
    assert_eq!(kind_with(&number(17), &limits), Err(ErrorKind::Limit));
    let digits = |len| [b"L".as_slice(), &b"7".repeat(len), b"L\n."].concat();
    assert!(kind_with(&digits(38), &limits).is_ok());
    assert_eq!(kind_with(&digits(60), &limits), Err(ErrorKind::Limit));
    let megabyte = [b"L".as_slice(), &b"7".repeat(1 << 20), b"L\n."].concat();
    assert_eq!(kind(&megabyte), ErrorKind::Limit);
}

#[test]
fn errors_hold_no_values() {
    let secret = "hunter2";
    let pickle = cache_pickle::to_vec(&(secret, 77_u8, [secret.as_bytes()])).unwrap();
    let errors = [
        from_slice::<u32>(&pickle).unwrap_err(),
        from_slice::<(u32, u32)>(&pickle).unwrap_err(),
        from_slice::<(String, bool, ())>(&pickle).unwrap_err(),
        from_slice::<(String, u8)>(&pickle).unwrap_err(),
        from_slice::<std::net::IpAddr>(&cache_pickle::to_vec(secret).unwrap()).unwrap_err(),
        from_slice::<Result<u8, u8>>(&cache_pickle::to_vec(secret).unwrap()).unwrap_err(),
        from_slice::<char>(&cache_pickle::to_vec(secret).unwrap()).unwrap_err(),
        from_slice::<u8>(&cache_pickle::to_vec(&7777).unwrap()).unwrap_err(),
        from_slice::<u8>(&cache_pickle::to_vec(&(1_i128 << 100)).unwrap()).unwrap_err(),
        from_slice::<String>(b"chunter2\nhunter2\n).").unwrap_err(),
        from_slice::<String>(b"chunter2\nhunter2\n)R.").unwrap_err(),
        Value::read(b"Ihunter2\n.").unwrap_err(),
    ];
    for error in errors {
        for text in [error.to_string(), format!("{error:?}")] {
            assert!(!text.contains("hunter2") && !text.contains("77") && !text.contains("12676"), "{text}");
        }
    }
}
