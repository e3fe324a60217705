//! Questions to the cluster: make a topic, what a topic is, how long it keeps records, delete the first records of a
//! partition.
#![expect(unsafe_code, reason = "the safe client has no call for these; see the prose of `native`")]

use std::collections::BTreeMap;
use std::ptr;
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::types::RDKafkaRespErr;

use super::{Reading, c_name, c_text};
use crate::failure::KafkaFailure;

/// What Kafka says about a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Described {
    /// Kafka's topic id.
    pub(crate) identity: u128,
    pub(crate) partitions: i32,
}

/// Frees what C gave, once.
pub(super) struct Owned<Item> {
    pub(super) pointer: *mut Item,
    free: unsafe extern "C" fn(*mut Item),
}

impl<Item> Owned<Item> {
    pub(super) fn new(pointer: *mut Item, free: unsafe extern "C" fn(*mut Item)) -> Option<Self> {
        (!pointer.is_null()).then_some(Self { pointer, free })
    }
}

impl<Item> Drop for Owned<Item> {
    fn drop(&mut self) {
        // SAFETY: the pointer came from C, is not null, and nobody else frees it.
        unsafe { (self.free)(self.pointer) }
    }
}

impl Reading {
    /// Asks one question and waits for its answer.
    fn ask(
        &self,
        call: &'static str,
        operation: sys::rd_kafka_admin_op_t,
        submit: impl FnOnce(*mut sys::rd_kafka_AdminOptions_t, *mut sys::rd_kafka_queue_t),
    ) -> Result<Owned<sys::rd_kafka_event_t>, KafkaFailure> {
        let none = || KafkaFailure::new(call, "the client is out of memory");
        let handle = self.client.native_ptr();
        let limit = i32::try_from(self.limit.as_millis()).unwrap_or(i32::MAX / 2);
        // SAFETY: the client lives as long as `self`.
        let queue = Owned::new(unsafe { sys::rd_kafka_queue_new(handle) }, sys::rd_kafka_queue_destroy);
        let queue = queue.ok_or_else(none)?;
        // SAFETY: as above.
        let options = unsafe { sys::rd_kafka_AdminOptions_new(handle, operation) };
        let options = Owned::new(options, sys::rd_kafka_AdminOptions_destroy).ok_or_else(none)?;
        // SAFETY: no text of an error is asked for, so its length is 0.
        unsafe { sys::rd_kafka_AdminOptions_set_request_timeout(options.pointer, limit, ptr::null_mut(), 0) };
        submit(options.pointer, queue.pointer);
        // The answer comes even if the server is silent; the second more is for the client's own work.
        // SAFETY: the queue is alive.
        let event = unsafe { sys::rd_kafka_queue_poll(queue.pointer, limit.saturating_add(1000)) };
        let event = Owned::new(event, sys::rd_kafka_event_destroy);
        let event = event.ok_or_else(|| KafkaFailure::new(call, "no answer in time"))?;
        // SAFETY: the event is alive, its text is C's and copied.
        let (error, text) = unsafe {
            (sys::rd_kafka_event_error(event.pointer), c_text(sys::rd_kafka_event_error_string(event.pointer)))
        };
        refused(call, error, &text)?;
        Ok(event)
    }

    /// Makes a topic. Succeeds too if it is there already, whatever it is like.
    pub(crate) fn create_topic(
        &self,
        name: &str,
        partitions: i32,
        replication: i32,
        settings: &[(&str, String)],
    ) -> Result<(), KafkaFailure> {
        const CALL: &str = "making a topic";
        let c_topic = c_name(CALL, name)?;
        // SAFETY: the name is a text of C, no text of an error is asked for.
        let topic =
            unsafe { sys::rd_kafka_NewTopic_new(c_topic.as_ptr(), partitions, replication, ptr::null_mut(), 0) };
        let topic = Owned::new(topic, sys::rd_kafka_NewTopic_destroy);
        let topic = topic.ok_or_else(|| KafkaFailure::new(CALL, "name, partitions or replication are refused"))?;
        for (setting, value) in settings {
            let (setting, value) = (c_name(CALL, setting)?, c_name(CALL, value)?);
            // SAFETY: both are texts of C and are copied.
            unsafe { sys::rd_kafka_NewTopic_set_config(topic.pointer, setting.as_ptr(), value.as_ptr()) };
        }
        let mut topics = [topic.pointer];
        let event = self.ask(CALL, sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_CREATETOPICS, |options, queue| {
            // SAFETY: all pointers are alive; the topic is copied.
            unsafe { sys::rd_kafka_CreateTopics(self.client.native_ptr(), topics.as_mut_ptr(), 1, options, queue) }
        })?;
        let mut count = 0;
        // SAFETY: the answer lives in the event; the array has `count` topics.
        let (error, text) = unsafe {
            let answer = sys::rd_kafka_event_CreateTopics_result(event.pointer);
            let topics = sys::rd_kafka_CreateTopics_result_topics(answer, &raw mut count);
            if count == 0 {
                return Err(KafkaFailure::new(CALL, "an answer without a topic"));
            }
            (sys::rd_kafka_topic_result_error(*topics), c_text(sys::rd_kafka_topic_result_error_string(*topics)))
        };
        match refused(CALL, error, &text) {
            Err(failure) if failure.code() == Some(RDKafkaErrorCode::TopicAlreadyExists) => Ok(()),
            outcome => outcome,
        }
    }

