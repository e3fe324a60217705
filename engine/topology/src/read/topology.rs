//! The top of a topology file, its template, its flows and its alerts.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use crate::codes;
use crate::diagnostic::{Diagnostic, Findings};
use crate::fields::{Fields, Walk};
use crate::files::Site;
use crate::language;
use crate::parameters::Parameters;
use crate::plan::Alerts;
use crate::reader::{self, Node};
use crate::scalars;
use crate::written::{Flow, From, Function, Step, Test, To, Topology, Verb};

/// Reads a topology file and the template that it uses. `None` if it is not even a topology file.
pub(crate) fn topology(root: &Node, site: &Site<'_>, findings: &Findings) -> Option<Topology> {
    let before = findings.errors();
    let none = Parameters::default();
    let walk = Walk { findings, parameters: &none };
    let keys = walk.entries(root, "the file")?;
    let has = |name: &str| keys.iter().any(|entry| entry.key.text() == name);
    if !has("topology") {
        let what = if has("template") || has("table") {
            "this file is a template or a table; it is used by topology files"
        } else {
            "a topology file begins with `topology: NAME`"
        };
        let at = keys.first().map_or(root, |entry| &entry.key);
        let finding = Diagnostic::new(codes::NOT_A_TOPOLOGY, at, what);
        findings.push(if has("template") || has("table") {
            finding.remedy("give the topology files that use it")
        } else {
            finding.remedy("write `topology: NAME` first; NAME is the feed's, in lower-case letters, digits and `-`")
        });
        return None;
    }
    let fields = walk.fields(root, &language::TOPOLOGY)?;
    let name = fields.required("topology")?;
    walk.name(name, "a topology")?;
    let about = fields.get("about").and_then(|node| walk.text(node, "`about`")).unwrap_or_default();
    let (template, parameters) = match fields.get("use") {
        Some(used) => used_template(&walk, used, fields.get("with"), site),
        None => {
            if let Some(with) = fields.key("with") {
                findings.push(
                    Diagnostic::new(codes::TEMPLATE, with, "`with` gives parameters, and no template is used")
                        .remedy("add `use: templates/NAME.yaml`"),
                );
            }
            (None, Parameters::default())
        }
    };
    if fields.get("use").is_none() && fields.required("flows").is_none() {
        return None;
    }
    let mut read = Parts {
        functions: Vec::new(),
        broken_functions: Vec::new(),
        flows: Vec::new(),
        flow_names: Vec::new(),
        tests: Vec::new(),
        alerts: Alerts::default(),
    };
    if let Some(template) = &template {
        let walk = Walk { findings, parameters: &parameters };
        if let Some(fields) = walk.fields(template, &language::TEMPLATE) {
            if fields.required("template").is_some() {
                fields.required("flows");
            }
            read.add(&walk, &fields, site);
        }
    }
    read.add(&walk, &fields, site);
    check_names(&read, findings);
    Some(Topology {
        name: name.clone(),
        about: about.trim_end().to_owned(),
        file: Arc::clone(&root.span.source.path),
        root: site.root.clone(),
        parameters,
        functions: read.functions,
        broken_functions: read.broken_functions,
        flows: read.flows,
        flow_names: read.flow_names,
        alerts: read.alerts,
        tests: read.tests,
        broken: findings.errors() > before,
    })
}

struct Parts {
    functions: Vec<Function>,
    broken_functions: Vec<Arc<str>>,
    flows: Vec<Flow>,
    flow_names: Vec<Arc<str>>,
    tests: Vec<Test>,
    alerts: Alerts,
}

impl Parts {
    fn add(&mut self, walk: &Walk<'_>, fields: &Fields<'_>, site: &Site<'_>) {
        if let Some(node) = fields.get("functions") {
            let (functions, broken) = super::functions::functions(walk, node);
            self.functions.extend(functions);
            self.broken_functions.extend(broken);
        }
        if let Some(node) = fields.get("flows") {
            let entries = walk.entries(node, "`flows`").unwrap_or(&[]);
            self.flow_names.extend(entries.iter().map(|entry| entry.key.shared()));
            self.flows.extend(entries.iter().filter_map(|entry| flow(walk, &entry.key, &entry.value, site)));
        }
        if let Some(node) = fields.get("alerts") {
            self.alerts = alerts(walk, node).unwrap_or_default();
        }
        if let Some(node) = fields.get("tests") {
            self.tests.extend(super::tests::tests(walk, node, site));
        }
    }
}

fn used_template(walk: &Walk<'_>, used: &Node, with: Option<&Node>, site: &Site<'_>) -> (Option<Node>, Parameters) {
    let Some(path) = walk.text(used, "`use`") else { return (None, Parameters::default()) };
    let Some(found) = site.find(&path) else {
        let finding =
            Diagnostic::new(codes::NO_FILE, used, format!("there is no template `{}`", batch::bounded(&path)));
        walk.push(finding.note(site.looked_for(&path)).remedy("make it, or correct the path"));
        return (None, Parameters::default());
    };
    let shown = found.display().to_string();
    let template = match site.files.read(&found) {
        Ok(bytes) => reader::read(&shown, &bytes, walk.findings),
        Err(error) => {
            walk.push(Diagnostic::new(codes::UNREADABLE, used, format!("`{shown}` cannot be read: {error}")));
            None
        }
    };
    let Some(template) = template else { return (None, Parameters::default()) };
    let reader::Kind::Mapping(entries) = &template.kind else {
        walk.wrong_kind(&template, "a template", "a map of keys");
        return (None, Parameters::default());
    };
    let declared = entries.iter().find(|entry| entry.key.text() == "parameters").map(|entry| &entry.value);
    let parameters = Parameters::read(walk, declared, with, used);
    (Some(template), parameters)
}

