//! One flow from its source to its destination.

use std::sync::Arc;

use batch::RecordFact;

use super::chain::Chain;
use super::target::{self, Target};
use super::verbs::{self, Input};
use super::{Surroundings, World, documents, landing, topics};
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::plan::{self, ByLayout, NewColumns, Verb};
use crate::reader::Node;
use crate::written::{Dedupe, Flow, From, To, Topology};

/// Resolves a flow. `None` after a finding, or if a topic that it reads is broken.
pub(super) fn flow(
    world: &mut World<'_>,
    topology: &Topology,
    flow: &Flow,
    surroundings: &Surroundings,
) -> Option<plan::Flow> {
    let (mut from, surroundings, shape) = match &flow.from {
        From::Documents(written) => {
            let (plan, surroundings, shape) = documents::documents(world, written, &flow.steps, surroundings)?;
            (plan::From::Documents(Box::new(plan)), surroundings, shape)
        }
        From::Broken => return None,
        From::Topic(read) => {
            let plan = topics::read(world, topology, read)?;
            let shape = ByLayout::from_iter([(Arc::<str>::from(""), plan.columns.clone())]);
            let scope = RecordFact::ALL.into_iter().fold(surroundings.scope.clone(), |scope, fact| {
                scope.with_name(fact.name(), fact.column_type(&plan.key_type()))
            });
            let scope = plan
                .key_fields()
                .into_iter()
                .fold(scope, |scope, (path, of)| scope.with_name(format!("{}{path}", plan::KEY_FIELD), of));
            (plan::From::Topic(plan), Surroundings { scope }, shape)
        }
    };
    let target = declared(world, topology, flow);
    let wanted_columns =
        target.as_ref().ok().and_then(Option::as_ref).map(|target| target.columns.clone()).unwrap_or_default();
    let wanted = verbs::wanted(&flow.steps, &wanted_columns);
    let mut chain = Chain::new(world.findings, surroundings.scope, shape);
    chain.poisoned = topology.poisoned();
    if let plan::From::Documents(documents) = &from {
        chain.published = documents.decode.published();
        chain.keeps = documents.decode.new_columns == NewColumns::Keep;
        chain.row_keys = documents.decode.row_keys().map(Into::into);
    }
    if matches!(&flow.from, From::Documents(written) if written.names_broken) {
        chain.poison("document");
    }
    let outputs: Vec<Arc<str>> = flow.outputs.iter().map(|(name, _)| name.shared()).collect();
    for (step, wanted) in flow.steps.iter().zip(&wanted) {
        let input = match &from {
            plan::From::Documents(_) => Input::Documents,
            plan::From::Topic(read) => Input::Topic(read),
        };
        verbs::step(&mut chain, step, wanted, &outputs, input);
    }
    let target = target.ok()?;
    if flow.cut {
        return None;
    }
    let to = destination(world, topology, flow, &from, &mut chain, target.as_ref());
    let outputs = named_outputs(world, topology, flow, &chain);
    match &mut from {
        plan::From::Documents(documents) => documents.steps_need_trailer = chain.needs_trailer,
        plan::From::Topic(read) => {
            read.facts = chain.facts.iter().copied().collect();
            read.needs_key_fields = chain.needs_key_fields;
        }
    }
    if chain.failed {
        return None;
    }
    Some(plan::Flow {
        name: flow.name.shared(),
        was: flow.was.as_ref().map(Node::shared),
        from,
        steps: chain.steps,
        outputs: outputs?,
        to: to?,
        bad_rows_above: flow.bad_rows_above,
    })
}

/// What the destination's own file declares. `Err` after a finding in that file.
fn declared(world: &mut World<'_>, topology: &Topology, flow: &Flow) -> Result<Option<Target>, ()> {
    match &flow.to {
        To::Broken => Err(()),
        To::Table(written) => Ok(landing::table(world, topology, &written.table)?.map(|table| landing::target(&table))),
        To::Topic(write) => {
            let schema = topics::schema(world, topology, &write.topic)?;
            Ok(schema.map(|schema| {
                let place = |name: &Arc<str>| {
                    let written = format!("\"{name}\"");
                    let at = schema.source.text.find(&written).unwrap_or(0);
                    schema.source.span(at..at + written.len())
                };
                Target {
                    what: format!("the topic `{}`", write.topic.text()),
                    places: schema.columns.keys().map(place).collect(),
                    columns: schema.columns.clone(),
                }
            }))
        }
    }
}

