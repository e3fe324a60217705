//! Puts a function of ours in the place of one of the C client of Kafka: a crate cannot tell the linker so for the programs
//! that use it. Why stands in `connectors/kafka/src/native/leader_hints.rs`.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-arg-bin=spotlight=-Wl,--wrap=rd_kafka_metadata_update_op");
}
