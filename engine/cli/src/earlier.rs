//! The schemas by which a topic's records were written, against the one that the topologies have for it now.
//!
//! A file may be changed in a way that earlier records cannot be read by. While such records wait for a flow of these
//! topologies they would become dead letters, so a run does not start and `plan` says so. Where none waits they only lie
//! there, which is told until a newer record is written: a flow that is sent back could not read them.
//!
//! Of each partition the records that wait are looked at up to a bound, and the last one. Where more wait, what was
//! written between by an incompatible schema is not seen here, and becomes dead letters.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::Result;
use batch::Records;
use codec::avro::{self, Difference};
use log::{Log, LogError};
use serde::{Deserialize, Serialize};
use topology::plan::{From, To, TopicWrite, Topology};

use crate::exit::{Exit, failure};
use crate::flow_names::FlowNames;
use crate::show;

/// A topic with records of a schema that the one of now cannot read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Earlier {
    topic: String,
    /// A flow that has such records before it, and how many records wait for it.
    waits: Option<(String, i64)>,
    /// True if that flow has run, so that it can be sent on.
    #[serde(default)]
    has_run: bool,
    /// What is in the way, field by field.
    fields: BTreeSet<String>,
    /// The flows of these topologies that fill the topic, those that read it, and those of the latter that land in a table.
    #[serde(default)]
    filled_by: BTreeSet<String>,
    #[serde(default)]
    read_by: BTreeSet<String>,
    #[serde(default)]
    landed_by: BTreeSet<String>,
}

impl Earlier {
    /// True if a flow would have to read such records.
    pub(crate) fn stops(&self) -> bool {
        self.waits.is_some()
    }

    /// What is wrong, in lines.
    pub(crate) fn text(&self) -> String {
        let Self { topic, waits, fields, .. } = self;
        let mut text = match waits {
            Some((flow, records)) => {
                let wait = if *records == 1 { "1 record waits".to_owned() } else { format!("{records} records wait") };
                format!("{} topic {topic}: {wait} for {flow} that the schema of now cannot read", Difference::CODE)
            }
            None => format!(
                "topic {topic}: its newest record is of an earlier schema that the one of now cannot read; no such record \
                 waits for any of these flows, and none of them can be sent back to one, or rebuilt from it"
            ),
        };
        fields.iter().for_each(|field| text.push_str(&format!("\n  {field}")));
        text
    }

    /// What makes all that the topic had by the schema of now. Neither a release nor a rebuild that reads this topic can.
    pub(crate) fn way_of_all(&self) -> String {
        way(&self.topic, [&self.filled_by, &self.read_by, &self.landed_by])
    }

    /// The same, where a flow is to be rebuilt whose next generation has been looked at.
    pub(crate) fn of_rebuild(mut self, flow: &str) -> Self {
        self.read_by = BTreeSet::from([flow.to_owned()]);
        self.landed_by.clone_from(&self.read_by);
        self
    }

    /// True if it is about this topic.
    pub(crate) fn is_of(&self, topic: &str) -> bool {
        self.topic == topic
    }

    /// What helps.
    pub(crate) fn remedy(&self) -> String {
        let flow = self.waits.as_ref().map_or("the flow", |(flow, _)| flow);
        let leave_out = match self.has_run {
            true => format!("; or leave out what waits: spotlight release {flow} --from end"),
            false => String::new(),
        };
        format!(
            "take the change back and run once more, so that {flow} reads what waits, then make it again; or write the \
             rows to a topic of another name{leave_out}"
        )
    }
}

/// What makes all that a topic of these topologies has anew, under another name.
pub(crate) fn way_of_all(topologies: &[Topology], topic: &str) -> String {
    let names = FlowNames::of_topologies(topologies);
    let of = planned(topologies).remove(topic);
    let shown = |flows: &[(String, String)]| shown(flows, &names);
    let flows = of.map(|of| [shown(&of.writers), shown(&of.readers), shown(&of.landers)]).unwrap_or_default();
    way(topic, flows.each_ref())
}

fn shown(flows: &[(String, String)], names: &FlowNames) -> BTreeSet<String> {
    flows.iter().map(|(topology, flow)| names.shown(&format!("{topology}/{flow}"))).collect()
}

