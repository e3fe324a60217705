//! `status FLOW`: of the answer to all what is of one flow, or of the flows of one topology.

use anyhow::Result;
use serde_json::Value;

use crate::exit::{Exit, failure};
use crate::letters::{Listed, OPEN, WAITING};
use crate::show;

/// Most flows that are named where none was meant.
const NAMED: usize = 10;

/// Takes away what is of other flows. `letters` are those of all: their numbers are counted anew.
pub(super) fn only(answer: &mut Value, wanted: &str, letters: &Listed) -> Result<()> {
    let is_meant = |flow: &str| flow == wanted || flow.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('/'));
    let flows = || answer["flows"].as_object().into_iter().flatten().map(|(flow, _)| flow.as_str());
    if !flows().any(is_meant) {
        let known: Vec<&str> = flows().filter(|flow| !flow.starts_with("spotlight/")).collect();
        let more = known.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        let remedy = match known.is_empty() {
            true => "no flow has run on this data folder yet".to_owned(),
            false => format!("name one of {}{more}, or a topology", known[..known.len().min(NAMED)].join(", ")),
        };
        return Err(failure(
            Exit::Usage,
            format!("there is no flow or topology `{}` here", show::foreign(wanted)),
            remedy,
        ));
    }
    let topology = wanted.split('/').next().unwrap_or(wanted).to_owned();
    for (name, part) in answer.as_object_mut().into_iter().flatten() {
        match part {
            Value::Object(by_topology) if name == "edited" => by_topology.retain(|of, _| *of == topology),
            Value::Object(by_flow) => by_flow.retain(|flow, _| !flow.contains('/') || is_meant(flow)),
            Value::Array(each) => each.retain(|one| flow_of(one).is_none_or(|flow| is_meant(&flow))),
            _ => {}
        }
    }
    for (name, state) in [("open_dead_letters", OPEN), ("waiting_dead_letters", WAITING)] {
        let meant = letters.groups.iter().filter(|group| group.state == state && is_meant(&group.flow));
        answer[name] = meant.map(|group| group.rows).sum::<u64>().into();
    }
    Ok(())
}

/// Which flow an entry of a list is of: it is its name, or has it.
fn flow_of(one: &Value) -> Option<String> {
    let flow = one.as_str().or_else(|| one["flow"].as_str())?;
    match one["topology"].as_str() {
        Some(topology) if !flow.contains('/') => Some(format!("{topology}/{flow}")),
        _ => Some(flow.to_owned()),
    }
}
