//! Puts a function of ours in the place of one of the C client's, in this crate's own tests and examples.
//! Why stands in `src/native/leader_hints.rs`.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-arg=-Wl,--wrap=rd_kafka_metadata_update_op");
}
