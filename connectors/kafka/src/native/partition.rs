//! Records of one partition, taken many at a time, in order, from an offset on. No group is involved.
//!
//! Invariants: at most one [`PartitionQueue`] of a client reads a partition at a time; the queue is stopped before it is
//! freed. The client's own idea of a position is never used for anything but to see that a control record was passed,
//! so the fault of the bundled client, which moves it on events, cannot hurt.
#![expect(unsafe_code, reason = "the safe client takes one record a call; see the prose of `native`")]

use std::ffi::{CString, c_void};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::Duration;

use log::Signal;
use rdkafka::bindings as sys;
use rdkafka::client::ClientContext;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::types::RDKafkaRespErr;

use super::{Reading, c_name};
use crate::failure::KafkaFailure;

/// A record, or an event of its partition.
pub(crate) struct Message(NonNull<sys::rd_kafka_message_t>);

// SAFETY: a message is owned by whoever holds it, and the client may be called from any thread.
unsafe impl Send for Message {}

impl Drop for Message {
    fn drop(&mut self) {
        // SAFETY: it came from the client and is freed once.
        unsafe { sys::rd_kafka_message_destroy(self.0.as_ptr()) }
    }
}

impl Message {
    fn inner(&self) -> &sys::rd_kafka_message_t {
        // SAFETY: it is alive until dropped.
        unsafe { self.0.as_ref() }
    }

    /// What kind of event it is; `None` for a record.
    pub(crate) fn event(&self) -> Option<RDKafkaErrorCode> {
        let code = self.inner().err;
        (code != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR).then(|| code.into())
    }

    /// Offset of the record; of an end of the partition, the offset of the next record.
    pub(crate) fn offset(&self) -> i64 {
        self.inner().offset
    }

    pub(crate) fn key(&self) -> Option<&[u8]> {
        // SAFETY: the bytes belong to the message.
        unsafe { bytes(self.inner().key, self.inner().key_len) }
    }

    pub(crate) fn value(&self) -> Option<&[u8]> {
        // SAFETY: the bytes belong to the message.
        unsafe { bytes(self.inner().payload, self.inner().len) }
    }

    /// The topic's timestamp, in milliseconds since 1970 UTC; -1 if there is none.
    pub(crate) fn timestamp(&self) -> i64 {
        // SAFETY: the kind of timestamp is not asked for.
        unsafe { sys::rd_kafka_message_timestamp(self.0.as_ptr(), ptr::null_mut()) }
    }

    /// Gives each header's name and value in order; a value that is none as no bytes.
    pub(crate) fn each_header(&self, take: &mut dyn FnMut(&[u8], &[u8])) {
        let mut headers = ptr::null_mut();
        // SAFETY: headers belong to the message; names end with a zero; each index is asked for until there is none.
        unsafe {
            if sys::rd_kafka_message_headers(self.0.as_ptr(), &raw mut headers)
                != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR
            {
                return;
            }
            for index in 0.. {
                let (mut name, mut value, mut length) = (ptr::null(), ptr::null(), 0);
                let found =
                    sys::rd_kafka_header_get_all(headers, index, &raw mut name, &raw mut value, &raw mut length);
                if found != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                    return;
                }
                let value = bytes(value.cast_mut(), length).unwrap_or_default();
                take(std::ffi::CStr::from_ptr(name).to_bytes(), value);
            }
        }
    }
}

/// Bytes of C's; `None` for null.
///
/// # Safety
/// `start` is null or points to `length` bytes that live as long as `'a`.
unsafe fn bytes<'a>(start: *mut c_void, length: usize) -> Option<&'a [u8]> {
    // SAFETY: as above.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start.cast::<u8>(), length) })
}

impl Reading {
    /// Hears what the client has to say of itself. It waits in the client's main queue until somebody takes it.
    pub(crate) fn listen(&self) {
        // SAFETY: the client is alive; the queue and each event are freed once, and the text of an event is read before.
        unsafe {
            let queue = sys::rd_kafka_queue_get_main(self.client.native_ptr());
            loop {
                let event = sys::rd_kafka_queue_poll(queue, 0);
                if event.is_null() {
                    break;
                }
                if sys::rd_kafka_event_type(event) == sys::RD_KAFKA_EVENT_STATS {
                    let said = std::ffi::CStr::from_ptr(sys::rd_kafka_event_stats(event));
                    self.client.context().stats_raw(said.to_bytes());
                }
                sys::rd_kafka_event_destroy(event);
            }
            sys::rd_kafka_queue_destroy(queue);
        }
    }
}