    /// The topic, if it is there.
    pub(crate) fn describe_topic(&self, name: &str) -> Result<Option<Described>, KafkaFailure> {
        const CALL: &str = "describing a topic";
        let c_topic = c_name(CALL, name)?;
        let mut names = [c_topic.as_ptr()];
        // SAFETY: one name, a text of C, which is copied.
        let names = unsafe { sys::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), 1) };
        let names = Owned::new(names, sys::rd_kafka_TopicCollection_destroy);
        let names = names.ok_or_else(|| KafkaFailure::new(CALL, "the client is out of memory"))?;
        let event = self.ask(CALL, sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS, |options, queue| {
            // SAFETY: all pointers are alive; the names are copied.
            unsafe { sys::rd_kafka_DescribeTopics(self.client.native_ptr(), names.pointer, options, queue) }
        })?;
        // SAFETY: the answer and all in it live in the event; arrays have the lengths that C gives.
        unsafe {
            let answer = sys::rd_kafka_event_DescribeTopics_result(event.pointer);
            let mut count = 0;
            let topics = sys::rd_kafka_DescribeTopics_result_topics(answer, &raw mut count);
            if count == 0 {
                return Ok(None);
            }
            let error = sys::rd_kafka_TopicDescription_error(*topics);
            let code = sys::rd_kafka_error_code(error);
            let missing = [
                RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
                RDKafkaRespErr::RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC,
                RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION,
            ];
            if missing.contains(&code) {
                return Ok(None);
            }
            let text = if error.is_null() { String::new() } else { c_text(sys::rd_kafka_error_string(error)) };
            refused(CALL, code, &text)?;
            let mut partitions = 0;
            sys::rd_kafka_TopicDescription_partitions(*topics, &raw mut partitions);
            let identity = sys::rd_kafka_TopicDescription_topic_id(*topics);
            if identity.is_null() {
                return Err(KafkaFailure::new(
                    CALL,
                    "the cluster gives topics no identity; it is older than Kafka 2.8",
                ));
            }
            let upper = sys::rd_kafka_Uuid_most_significant_bits(identity).cast_unsigned();
            let lower = sys::rd_kafka_Uuid_least_significant_bits(identity).cast_unsigned();
            let identity = (u128::from(upper) << 64) | u128::from(lower);
            Ok(Some(Described { identity, partitions: i32::try_from(partitions).unwrap_or(i32::MAX) }))
        }
    }
}

impl Reading {
    /// How long a topic keeps a record; `None` if for ever, if there is no such topic, or if this login may not know.
    pub(crate) fn retention(&self, topic: &str) -> Result<Option<Duration>, KafkaFailure> {
        const CALL: &str = "asking how long a topic keeps records";
        let name = c_name(CALL, topic)?;
        let kind = sys::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC;
        // SAFETY: the name is a text of C, which is copied.
        let question = unsafe { sys::rd_kafka_ConfigResource_new(kind, name.as_ptr()) };
        let question = Owned::new(question, sys::rd_kafka_ConfigResource_destroy);
        let question = question.ok_or_else(|| KafkaFailure::new(CALL, "the client is out of memory"))?;
        let mut questions = [question.pointer];
        let event = self.ask(CALL, sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, |options, queue| {
            // SAFETY: all pointers are alive; the question is copied.
            unsafe {
                sys::rd_kafka_DescribeConfigs(self.client.native_ptr(), questions.as_mut_ptr(), 1, options, queue);
            }
        })?;
        let mut settings = BTreeMap::new();
        // SAFETY: the answer and all in it live in the event; arrays have the lengths that C gives; texts are copied.
        unsafe {
            let answer = sys::rd_kafka_event_DescribeConfigs_result(event.pointer);
            let mut count = 0;
            let topics = sys::rd_kafka_DescribeConfigs_result_resources(answer, &raw mut count);
            if count == 0 {
                return Err(KafkaFailure::new(CALL, "an answer without a topic"));
            }
            let error = sys::rd_kafka_ConfigResource_error(*topics);
            let unknown = [
                RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
                RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
                RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
            ];
            if unknown.contains(&error) {
                return Ok(None);
            }
            refused(CALL, error, &c_text(sys::rd_kafka_ConfigResource_error_string(*topics)))?;
            let entries = sys::rd_kafka_ConfigResource_configs(*topics, &raw mut count);
            for index in 0..count {
                let entry = *entries.add(index);
                let name = c_text(sys::rd_kafka_ConfigEntry_name(entry));
                settings.insert(name, c_text(sys::rd_kafka_ConfigEntry_value(entry)));
            }
        }
        Ok(kept_for(&settings))
    }

