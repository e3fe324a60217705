//! Puts functions of ours in the place of some of the C client's, in this crate's own tests and examples.
//! Why stands in `leader_hints.rs`, `heartbeats.rs` and `damaged_batches.rs` of `src/native`.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for function in ["rd_kafka_metadata_update_op", "rd_kafka_HeartbeatRequest", "rd_slice_narrow_copy_relative"] {
        println!("cargo::rustc-link-arg=-Wl,--wrap={function}");
    }
}
