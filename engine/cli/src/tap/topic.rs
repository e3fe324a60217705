//! The records of a topic as text, with or without a run.
//!
//! Rows that flows write are decoded by the schema that each record names; records of the engine's own topics are shown
//! as the JSON or text that they are.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use arrow::array::BinaryArray;
use batch::{Record, Records};
use codec::avro::{RecordDecoder, columns_of, unframe};
use log::Log;

use super::Manner;
use super::frame::{Frame, Wire};
use crate::exit::{Exit, failure};
use crate::rows::{Rows, bytes_as_text, quoted};
use crate::show;

/// Bytes of one reading.
const READ_BYTES: usize = 1024 * 1024;

/// How long a quiet tap waits before it says that it is still there.
const BEAT: Duration = Duration::from_millis(500);

/// Which records.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// Name of the topic.
    pub(crate) topic: String,
    /// True to wait for what comes from now on; false for all that is there.
    pub(crate) from_end: bool,
}

/// A topic that is there.
pub(crate) struct TopicTap {
    log: Arc<dyn Log>,
    schemas: Arc<dyn operators::Schemas>,
    topic: String,
    /// The next offset of each partition.
    next: Vec<i64>,
    follow: bool,
}

impl TopicTap {
    /// Looks the topic up.
    pub(crate) fn open(log: &Arc<dyn Log>, schemas: &Arc<dyn operators::Schemas>, wanted: &Wanted) -> Result<Self> {
        let topic = wanted.topic.clone();
        let Some(state) = log.topic(&topic)? else {
            let all = log.topics()?;
            let known: Vec<&str> = all.iter().map(|name| &**name).collect();
            let what = format!("there is no topic `{topic}`{}", show::meant(&topic, &known));
            // Those that topologies name are what people mean; without one the engine's own.
            let own: Vec<&str> = known.iter().copied().filter(|name| !topology::is_own_topic(name)).collect();
            let near = match own.is_empty() {
                true => show::nearest_first(&topic, &known, "spotlight tap --topics --all"),
                false => show::nearest_first(&topic, &own, "spotlight tap --topics"),
            };
            return Err(failure(Exit::Usage, what, format!("the topics nearest to it: {near}")));
        };
        let next = (0..state.partitions)
            .map(|partition| if wanted.from_end { log.end(&topic, partition) } else { log.first(&topic, partition) })
            .collect::<Result<_, _>>()?;
        let (log, schemas) = (Arc::clone(log), Arc::clone(schemas));
        Ok(Self { log, schemas, topic, next, follow: wanted.from_end })
    }

    /// Shows records until there were enough of them, or nobody listens; without `from_end` until the end of the topic.
    pub(crate) fn show(mut self, manner: Manner, wire: &mut Wire<'_>) -> Result<()> {
        let (mut shown, mut seen) = (0, 0);
        wire.send(&Frame::Beat)?;
        loop {
            seen = self.log.wait(seen, BEAT);
            for partition in 0..self.next.len() {
                while let Some(records) = self.read(partition)? {
                    for record in records.iter() {
                        if manner.limit.is_some_and(|limit| shown >= limit) {
                            return wire.send(&Frame::Enough);
                        }
                        wire.send_row(&self.told(partition, &record, manner.json)?)?;
                        shown += 1;
                    }
                }
            }
            if !self.follow || manner.limit.is_some_and(|limit| shown >= limit) {
                return wire.send(&Frame::Enough);
            }
            wire.send(&Frame::Beat)?;
        }
    }

    /// The next records of a partition; `None` at its end.
    fn read(&mut self, partition: usize) -> Result<Option<Records>> {
        let number = i32::try_from(partition).context("a partition's number")?;
        let blocks = self.log.read(&self.topic, number, self.next[partition], READ_BYTES)?;
        let first = blocks.into_iter().next();
        if let Some(records) = &first {
            self.next[partition] = records.next_offset();
        }
        Ok(first)
    }

    fn told(&self, partition: usize, record: &Record<'_>, json: bool) -> Result<String> {
        let (offset, time) = (record.offset, show::time(record.arrival));
        let value = self.value(record.value, json)?;
        if !json {
            return Ok(format!("{partition}:{offset}  {time}  {value}"));
        }
        let key = record.key.map_or_else(|| "null".to_owned(), |key| quoted(&bytes_as_text(key)));
        Ok(format!(r#"{{"partition":{partition},"offset":{offset},"time":"{time}","key":{key},"row":{value}}}"#))
    }

    fn value(&self, value: Option<&[u8]>, json: bool) -> Result<String> {
        let Some(bytes) = value else {
            return Ok(if json { "null" } else { "(deleted)" }.to_owned());
        };
        if let Some(decoded) = self.decoded(bytes, json)? {
            return Ok(decoded);
        }
        let text = match serde_json::from_slice::<serde_json::Value>(bytes) {
            Ok(value) => return Ok(value.to_string()),
            Err(_) => bytes_as_text(bytes),
        };
        Ok(if json { quoted(&text) } else { batch::excerpt(text.as_bytes(), 400) })
    }

    /// A row by the schema that its record names; `None` if it names none.
    fn decoded(&self, bytes: &[u8], json: bool) -> Result<Option<String>> {
        decoded(&*self.schemas, bytes, json)
    }
}

/// A row by the schema that its record names, as a JSON object or for people; `None` if it names none that is known.
pub(crate) fn decoded(schemas: &dyn operators::Schemas, bytes: &[u8], json: bool) -> Result<Option<String>> {
    let Some(schema) = unframe(bytes).and_then(|(id, _)| schemas.schema(id)) else {
        return Ok(None);
    };
    let Ok(columns) = columns_of(&schema) else { return Ok(None) };
    let decoded = RecordDecoder::new(columns).decode(&BinaryArray::from_iter_values([bytes]), schemas);
    if decoded.rows.num_rows() == 0 {
        return Ok(None);
    }
    let rows = Rows::new(&decoded.rows)?;
    Ok(Some(if json { rows.json(0) } else { rows.text(0) }))
}