    /// Deletes the records of a partition before `offset`. Of those before its first nothing is to be done.
    pub(crate) fn delete_records(&self, topic: &str, partition: i32, offset: i64) -> Result<(), KafkaFailure> {
        const CALL: &str = "deleting records";
        let none = || KafkaFailure::new(CALL, "the client is out of memory");
        let name = c_name(CALL, topic)?;
        // SAFETY: the name is a text of C and copied, as is the list.
        let request = unsafe {
            let list = sys::rd_kafka_topic_partition_list_new(1);
            let list = Owned::new(list, sys::rd_kafka_topic_partition_list_destroy).ok_or_else(none)?;
            (*sys::rd_kafka_topic_partition_list_add(list.pointer, name.as_ptr(), partition)).offset = offset;
            sys::rd_kafka_DeleteRecords_new(list.pointer)
        };
        let request = Owned::new(request, sys::rd_kafka_DeleteRecords_destroy).ok_or_else(none)?;
        let mut requests = [request.pointer];
        let event = self.ask(CALL, sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DELETERECORDS, |options, queue| {
            // SAFETY: all pointers are alive; the request is copied.
            unsafe { sys::rd_kafka_DeleteRecords(self.client.native_ptr(), requests.as_mut_ptr(), 1, options, queue) }
        })?;
        // SAFETY: the answer and its list live in the event; the list has `cnt` elements.
        let error = unsafe {
            let answer = sys::rd_kafka_event_DeleteRecords_result(event.pointer);
            let offsets = sys::rd_kafka_DeleteRecords_result_offsets(answer);
            if offsets.is_null() || (*offsets).cnt == 0 {
                return Err(KafkaFailure::new(CALL, "an answer without a partition"));
            }
            (*(*offsets).elems).err
        };
        refused(CALL, error, "")
    }
}

/// How long a topic with these settings keeps a record. One that is only compacted keeps the newest of each key for ever,
/// and one without a limit has a negative one.
fn kept_for(settings: &BTreeMap<String, String>) -> Option<Duration> {
    let setting = |name: &str| settings.get(name).map(String::as_str);
    let deletes = setting("cleanup.policy").is_none_or(|policy| policy.split(',').any(|word| word.trim() == "delete"));
    let limit = setting("retention.ms").and_then(|limit| limit.parse::<i64>().ok());
    let limit = limit.filter(|_| deletes).and_then(|limit| u64::try_from(limit).ok());
    limit.map(Duration::from_millis)
}

/// An error unless the code is none.
pub(super) fn refused(call: &'static str, code: RDKafkaRespErr, detail: &str) -> Result<(), KafkaFailure> {
    if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
        return Ok(());
    }
    Err(KafkaFailure::coded(call, code.into(), detail))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::kept_for;

    #[test]
    fn a_topic_keeps_records_for_a_time_or_for_ever() {
        let kept = |policy: &str, limit: &str| {
            let settings = [("cleanup.policy", policy), ("retention.ms", limit)];
            kept_for(&settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
        };
        assert_eq!(kept("delete", "604800000"), Some(Duration::from_secs(604_800)));
        assert_eq!(kept("compact,delete", "1000"), Some(Duration::from_secs(1)));
        assert_eq!(kept("compact", "604800000"), None);
        assert_eq!(kept("delete", "-1"), None);
        assert_eq!(kept_for(&[].into()), None, "where nothing may be known");
    }
}
