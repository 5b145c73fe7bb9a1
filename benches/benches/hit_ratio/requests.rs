//! Which keys are asked for, in order.

use std::io::Read;
use std::path::Path;

use benches::Zipf;
use ruzstd::decoding::StreamingDecoder;

/// A sequence of requests.
pub(crate) struct Requests {
    pub(crate) name: &'static str,
    pub(crate) keys: Vec<u32>,
    /// How many different keys there are.
    pub(crate) footprint: usize,
}

/// Zipf(1.0) over 100,000 keys.
pub(crate) fn zipf(requests: usize) -> Requests {
    let footprint = 100_000;
    let (keys, mut random) = (Zipf::new(footprint), fastrand::Rng::with_seed(20_030_331));
    let keys = (0..requests).map(|_| keys.at(random.f64()) as u32).collect();
    Requests { name: "Zipf", keys, footprint }
}

/// Reads a trace of `benches/traces`, which must have `requests` requests of `footprint` different blocks.
pub(crate) fn trace(name: &'static str, requests: usize, footprint: usize) -> Requests {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("traces").join(name).with_extension("zst");
    let packed = std::fs::read(path).unwrap();
    let mut lines = Vec::new();
    StreamingDecoder::new(&*packed).unwrap().read_to_end(&mut lines).unwrap();
    let mut keys = Vec::with_capacity(requests);
    for line in lines.chunks_exact(4) {
        let line = u32::from_le_bytes(line.try_into().unwrap());
        let (first, blocks) = (line >> 8, line & 0xff);
        keys.extend(first..first + blocks);
    }
    let mut seen = vec![false; 1 << 25];
    let different = keys.iter().filter(|&&key| !std::mem::replace(&mut seen[key as usize], true)).count();
    assert_eq!((keys.len(), different), (requests, footprint), "{name} is not the trace that it was");
    Requests { name, keys, footprint }
}