/// What the client has fetched of a partition and nobody took yet.
pub(crate) struct PartitionQueue {
    queue: *mut sys::rd_kafka_queue_t,
    topic: *mut sys::rd_kafka_topic_t,
    name: CString,
    partition: i32,
    /// Last, so that it outlives what came from it.
    client: Arc<Reading>,
}

// SAFETY: the client's queues and topics may be used from any thread.
unsafe impl Send for PartitionQueue {}

/// Called by the client's threads when an empty queue gets something; `signal` is the client's own [`Signal`].
unsafe extern "C" fn arrived(_client: *mut sys::rd_kafka_t, signal: *mut c_void) {
    // SAFETY: the signal belongs to the client, and the queue forgets this call before the client can go.
    unsafe { &*signal.cast::<Signal>() }.raise();
}

impl PartitionQueue {
    /// Starts to fetch a partition from an offset on.
    pub(crate) fn start(client: &Arc<Reading>, topic: &str, partition: i32, offset: i64) -> Result<Self, KafkaFailure> {
        const CALL: &str = "starting to read a partition";
        let name = c_name(CALL, topic)?;
        let handle = client.client.native_ptr();
        // SAFETY: the client lives as long as the queue made here, which frees the pointers once.
        unsafe {
            let topic = sys::rd_kafka_topic_new(handle, name.as_ptr(), ptr::null_mut());
            if topic.is_null() {
                return Err(KafkaFailure::coded(CALL, sys::rd_kafka_last_error().into(), ""));
            }
            let queue = sys::rd_kafka_queue_new(handle);
            if sys::rd_kafka_consume_start_queue(topic, partition, offset, queue) != 0 {
                let code = sys::rd_kafka_last_error();
                sys::rd_kafka_queue_destroy(queue);
                sys::rd_kafka_topic_destroy(topic);
                return Err(KafkaFailure::coded(CALL, code.into(), ""));
            }
            let signal = Arc::as_ptr(&client.arrived).cast_mut().cast();
            sys::rd_kafka_queue_cb_event_enable(queue, Some(arrived), signal);
            Ok(Self { queue, topic, name, partition, client: Arc::clone(client) })
        }
    }

    /// Takes at most `most` messages that are there; if none is, waits for one for `wait`.
    pub(crate) fn take(&mut self, most: usize, wait: Duration, into: &mut Vec<Message>) {
        let mut taken: Vec<*mut sys::rd_kafka_message_t> = vec![ptr::null_mut(); most];
        // SAFETY: the queue is alive; the array has room for `most`; what comes back is not null and ours.
        unsafe {
            let count = sys::rd_kafka_consume_batch_queue(self.queue, 0, taken.as_mut_ptr(), most);
            let count = usize::try_from(count).unwrap_or(0);
            into.extend(taken[..count].iter().filter_map(|message| NonNull::new(*message)).map(Message));
            if count == 0 && !wait.is_zero() {
                // The batch call would wait until the array is full.
                let wait = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX).max(1);
                let message = sys::rd_kafka_consume_queue(self.queue, wait);
                into.extend(NonNull::new(message).map(Message));
            }
        }
    }

    /// The offset up to which everything was taken, records that cannot be seen among them; `None` if the client
    /// does not know yet.
    pub(crate) fn passed(&self) -> Option<i64> {
        // SAFETY: a list of one element, freed below.
        unsafe {
            let list = sys::rd_kafka_topic_partition_list_new(1);
            sys::rd_kafka_topic_partition_list_add(list, self.name.as_ptr(), self.partition);
            sys::rd_kafka_position(self.client.client.native_ptr(), list);
            let offset = (*(*list).elems).offset;
            sys::rd_kafka_topic_partition_list_destroy(list);
            (offset >= 0).then_some(offset)
        }
    }
}

impl Drop for PartitionQueue {
    fn drop(&mut self) {
        // SAFETY: all pointers are alive and freed once; the signal is forgotten before anything else.
        unsafe {
            sys::rd_kafka_queue_cb_event_enable(self.queue, None, ptr::null_mut());
            sys::rd_kafka_consume_stop(self.topic, self.partition);
            sys::rd_kafka_queue_destroy(self.queue);
            sys::rd_kafka_topic_destroy(self.topic);
        }
    }
}
