//! What every program is, for its size: see scripts/build-costs.

fn main() {
    println!("hello");
}
