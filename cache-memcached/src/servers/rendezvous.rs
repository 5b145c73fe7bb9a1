//! Which server holds a key: pymemcache's rendezvous hash.

/// The place among `names` of the server that holds `key`: the one with the highest score, of equal
/// ones the greatest name. `None` for no names. The order of the names does not matter.
pub(super) fn pick<'a>(names: impl Iterator<Item = (usize, &'a str)>, key: &str) -> Option<usize> {
    best(names, |name| murmur3_32(low_bytes(name).chain([b'-']).chain(low_bytes(key)), 0))
}

fn best<'a>(names: impl Iterator<Item = (usize, &'a str)>, score: impl Fn(&str) -> u32) -> Option<usize> {
    names.map(|(place, name)| (score(name), name, place)).max().map(|(_, _, place)| place)
}

/// The low eight bits of each character: what pymemcache's hash, which walks a Python text by
/// code points, makes of it. The bytes of UTF-8 would pick other nodes.
fn low_bytes(text: &str) -> impl Iterator<Item = u8> {
    text.chars().map(|c| c as u8)
}

/// MurmurHash3, the 32-bit variant for x86.
fn murmur3_32(input: impl Iterator<Item = u8>, seed: u32) -> u32 {
    const fn mixed(word: u32) -> u32 {
        word.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593)
    }
    let (mut hash, mut word, mut length) = (seed, 0_u32, 0_u32);
    for byte in input {
        word |= u32::from(byte) << (8 * (length % 4));
        length = length.wrapping_add(1);
        if length.is_multiple_of(4) {
            hash = (hash ^ mixed(word)).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
            word = 0;
        }
    }
    hash ^= mixed(word) ^ length;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::Servers;

    const VECTORS: &str = include_str!("../../tests/data/nodes.json");

    #[derive(serde::Deserialize)]
    struct Vectors {
        murmur3: Vec<Murmur>,
        tie: Vec<String>,
        keys: Vec<String>,
        nodes: Vec<Nodes>,
    }

    #[derive(serde::Deserialize)]
    struct Murmur {
        input: String,
        #[serde(default)]
        seed: u32,
        hash: u32,
    }

    #[derive(serde::Deserialize)]
    struct Nodes {
        label: String,
        servers: Vec<String>,
        names: Vec<String>,
        /// For each key the place of its node among the names.
        picks: Vec<usize>,
    }

    fn vectors() -> Vectors {
        serde_json::from_str(VECTORS).unwrap()
    }

    #[test]
    fn murmur3_as_pymemcache() {
        let vectors = vectors().murmur3;
        assert_eq!(vectors.len(), 21);
        for v in vectors {
            assert_eq!(murmur3_32(low_bytes(&v.input), v.seed), v.hash, "{:?}", v.input);
        }
    }

    #[test]
    fn every_key_is_on_pymemcaches_node() {
        let vectors = vectors();
        assert_eq!((vectors.keys.len(), vectors.nodes.len()), (200, 10));
        for list in vectors.nodes {
            assert_eq!(list.picks.len(), 200);
            let parsed = Servers::new(list.servers).parse().unwrap();
            let parsed: Vec<&str> = parsed.iter().map(|server| server.name.as_str()).collect();
            assert_eq!(parsed, list.names, "{}", list.label);
            for (key, expected) in vectors.keys.iter().zip(&list.picks) {
                let names = || list.names.iter().map(String::as_str).enumerate();
                assert_eq!(pick(names(), key), Some(*expected), "{}: {key:?}", list.label);
                let backwards = names().collect::<Vec<_>>().into_iter().rev();
                assert_eq!(pick(backwards, key), Some(*expected), "{} backwards: {key:?}", list.label);
            }
        }
    }

    #[test]
    fn of_equal_scores_the_greatest_name_wins() {
        // By characters, as Python compares: "9:1" is beyond "10.0.0.10:1".
        let names = vectors().tie;
        let winner = best(names.iter().map(String::as_str).enumerate(), |_| 7).map(|place| &*names[place]);
        assert_eq!(winner, Some("9:1"));
        assert_eq!(pick(std::iter::empty(), "k"), None);
    }
}