/// The flows that fill the topic, those that read it, and those of the latter that land in a table.
fn way(topic: &str, [filled_by, read_by, landed_by]: [&BTreeSet<String>; 3]) -> String {
    let each = |flows: &BTreeSet<String>, command: &dyn Fn(&str) -> String| -> String {
        flows.iter().map(|flow| format!(", {}", command(flow))).collect()
    };
    let released = |flow: &str| format!("spotlight release {flow} --from earliest");
    let again = format!("{}{}", each(filled_by, &released), each(read_by, &released));
    let rebuilt = each(landed_by, &|flow| format!("spotlight rebuild {flow}"));
    let refused = match landed_by.is_empty() {
        true => "",
        false => " (where a rebuild is refused, name another table in the topology instead)",
    };
    format!(
        "to make all of it anew: write another name for topic {topic} into the topology files and run \
         (what reads it waits then: E5110); end the run{again}{rebuilt}; and run again{refused}"
    )
}

/// Refuses to send a flow back, in some partitions of its input, to records that the schema by which it last ran cannot
/// read: the next run would be refused for them.
pub(crate) fn refuse_release(
    (log, schemas): (&dyn Log, &dyn operators::Schemas),
    (flow, topic, schema): (&str, &str, &str),
    moves: impl Iterator<Item = (i32, i64)>,
) -> Result<()> {
    let look = Look { topic, partitions: 0, log, schemas, schema };
    let mut fields = BTreeSet::new();
    for (partition, to) in moves {
        fields.extend(look.waiting(partition, to)?);
    }
    if fields.is_empty() {
        return Ok(());
    }
    let fields: String = fields.iter().map(|field| format!("\n  {field}")).collect();
    Err(failure(
        Exit::Usage,
        format!(
            "{} topic {topic}: behind that place are records of an earlier schema that {flow}, as it last ran, cannot \
             read{fields}",
            Difference::CODE
        ),
        format!(
            "give an offset behind them, or spotlight release {flow} --from end; to have them read, take the change back \
             and run once before, or write the rows to a topic of another name"
        ),
    ))
}

/// Columns that the schema of now has for a topic's records, and some records that lie there have not: they are null, or
/// have their default, in what is made of those. As far as the records of each partition are looked at.
pub(crate) fn lacking_columns(
    (log, schemas): (&dyn Log, &dyn operators::Schemas),
    (topic, schema): (&str, &str),
) -> Result<BTreeSet<String>> {
    let partitions = log.topic(topic)?.map_or(0, |state| state.partitions);
    let look = Look { topic, partitions, log, schemas, schema };
    let mut written = BTreeSet::new();
    for partition in 0..partitions {
        look.each_schema(partition, log.first(topic, partition)?, &mut |id| {
            written.insert(id);
            Ok(())
        })?;
    }
    let now = names_of(schema);
    let mut lacking = BTreeSet::new();
    for id in written {
        schemas.find(id)?;
        let Some(writer) = schemas.schema(id) else { continue };
        let there = names_of(&writer);
        lacking.extend(now.iter().filter(|name| !there.contains(*name)).cloned());
    }
    Ok(lacking)
}

/// The names of the fields of a record's schema.
fn names_of(schema: &str) -> BTreeSet<String> {
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap_or_default();
    let fields = schema["fields"].as_array().into_iter().flatten();
    fields.filter_map(|field| field["name"].as_str().map(str::to_owned)).collect()
}

/// What a topic's records are to be now, and who reads them.
pub(crate) struct Planned {
    /// Text of the schema of values.
    pub(crate) schema: String,
    /// Number of partitions.
    pub(crate) partitions: i32,
    /// Topology and flow, as the log knows it.
    readers: Vec<(String, String)>,
    /// Those of them that land in a table.
    landers: Vec<(String, String)>,
    /// Those who write.
    writers: Vec<(String, String)>,
}

/// The topics of these topologies whose records the schemas of now cannot read.
pub(crate) fn earlier(
    topologies: &[Topology],
    log: &dyn Log,
    schemas: &dyn operators::Schemas,
) -> Result<Vec<Earlier>> {
    let (mut found, names) = (Vec::new(), FlowNames::of_topologies(topologies));
    for (topic, planned) in planned(topologies) {
        let Some(state) = log.topic(&topic)? else { continue };
        let look = Look { topic: &topic, partitions: state.partitions, log, schemas, schema: &planned.schema };
        let (mut waits, mut has_run) = (None, false);
        let mut fields = BTreeSet::new();
        for (topology, flow) in &planned.readers {
            let group = runtime::names::group(topology, flow);
            let Before { unread, has_run: ran, fields: unreadable } = look.before(&group)?;
            if unreadable.is_empty() {
                continue;
            }
            fields.extend(unreadable);
            if waits.is_none() {
                (waits, has_run) = (Some((names.shown(&format!("{topology}/{flow}")), unread)), ran);
            }
        }
        if waits.is_none() {
            fields = look.newest()?;
        }
        if !fields.is_empty() {
            let shown = |flows: &[(String, String)]| shown(flows, &names);
            found.push(Earlier {
                topic: topic.to_string(),
                waits,
                has_run,
                fields,
                filled_by: shown(&planned.writers),
                read_by: shown(&planned.readers),
                landed_by: shown(&planned.landers),
            });
        }
    }
    Ok(found)
}