fn destination(
    world: &mut World<'_>,
    topology: &Topology,
    flow: &Flow,
    from: &plan::From,
    chain: &mut Chain<'_>,
    target: Option<&Target>,
) -> Option<plan::To> {
    match &flow.to {
        To::Broken => None,
        To::Topic(write) => {
            if let Some(target) = target {
                target::fit(chain, target, &write.topic);
            }
            let columns = chain.one_shape(&write.topic)?;
            topics::write(world, topology, write, columns, &[]).map(plan::To::Topic)
        }
        To::Table(written) => {
            landing::landing(world, topology, flow, written, from, chain, target).map(plan::To::Table)
        }
    }
}

fn named_outputs(
    world: &mut World<'_>,
    topology: &Topology,
    flow: &Flow,
    chain: &Chain<'_>,
) -> Option<indexmap::IndexMap<Arc<str>, plan::TopicWrite>> {
    let mut found = indexmap::IndexMap::new();
    let mut good = true;
    for (name, write) in &flow.outputs {
        let Some((columns, key)) = chain.outputs.get(name.text()) else {
            // A step that was reported may have been the one that fills it.
            if !chain.lost_step {
                let finding =
                    Diagnostic::new(codes::NO_OUTPUT, name, format!("no step fills the output `{}`", name.text()));
                let known = chain.outputs.keys().map(|name| &**name);
                let finding = finding.names(name.text(), "outputs that steps fill", known);
                world
                    .findings
                    .push(finding.remedy("`dedupe` fills `conflicts` and `late`; `route` fills what its cases name"));
            }
            good = false;
            continue;
        };
        match topics::write(world, topology, write, columns.clone(), key) {
            Some(plan) => drop(found.insert(name.shared(), plan)),
            None => good = false,
        }
    }
    good.then_some(found)
}

/// Checks a dedupe step against the columns and the topic's key.
pub(super) fn dedupe(
    chain: &mut Chain<'_>,
    verb: &Node,
    written: &Dedupe,
    outputs: &[Arc<str>],
    input: Input<'_>,
) -> Option<Verb> {
    let findings = chain.findings;
    let before = findings.errors();
    let key: Vec<Arc<str>> = written.key.iter().map(Node::shared).collect();
    for node in written.key.iter().chain(&written.ignore) {
        chain.known(node);
    }
    match input {
        Input::Documents => {
            let finding =
                Diagnostic::new(codes::STATE_ON_DOCUMENTS, verb, "`dedupe` keeps state, and this flow reads documents");
            findings.push(
                finding
                    .remedy("write the rows to a topic with a key, and put `dedupe` into a second flow that reads it"),
            );
            return None;
        }
        // Nobody here can know how others spread their records.
        Input::Topic(read) if read.decode.is_some() && read.key.is_empty() && read.partitions > 1 => {
            let what =
                format!("rows with equal keys can lie in different partitions of `{}`, which others fill", read.topic);
            let finding = Diagnostic::new(codes::KEYS_APART, &written.key_node, what);
            let remedy = "say by which columns the producer spreads its records, `from: { topic: ..., key: [...] }`, or write \
                          the rows to a topic with a key first";
            findings.push(finding.remedy(remedy));
        }
        Input::Topic(plan::TopicRead { topic, key: topic_key, .. }) => {
            if let Some(lacking) =
                topic_key.iter().find(|column| !key.contains(column)).filter(|_| findings.errors() == before)
            {
                let what =
                    format!("rows with equal keys can lie in different partitions: the topic's key has `{lacking}`");
                let finding = Diagnostic::new(codes::KEYS_APART, &written.key_node, what);
                let finding = finding.note(format!("key of `{topic}`: [{}]", topic_key.join(", ")));
                findings.push(finding.remedy(format!("add `{lacking}` to this key, or take it out of the topic's")));
            }
        }
    }
    let shape = chain.one_shape(verb)?;
    let output = |name: &str| outputs.iter().find(|known| &***known == name).cloned();
    let (conflicts, late) = (output("conflicts"), output("late"));
    if written.compare_content && conflicts.is_none() {
        let finding = Diagnostic::new(
            codes::NO_OUTPUT,
            verb,
            "`compare: content` finds conflicts, and the flow has no output for them",
        );
        findings.push(finding.remedy("add `outputs: { conflicts: { topic: ... } }` to the flow"));
    }
    for name in conflicts.iter().filter(|_| written.compare_content).chain(&late) {
        chain.outputs.insert(Arc::clone(name), (shape.clone(), key.clone()));
    }
    (findings.errors() == before).then(|| {
        Verb::Dedupe(plan::Dedupe {
            name: Arc::clone(&written.name),
            was: written.was.as_ref().map(Node::shared),
            key,
            remember: written.remember,
            compare_content: written.compare_content,
            ignore: written.ignore.iter().map(Node::shared).collect(),
            conflicts: conflicts.filter(|_| written.compare_content),
            late,
        })
    })
}
