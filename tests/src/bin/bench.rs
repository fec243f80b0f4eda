//! The figures: product and peer in one run.
fn main() {}