/// Refuses to go on where a flow would have to read such records, and tells of the others.
pub(crate) fn refuse(topologies: &[Topology], log: &dyn Log, schemas: &dyn operators::Schemas) -> Result<()> {
    for one in earlier(topologies, log, schemas)? {
        if one.stops() {
            return Err(failure(Exit::Topology, one.text(), one.remedy()));
        }
        show::note(&one.text());
        show::note(&format!("  {}", one.way_of_all()));
    }
    Ok(())
}

/// Refuses topics that are there with another number of partitions than these topologies plan.
pub(crate) fn refuse_partitions(topologies: &[Topology], log: &dyn Log) -> Result<()> {
    for (topic, planned) in planned(topologies) {
        let Some(found) = log.topic(&topic)?.map(|state| state.partitions).filter(|&it| it != planned.partitions)
        else {
            continue;
        };
        let wanted = planned.partitions;
        let error = LogError::Partitions { topic: Arc::clone(&topic), found, wanted };
        let code = error.code().map_or("", |code| code.0);
        let of = planned.writers.iter().chain(&planned.readers).next();
        let file = of.and_then(|(name, _)| topologies.iter().find(|one| *one.name == **name));
        let file = file.map_or("the topology", |topology| &*topology.file);
        return Err(failure(
            Exit::Topology,
            format!("{code} {error}, which {file} plans: records of one key would stand in two of them"),
            format!("write `partitions: {found}` where {file} names it, or give the topic another name"),
        ));
    }
    Ok(())
}

/// The topics of these topologies.
pub(crate) fn planned(topologies: &[Topology]) -> BTreeMap<Arc<str>, Planned> {
    let mut planned = BTreeMap::new();
    for topology in topologies {
        for flow in &topology.flows {
            let name = (topology.name.to_string(), flow.recorded_as().to_string());
            // What others write is not of the schemas of an earlier plan.
            if let From::Topic(read) = &flow.from
                && read.decode.is_none()
            {
                let topic = entry(&mut planned, &read.topic, &read.columns, read.schema.as_ref(), read.partitions);
                topic.readers.push(name.clone());
                if matches!(flow.to, To::Table(_)) {
                    topic.landers.push(name.clone());
                }
            }
            let mut written: Vec<&TopicWrite> = flow.outputs.values().collect();
            if let To::Topic(write) = &flow.to {
                written.push(write);
            }
            for write in written {
                entry(&mut planned, &write.topic, &write.columns, write.schema.as_ref(), write.partitions)
                    .writers
                    .push(name.clone());
            }
        }
    }
    planned
}

fn entry<'a>(
    planned: &'a mut BTreeMap<Arc<str>, Planned>,
    topic: &Arc<str>,
    columns: &topology::plan::Columns,
    schema: Option<&Arc<str>>,
    partitions: i32,
) -> &'a mut Planned {
    planned.entry(Arc::clone(topic)).or_insert_with(|| {
        let columns: Vec<_> = columns.iter().map(|(name, of)| (Arc::clone(name), of.clone())).collect();
        let schema = schema.map_or_else(|| avro::record_schema(topic, &columns), ToString::to_string);
        Planned { schema, partitions, readers: Vec::new(), landers: Vec::new(), writers: Vec::new() }
    })
}

/// Bytes of one reading of records that wait.
const READ_BYTES: usize = 1024 * 1024;
/// Bytes of the records of a partition that are looked at before a run starts. Larger: more is seen beforehand. Smaller:
/// a run behind a long topic starts sooner.
const LOOKED_AT: usize = 4 * 1024 * 1024;

/// What waits for a group.
#[derive(Default)]
struct Before {
    /// How many records.
    unread: i64,
    /// True if the group has a position.
    has_run: bool,
    /// What is in the way of reading them.
    fields: BTreeSet<String>,
}

/// A look at the records of one topic.
struct Look<'a> {
    topic: &'a str,
    partitions: i32,
    log: &'a dyn Log,
    schemas: &'a dyn operators::Schemas,
    /// The schema of now.
    schema: &'a str,
}

