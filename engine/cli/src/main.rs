//! The `spotlight` program: wiring only.

fn main() {}
