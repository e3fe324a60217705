//! Keeps the client from acting on the hints about new leaders that brokers put into answers (KIP-951).
//!
//! A broker that does not lead a partition any more says so in its answer to a fetch, and beside it who leads now. The
//! client counts the partitions with such a hint, writes down those whose new leader is known, and hands over the list
//! with the first number as its length. So where partitions have no leader for a moment, as when a broker dies under
//! load, entries of the list are memory that nobody wrote, and a number of a partition read from there is used as an
//! index: the process dies (`rd_kafka_handle_Fetch_metadata_update` and `rd_kafka_metadata_update_op` of librdkafka
//! 2.12.1; its issue 5280 says so, and it is as wrong on its newest version).
//!
//! No setting turns the hints off. So the linker puts the function of this module in the place of the one that acts on a
//! list (`--wrap`, in the build scripts of this crate and of each program that is linked with it), and the list is
//! dropped. Nothing is lost but a round trip: for the same error the client also asks the cluster for its metadata, as
//! all clients did before there were hints.
//!
//! What was weighed against it: a copy of the client's source in this repository with one line changed (165,000 lines
//! to keep); the system's library (older than the crate takes, and no newer one is mended); to die and be started again
//! (rows survive that, a person's night does not).
//!
//! To be taken out when the client that the crate brings sets `partition_cnt` after its loop.
#![expect(unsafe_code, reason = "it takes the place of a function of C")]

use std::ffi::{c_int, c_void};

/// The client's word for "done with it, free it": `RD_KAFKA_OP_RES_HANDLED`.
const HANDLED: c_int = 1;

/// Takes a list of new leaders from the client's main thread, and does nothing with it. The caller frees it.
// SAFETY: the name is the linker's for what stands in the place of the client's function; nobody else uses it. The
// arguments and the answer are as the client declares them, and neither pointer is followed.
#[unsafe(no_mangle)]
extern "C" fn __wrap_rd_kafka_metadata_update_op(_client: *mut c_void, _leaders: *mut c_void) -> c_int {
    HANDLED
}

unsafe extern "C" {
    /// The client's own function, by the name that the linker gives it where it was replaced.
    fn __real_rd_kafka_metadata_update_op(client: *mut c_void, leaders: *mut c_void) -> c_int;
}

/// Never called. A program that is linked without `--wrap` lacks this name, and so is not made at all.
#[used]
static REPLACED: unsafe extern "C" fn(*mut c_void, *mut c_void) -> c_int = __real_rd_kafka_metadata_update_op;
