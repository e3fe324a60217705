//! Keys by which rows are stored, against those of the topologies as they are now.
//!
//! A topic has all rows of a key in one partition. By another key later rows of one id lie in another partition than the
//! earlier ones: a `dedupe` does not know the repeats, and a table `by-key` takes an older row for the newer one. What a
//! `dedupe` remembers it remembers by its key: by another one it knows nothing. Neither would be told by anything else, so
//! a run does not start.

use std::collections::BTreeMap;

use anyhow::Result;
use log::Log;
use runtime::ANOTHER_KEY;
use topology::plan::{Flow, To, TopicWrite, Topology};

use crate::data::KnownFlow;
use crate::exit::{Exit, failure};
use crate::flow_names::{began, called, each, recorded_as};
use crate::{earlier, stores};

/// The keys of the topics that a flow fills, by their names.
pub(crate) fn of(flow: &Flow) -> BTreeMap<String, Vec<String>> {
    let texts = |write: &TopicWrite| write.key.iter().map(ToString::to_string).collect();
    written(flow).map(|write| (write.topic.to_string(), texts(write))).collect()
}

/// The topics of which rows of a flow may stand in its table, from before it read `now`.
pub(crate) fn topics_before(known: &KnownFlow, now: &str) -> Vec<String> {
    let all = known.landing.iter().flat_map(|landing| &landing.read).chain([&known.topic]);
    all.filter(|topic| **topic != now).cloned().collect()
}

fn written(flow: &Flow) -> impl Iterator<Item = &TopicWrite> {
    let to = match &flow.to {
        To::Topic(write) => Some(write),
        To::Table(_) => None,
    };
    flow.outputs.values().chain(to)
}

/// Refuses topologies in which a topic with records, or a memory that was begun, has another key than it was filled by.
pub(crate) fn refuse(topologies: &[Topology], known: &BTreeMap<String, KnownFlow>, log: &dyn Log) -> Result<()> {
    for (topology, flow) in each(topologies) {
        let name = called(topology, flow);
        for (topic, now) in of(flow) {
            let of_topic = |(by, before): (&String, &KnownFlow)| Some((by.clone(), before.keys.get(&topic)?.clone()));
            let other = known.iter().filter_map(of_topic).find(|(_, before)| *before != now);
            let Some((by, before)) = other else { continue };
            if !has_records(&topic, log)? {
                continue;
            }
            return Err(failure(
                Exit::Topology,
                format!(
                    "{ANOTHER_KEY} topic {topic}: {by} has filled it by the key [{}], and {name} would fill it by [{}]: \
                     rows of one key would lie in two partitions, in which no `dedupe` and no table knows them for the same",
                    before.join(", "),
                    now.join(", ")
                ),
                format!("take the key back; or, {}", earlier::way_of_all(topologies, &topic)),
            ));
        }
        let recorded = recorded_as(topology, flow);
        let before = known.get(&recorded).map_or(&[][..], |known| &known.stores);
        for now in stores::of(flow) {
            let Some(store) = before.iter().find(|store| store.store == now.store && store.key != now.key) else {
                continue;
            };
            if !began(&recorded, known, log)? {
                continue;
            }
            let (step, [was, is]) = (&now.step, [&store.key, &now.key].map(|key| columns(key)));
            return Err(failure(
                Exit::Topology,
                format!(
                    "{ANOTHER_KEY} step {step} of {name} remembers by the key [{was}], and is to remember by [{is}]: it \
                     would know nothing of what it has seen, and let repeats of it pass"
                ),
                format!(
                    "take the key back, in the same order; or give the `dedupe` another `name`: it then begins without a \
                     memory, and spotlight rebuild {name} (where it lands in a table), asked for before the next run, \
                     makes all rows anew by it"
                ),
            ));
        }
    }
    Ok(())
}

/// What is to be known of dedupe steps that compare content, and by other columns than what they remember: a repeat counts
/// as other content where such a column has a value, and goes to `conflicts`. Nothing is lost by that, so a run goes on.
pub(crate) fn compared(topologies: &[Topology], known: &BTreeMap<String, KnownFlow>) -> Vec<String> {
    let mut notes = Vec::new();
    for (topology, flow) in each(topologies) {
        let Some(before) = known.get(&recorded_as(topology, flow)) else { continue };
        for now in stores::of(flow) {
            let Some(was) = before.stores.iter().find(|store| store.store == now.store) else { continue };
            // One that has not compared before knows no content, and takes each repeat for one.
            if was.content.is_empty() || now.content.is_empty() || was.content == now.content {
                continue;
            }
            let without = |of: &[(String, String)], other: &[(String, String)]| {
                let only: Vec<_> = of.iter().filter(|column| !other.contains(column)).cloned().collect();
                columns(&only)
            };
            let [more, less] = [without(&now.content, &was.content), without(&was.content, &now.content)];
            let more = if more.is_empty() { more } else { format!(" with {more}") };
            let less = if less.is_empty() { less } else { format!(" without {less}") };
            notes.push(format!(
                "step {} of {} compares content, from now on{more}{less}: a repeat of what it has seen before goes to \
                 `conflicts` where such a column has a value; what is not to count stands in `ignore`",
                now.step,
                called(topology, flow)
            ));
        }
    }
    notes
}

/// Columns of a key with their types.
fn columns(key: &[(String, String)]) -> String {
    key.iter().map(|(name, of)| format!("{name} {of}")).collect::<Vec<_>>().join(", ")
}

fn has_records(topic: &str, log: &dyn Log) -> Result<bool> {
    for partition in 0..log.topic(topic)?.map_or(0, |state| state.partitions) {
        if log.first(topic, partition)? < log.end(topic, partition)? {
            return Ok(true);
        }
    }
    Ok(false)
}
