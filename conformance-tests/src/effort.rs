//! [`effort`]: how often to try a fault, in the quick and in the long form.

/// How often to try: `each_commit` times, or `long` times where `FAULTS_EFFORT` is `long`.
#[must_use]
pub fn effort(each_commit: u64, long: u64) -> u64 {
    let is_long = std::env::var_os("FAULTS_EFFORT").is_some_and(|said| said == "long");
    if is_long { long } else { each_commit }
}
