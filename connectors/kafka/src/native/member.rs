//! Whether a consumer is a member of its group still.

#![expect(unsafe_code, reason = "the safe client has no call for it; see the prose of `native`")]

use std::ffi::CStr;

use rdkafka::bindings as sys;
use rdkafka::client::{Client, ClientContext};

/// True if the group has given no name to this consumer, or it has sent word that it leaves: it forgets the name then. Asks
/// the client's own thread, not the network.
pub(crate) fn is_no_member<Context: ClientContext>(client: &Client<Context>) -> bool {
    // SAFETY: the client outlives the call; what it gives is null or a text that is ours to free, once.
    unsafe {
        let name = sys::rd_kafka_memberid(client.native_ptr());
        if name.is_null() {
            return true;
        }
        let empty = CStr::from_ptr(name).is_empty();
        sys::rd_kafka_mem_free(client.native_ptr(), name.cast());
        empty
    }
}