impl Look<'_> {
    fn before(&self, group: &str) -> Result<Before> {
        let mut before = Before::default();
        for partition in 0..self.partitions {
            let position = self.log.position(group, self.topic, partition)?;
            before.has_run |= position.is_some();
            let (next, end) = (position.map_or(0, |position| position.offset), self.log.end(self.topic, partition)?);
            if next < end {
                before.unread += end - next;
                before.fields.extend(self.waiting(partition, next)?);
                before.fields.extend(self.at(partition, end - 1)?);
            }
        }
        Ok(before)
    }

    /// What is in the way of reading the records of a partition from an offset on, as far as they are looked at.
    fn waiting(&self, partition: i32, offset: i64) -> Result<BTreeSet<String>> {
        let mut found = BTreeSet::new();
        self.each_schema(partition, offset, &mut |id| {
            found.extend(self.differences(id)?);
            Ok(())
        })?;
        Ok(found)
    }

    /// Gives each schema once by which records of a partition were written, from an offset on, as far as they are looked at.
    fn each_schema(&self, partition: i32, mut offset: i64, take: &mut dyn FnMut(u32) -> Result<()>) -> Result<()> {
        let (mut schemas, mut looked) = (BTreeSet::new(), 0);
        while looked < LOOKED_AT {
            let blocks = self.blocks(partition, offset, READ_BYTES)?;
            let Some(last) = blocks.last() else { break };
            offset = last.next_offset();
            for block in &blocks {
                looked += block.memory();
                for value in block.iter().filter_map(|record| record.value) {
                    if let Some((id, _)) = avro::unframe(value)
                        && schemas.insert(id)
                    {
                        take(id)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// What is in the way of reading the newest record.
    fn newest(&self) -> Result<BTreeSet<String>> {
        let mut newest: Option<Records> = None;
        for partition in 0..self.partitions {
            let end = self.log.end(self.topic, partition)?;
            let Some(record) = (if end > 0 { self.record(partition, end - 1)? } else { None }) else { continue };
            let arrival = |records: &Records| records.arrivals.value(0);
            if newest.as_ref().is_none_or(|newest| arrival(newest) < arrival(&record)) {
                newest = Some(record);
            }
        }
        newest.map_or_else(|| Ok(BTreeSet::new()), |record| self.in_the_way(&record))
    }

    /// What is in the way of reading the record at an offset, or the first one after it.
    fn at(&self, partition: i32, offset: i64) -> Result<BTreeSet<String>> {
        self.record(partition, offset)?.map_or_else(|| Ok(BTreeSet::new()), |record| self.in_the_way(&record))
    }

    /// A block that begins with the record at an offset, or the first one after it.
    fn record(&self, partition: i32, offset: i64) -> Result<Option<Records>> {
        let blocks = self.blocks(partition, offset, 1)?;
        Ok(blocks.into_iter().find(|block| !block.is_empty()))
    }

    /// Records from an offset on, or from the first one that is still there. None where they cannot be read: others may
    /// have cut or deleted their topic, or a disk may have damaged it, and what that means is for the flow to say.
    fn blocks(&self, partition: i32, offset: i64, bytes: usize) -> Result<Vec<Records>, LogError> {
        let read = |offset| self.log.read(self.topic, partition, offset, bytes);
        let blocks = match read(offset) {
            Err(LogError::OutOfRange { first, end, .. }) if offset < first && first < end => read(first),
            blocks => blocks,
        };
        match blocks {
            Err(LogError::OutOfRange { .. } | LogError::UnknownPartition { .. } | LogError::Damaged(_)) => {
                Ok(Vec::new())
            }
            blocks => blocks,
        }
    }

    /// What is in the way of reading the first of these records.
    fn in_the_way(&self, records: &Records) -> Result<BTreeSet<String>> {
        let id = avro::unframe(records.values.value(0)).map(|(id, _)| id);
        id.map_or_else(|| Ok(BTreeSet::new()), |id| self.differences(id))
    }

    /// What is in the way of reading records of a schema.
    fn differences(&self, id: u32) -> Result<BTreeSet<String>> {
        self.schemas.find(id)?;
        let Some(writer) = self.schemas.schema(id) else { return Ok(BTreeSet::new()) };
        let differences = avro::compatibility(self.schema, &writer)?;
        // Records are read by the names of their fields; what the record itself is called does not matter.
        Ok(differences.iter().filter(|one| !one.path.is_empty()).map(ToString::to_string).collect())
    }
}
