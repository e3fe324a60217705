//! Keeps the client from fencing itself when a session ran out while its broker was away.
//!
//! A member whose session has passed forgets its id, tells its owner that all partitions are lost, and joins again once
//! the owner has let go of them. Until then it goes on with heartbeats if the broker is back: with its static name, the
//! generation that it had, and no id. To the broker that is somebody else of that name, so it answers that the member was
//! fenced, which is fatal for the client, although no other process was ever there (`rd_kafka_cgrp_heartbeat` of
//! librdkafka 2.12.1). A broker that is started again takes about as long as a session lasts, so this is no rare moment.
//!
//! The function of this module stands in the place of the one that writes the heartbeat, as in [`super::leader_hints`]:
//! one without an id is sent without the static name too. The broker then says that it does not know the member, which is
//! so, and the client joins again as soon as it may.
//!
//! To be taken out when the client sends no heartbeat without an id.
#![expect(unsafe_code, reason = "it takes the place of a function of C")]

use std::ffi::{c_int, c_void};
use std::ptr;

/// The beginning of the client's `rd_kafkap_str_t`.
#[repr(C)]
struct Text {
    /// In bytes; -1 for none.
    length: c_int,
}

/// The client's `rd_kafka_replyq_t`, passed as a value.
#[repr(C)]
struct ReplyQueue {
    queue: *mut c_void,
    version: i32,
}

type Call = Option<unsafe extern "C" fn()>;

/// Sends a heartbeat: without the static name if it is without an id.
///
/// # Safety
/// As the client calls it: the id is null or points to its text.
// SAFETY: the name is the linker's for what stands in the place of the client's function; nobody else uses it. The
// arguments are as the client declares them.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_rd_kafka_HeartbeatRequest(
    broker: *mut c_void,
    group: *const c_void,
    generation: i32,
    member: *const Text,
    name: *const c_void,
    reply_to: ReplyQueue,
    answered: Call,
    opaque: *mut c_void,
) {
    // SAFETY: the caller's promise; a name that is null is written as none. The rest goes on as it came.
    unsafe {
        let known = member.as_ref().is_some_and(|member| member.length > 0);
        let name = if known { name } else { ptr::null() };
        __real_rd_kafka_HeartbeatRequest(broker, group, generation, member, name, reply_to, answered, opaque);
    }
}

unsafe extern "C" {
    /// The client's own function, by the name that the linker gives it where it was replaced.
    fn __real_rd_kafka_HeartbeatRequest(
        broker: *mut c_void,
        group: *const c_void,
        generation: i32,
        member: *const Text,
        name: *const c_void,
        reply_to: ReplyQueue,
        answered: Call,
        opaque: *mut c_void,
    );
}
