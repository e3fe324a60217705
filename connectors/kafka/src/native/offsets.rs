//! Positions of a group as part of a transaction, without a consumer of that group.
#![expect(unsafe_code, reason = "the safe client wants a consumer in the group; see the prose of `native`")]

use std::time::Duration;

use log::Position;
use rdkafka::bindings as sys;
use rdkafka::client::{Client, ClientContext};

use super::{c_name, c_text};
use crate::failure::KafkaFailure;
use crate::membership::Member;

/// Adds positions of one group, as (topic, partition, position), to the producer's open transaction. With a member of the
/// group its generation goes along, which the brokers hold against the group's; without one they take the positions only
/// while the group has no members. The error comes with whether the transaction can still be aborted; if not, the
/// producer is of no use any more.
pub(crate) fn send_offsets<Context: ClientContext>(
    producer: &Client<Context>,
    (group, member): (&str, Option<&Member>),
    positions: &[(String, i32, &Position)],
    limit: Duration,
) -> Result<(), (KafkaFailure, bool)> {
    const CALL: &str = "adding positions to a transaction";
    let abortable = |failure| (failure, true);
    let group = c_name(CALL, group).map_err(abortable)?;
    let topics = positions.iter().map(|(topic, ..)| c_name(CALL, topic)).collect::<Result<Vec<_>, _>>();
    let topics = topics.map_err(abortable)?;
    let limit = i32::try_from(limit.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the list, the group's metadata and the error are freed below, once. The list borrows each position's
    // text for the call alone, which copies it; it is taken out again before the list is freed, as C would free it.
    unsafe {
        let list = sys::rd_kafka_topic_partition_list_new(i32::try_from(positions.len()).unwrap_or(0));
        for (topic, (_, partition, position)) in topics.iter().zip(positions) {
            let element = &mut *sys::rd_kafka_topic_partition_list_add(list, topic.as_ptr(), *partition);
            element.offset = position.offset;
            if !position.metadata.is_empty() {
                element.metadata = position.metadata.as_ptr().cast_mut().cast();
                element.metadata_size = position.metadata.len();
            }
        }
        let owner = match member {
            Some(member) => sys::rd_kafka_consumer_group_metadata(member.client().native_ptr()),
            None => sys::rd_kafka_consumer_group_metadata_new(group.as_ptr()),
        };
        let error = sys::rd_kafka_send_offsets_to_transaction(producer.native_ptr(), list, owner, limit);
        sys::rd_kafka_consumer_group_metadata_destroy(owner);
        for index in 0..usize::try_from((*list).cnt).unwrap_or(0) {
            let element = &mut *(*list).elems.add(index);
            element.metadata = std::ptr::null_mut();
            element.metadata_size = 0;
        }
        sys::rd_kafka_topic_partition_list_destroy(list);
        if error.is_null() {
            return Ok(());
        }
        let code = sys::rd_kafka_error_code(error);
        let text = c_text(sys::rd_kafka_error_string(error));
        let abortable = sys::rd_kafka_error_txn_requires_abort(error) != 0;
        sys::rd_kafka_error_destroy(error);
        Err((KafkaFailure::coded(CALL, code.into(), &text), abortable))
    }
}
