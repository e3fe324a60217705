//! `check --live --connections`: asks Kafka and the schema registry whether a run would find its topics as it needs them.
//!
//! Of Kafka: that it answers, and that each topic has as many partitions as planned or can be made. Of the registry: that
//! it answers, and that each schema can follow what its subject has, by the registry's rules and by this program's own
//! reader, field by field. Changes nothing.

use std::sync::Arc;

use anyhow::Result;
use log::Log;
use schema_registry_connector::{Class, RegistryError};
use topology::plan::{From, Topology};

use super::check::counted;
use super::live_check::Looked;
use crate::data;
use crate::earlier::planned;
use crate::exit::{Exit, Failure};
use crate::registry::{Judged, Patience, RegistrySchemas};
use crate::services::Services;

/// Added to the name of the instance: a look fences no run.
const ROLE: &str = "-check";

/// Looks at the topics of these topologies; at nothing where no Kafka is named.
pub(super) fn topics(services: &Services, topologies: &[Topology], tell: &mut dyn FnMut(&str, Looked)) -> Result<()> {
    match services.shared_log(ROLE, &Patience::none()) {
        Ok(None) => return Ok(()),
        Ok(Some(log)) => {
            tell("Kafka", Looked::Fine("it answers".to_owned()));
            of_kafka(&*log, topologies, tell)?;
        }
        Err(error) => tell("Kafka", refused(error)?),
    }
    match services.schemas(Patience::none()) {
        Ok(schemas) => schemas.iter().for_each(|schemas| of_registry(schemas, topologies, tell)),
        Err(error) => tell("schema registry", refused(error)?),
    }
    Ok(())
}

/// What could not be opened, as it is told of a service.
fn refused(error: anyhow::Error) -> Result<Looked> {
    let failure = error.downcast::<Failure>()?;
    Ok(match failure.exit {
        Exit::Unreachable => Looked::Unreachable(failure.what, failure.remedy),
        _ => Looked::Wrong(failure.what, failure.remedy),
    })
}

/// Topics that others make and write, and the partitions that they should have.
fn of_others(topologies: &[Topology]) -> impl Iterator<Item = (&Arc<str>, i32)> {
    topologies.iter().flat_map(|topology| &topology.flows).filter_map(|flow| match &flow.from {
        From::Topic(read) if read.decode.is_some() => Some((&read.topic, read.partitions)),
        From::Topic(_) | From::Documents(_) => None,
    })
}

fn of_kafka(log: &dyn Log, topologies: &[Topology], tell: &mut dyn FnMut(&str, Looked)) -> Result<()> {
    let ours = planned(topologies).into_iter().map(|(topic, planned)| (topic, planned.partitions, true));
    let others = of_others(topologies).map(|(topic, partitions)| (Arc::clone(topic), partitions, false));
    for (topic, wanted, ours) in ours.chain(others) {
        let partitions = |number: i32| counted(number.unsigned_abs() as usize, "partition", "partitions");
        let looked = match log.topic(&topic)? {
            None if !ours => Looked::Wrong(
                "missing, and it is for others to make".to_owned(),
                "make it, or mend its name, or `namespace` or `elsewhere` in the file of connections".to_owned(),
            ),
            None => Looked::Fine(format!("missing; the first run makes it with {}", partitions(wanted))),
            Some(state) if state.partitions == wanted => Looked::Fine(format!("{}, as planned", partitions(wanted))),
            Some(state) => Looked::Wrong(
                format!("it has {} and {wanted} are planned; keys would move to others", partitions(state.partitions)),
                format!("write `partitions: {}` in the topology, or take a topic of another name", state.partitions),
            ),
        };
        tell(&format!("topic {topic}"), looked);
    }
    Ok(())
}

fn of_registry(schemas: &RegistrySchemas, topologies: &[Topology], tell: &mut dyn FnMut(&str, Looked)) {
    for (topic, planned) in planned(topologies) {
        let looked = match schemas.judge(&topic, &planned.schema) {
            Ok(Judged::New) => Looked::Fine("new; the first run registers it".to_owned()),
            Ok(Judged::Taken) => Looked::Fine("it reads what was written by the newest version".to_owned()),
            Ok(Judged::Refused { code, version, reasons, by_registry }) => Looked::Wrong(
                format!(
                    "{code} it cannot follow version {version}{}: {}",
                    if by_registry { ", and the registry refuses it" } else { "" },
                    reasons.join("; ")
                ),
                "take the change back, give a new field a default, or write to a topic of another name".to_owned(),
            ),
            Err(error) => away(&error),
        };
        if matches!(looked, Looked::Unreachable(..)) {
            // What does not answer for one subject does not for the next.
            return tell("schema registry", looked);
        }
        tell(&format!("schema of {topic}"), looked);
    }
}

fn away(error: &RegistryError) -> Looked {
    let why = format!("{} {}", error.code(), data::chain(error));
    match error.class() {
        Class::Transient => Looked::Unreachable(why, "start the registry, or mend its address".to_owned()),
        Class::BadData | Class::Operator => {
            Looked::Wrong(why, "mend `registry` in the file of connections, or the rights of its login".to_owned())
        }
    }
}