fn flow(walk: &Walk<'_>, key: &Node, node: &Node, site: &Site<'_>) -> Option<Flow> {
    walk.name(key, "a flow")?;
    let fields = walk.fields(node, &language::FLOW)?;
    let from = fields.required("from").and_then(|node| super::source::from(walk, node)).unwrap_or(From::Broken);
    let steps = fields.get("steps").map(|node| walk.items(node, "`steps`"));
    let unread = steps.is_some_and(|items| items.is_none());
    let steps = steps.flatten().unwrap_or(&[]);
    // The key that was reported may be `steps`.
    let misspelt = fields.has_unknown() && steps.is_empty();
    let (from, first) = match from {
        From::Documents(_) if misspelt => (From::Broken, 0),
        From::Documents(mut documents) => {
            let first = super::decode::into_rows(walk, steps, &mut documents, node, site);
            (From::Documents(documents), first)
        }
        From::Broken => (From::Broken, super::decode::leading(steps)),
        From::Topic(read) => super::records::into_rows(walk, steps, read),
    };
    let steps = &steps[first.min(steps.len())..];
    let mut read = super::steps::steps(walk, steps, first, matches!(from, From::Topic(_)));
    let good = read.iter().position(Option::is_none).unwrap_or(read.len());
    read.truncate(good);
    let to = fields.required("to").map_or(To::Broken, |node| super::landing::to(walk, node, site));
    let outputs = fields.get("outputs").and_then(|node| walk.entries(node, "`outputs`")).unwrap_or(&[]);
    let outputs = outputs.iter().filter_map(|entry| {
        walk.name(&entry.key, "an output")?;
        Some((entry.key.clone(), super::landing::topic(walk, &entry.value, &language::OUTPUT)?))
    });
    let share = |node| walk.read(node, &language::SHARE, scalars::percent);
    Some(Flow {
        name: key.clone(),
        was: super::renames::earlier_name(walk, &fields, "a flow"),
        from,
        cut: unread || good < steps.len(),
        steps: read.into_iter().flatten().collect(),
        outputs: outputs.collect(),
        to,
        bad_rows_above: fields.get("bad-rows-above").and_then(share).unwrap_or(10.0),
    })
}

fn alerts(walk: &Walk<'_>, node: &Node) -> Option<Alerts> {
    let fields = walk.fields(node, &language::ALERTS)?;
    let fresh = |node| walk.read(node, &language::FRESH_WITHIN, scalars::span);
    let dead = |node| {
        walk.read(node, &language::DEAD_LETTERS, |text| {
            let (number, per) = text.split_once(" per ")?;
            number.trim().parse::<u64>().ok()?;
            matches!(per.trim(), "day" | "document").then(|| Arc::<str>::from(text))
        })
    };
    Some(Alerts {
        fresh_within: fields.get("fresh-within").and_then(fresh),
        dead_letters: fields.get("dead-letters").and_then(dead),
    })
}

/// True if the step keeps state under its own name.
fn keeps_state(step: &Step) -> bool {
    matches!(&step.verb, Verb::Dedupe(dedupe) if dedupe.was.is_none())
}

/// Names that must be unique in a topology. Keys of one map already are; a template adds others.
fn check_names(read: &Parts, findings: &Findings) {
    let mut seen: HashMap<&str, &Node> = HashMap::new();
    let flows = read.flows.iter().map(|flow| &flow.name);
    for name in flows {
        match seen.entry(name.text()) {
            Entry::Occupied(first) => {
                let finding = Diagnostic::new(codes::DUPLICATE_NAME, name, format!("a second flow `{}`", name.text()));
                findings.push(finding.related(&first.get().span, "the first is here"));
            }
            Entry::Vacant(entry) => drop(entry.insert(name)),
        }
    }
    let mut with_state: HashMap<&str, &Node> = HashMap::new();
    for flow in &read.flows {
        let mut steps: HashMap<&str, &Node> = HashMap::new();
        for step in &flow.steps {
            let of_others = with_state.get(&*step.name).filter(|_| keeps_state(step));
            match steps.get(&*step.name).or(of_others) {
                Some(first) => {
                    let finding =
                        Diagnostic::new(codes::DUPLICATE_NAME, &step.node, format!("a second step `{}`", step.name));
                    findings.push(finding.related(&first.span, "the first is here").remedy("give one another `name:`"));
                }
                None => drop(steps.insert(&step.name, &step.node)),
            }
        }
        // State is kept under the step's name, which two flows of one topology would mix.
        let stateful = flow.steps.iter().filter(|step| keeps_state(step));
        for step in stateful {
            with_state.entry(&step.name).or_insert(&step.node);
        }
    }
    super::renames::check(&read.flows, findings);
}
