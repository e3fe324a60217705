//! `was`: the name that a flow, or a step with state, had first. What it did under that name is found by it for ever, so
//! it belongs to one of them alone.

use crate::codes;
use crate::diagnostic::{Diagnostic, Findings};
use crate::fields::{Fields, Walk};
use crate::reader::Node;
use crate::written::{Flow, Verb};

/// What `was` of a flow or step says, if it is a name.
pub(super) fn earlier_name(walk: &Walk<'_>, fields: &Fields<'_>, what: &str) -> Option<Node> {
    fields.get("was").filter(|node| walk.name(node, what).is_some()).cloned()
}

/// A flow, or a step with state.
struct Named<'a> {
    what: &'static str,
    name: &'a str,
    /// Where the name stands, or the verb of the step.
    place: &'a Node,
    was: Option<&'a Node>,
}

impl Named<'_> {
    /// The name by which the log knows it.
    fn recorded_as(&self) -> &str {
        self.was.map_or(self.name, Node::text)
    }
}

/// Finds names that two flows of a topology, or two of its steps with state, would be known by.
pub(super) fn check(flows: &[Flow], findings: &Findings) {
    let named = flows.iter().map(|flow| {
        let Flow { name, was, .. } = flow;
        Named { what: "flow", name: name.text(), place: name, was: was.as_ref() }
    });
    apart(&named.collect::<Vec<_>>(), findings);
    let steps = flows.iter().flat_map(|flow| &flow.steps).filter_map(|step| match &step.verb {
        Verb::Dedupe(dedupe) => {
            Some(Named { what: "step", name: &dedupe.name, place: &step.node, was: dedupe.was.as_ref() })
        }
        _ => None,
    });
    apart(&steps.collect::<Vec<_>>(), findings);
}

fn apart(named: &[Named<'_>], findings: &Findings) {
    for (index, one) in named.iter().enumerate() {
        let (Some(node), what, was) = (one.was, one.what, one.recorded_as()) else { continue };
        let finding = |said: String| Diagnostic::new(codes::RENAME, node, said);
        if was == one.name {
            let finding = finding(format!("`was` is the name that the {what} has"));
            findings.push(finding.remedy(format!("take it away, or name what the {what} was called first")));
        } else if let Some(other) = named.iter().find(|other| other.name == was) {
            let finding = finding(format!("`was` names the {what} `{was}`, which is still there"));
            let finding = finding.related(&other.place.span, "it is here");
            findings.push(finding.remedy(format!(
                "take `was` away if this is a new {what}; or give the other one a name that it has not had"
            )));
        } else if let Some(other) =
            named[..index].iter().find_map(|other| other.was.filter(|_| other.recorded_as() == was))
        {
            let finding = finding(format!("a second {what} that was `{was}`"));
            let finding = finding.related(&other.span, "the first is here");
            findings.push(finding.remedy(format!("keep `was` in the {what} that goes on with what `{was}` did")));
        }
    }
}
