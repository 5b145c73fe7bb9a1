//! Mutates an input at one place, knowing nothing of its format but some words.

use fastrand::Rng;

/// Numbers at the edges of their types, as lengths are written in binary formats.
const EDGES: [u64; 12] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    u64::MAX,
];

/// Changes `input` at one place.
pub(super) fn mutate(random: &mut Rng, seeds: &[Vec<u8>], words: &[Vec<u8>], input: &mut Vec<u8>) {
    let at = random.usize(..=input.len());
    let end = (at + random.usize(..16)).min(input.len());
    match random.u8(..13) {
        0 | 1 if at < input.len() => input[at] ^= 1 << random.u8(..8),
        2 if at < input.len() => input[at] = random.u8(..),
        3 => drop(input.drain(at..end)),
        4 => {
            let again = input[at..end].repeat(random.usize(1..8));
            input.splice(at..at, again);
        }
        5 | 6 if !words.is_empty() => {
            let word = &words[random.usize(..words.len())];
            let over = if random.bool() { at } else { (at + word.len()).min(input.len()) };
            input.splice(at..over, word.iter().copied());
        }
        7 => {
            let other = &seeds[random.usize(..seeds.len())];
            let from = random.usize(..=other.len());
            let to = random.usize(from..=other.len());
            input.splice(at..end, other[from..to].iter().copied());
        }
        8 => input[at..end].fill([0xff, 0x7f, 0x80, 0][random.usize(..4)]),
        9 => input.truncate(at),
        10 => {
            let number = EDGES[random.usize(..EDGES.len())];
            let width = [1, 2, 4, 8][random.usize(..4)];
            let bytes = if random.bool() {
                number.to_le_bytes()
            } else {
                number.rotate_right(8 * width as u32).to_be_bytes()
            };
            let over = (at + width).min(input.len());
            input.splice(at..over, bytes[..width].iter().copied());
        }
        11 => digits(random, input, at),
        _ => input.insert(at, random.u8(..)),
    }
}

/// Puts another number in the place of the next digits, as lengths are written in text.
fn digits(random: &mut Rng, input: &mut Vec<u8>, at: usize) {
    let Some(start) = input[at..].iter().position(u8::is_ascii_digit).map(|found| at + found) else { return };
    let length = input[start..].iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(input.len() - start);
    let edge = EDGES[random.usize(..EDGES.len())];
    let number = match random.u8(..4) {
        0 => edge.to_string(),
        1 => format!("-{edge}"),
        2 => edge.wrapping_add(1).to_string(),
        _ => format!("{edge}{edge}"),
    };
    input.splice(start..start + length, number.into_bytes());
}
