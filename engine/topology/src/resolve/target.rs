//! What a flow's rows must become: the columns of its table or topic, where those are declared.

use std::sync::Arc;

use batch::{ColumnType, Type};

use super::chain::Chain;
use super::compile;
use crate::codes;
use crate::diagnostic::{Diagnostic, Findings};
use crate::plan::Columns;
use crate::reader::Node;
use crate::source::Span;

/// Declared columns of a destination.
#[derive(Clone)]
pub(super) struct Target {
    /// `the table x` or `the topic x`.
    pub(super) what: String,
    pub(super) columns: Columns,
    /// Where each column is declared, in the order of `columns`.
    pub(super) places: Vec<Span>,
}

/// Brings the rows into the target's types, by a step of its own if the last `select` did not; reports what cannot be.
pub(super) fn fit(chain: &mut Chain<'_>, target: &Target, to: &Node) {
    let findings = chain.findings;
    let before = findings.errors();
    let Some(shape) = chain.one_shape(to) else { return };
    let mut meant: Vec<String> = Vec::new();
    for name in shape.keys().filter(|name| !target.columns.contains_key(*name)) {
        let node = chain.place(name).unwrap_or(to);
        let finding = Diagnostic::new(codes::NOT_IN_TARGET, node, format!("{} has no column `{name}`", target.what));
        let left: Vec<&str> =
            target.columns.keys().filter(|known| !shape.contains_key(*known)).map(|known| &**known).collect();
        let mut finding = finding.names(name, "columns not filled", left);
        if let Some(place) = target.places.first() {
            finding = finding.related(place, "its columns are declared here");
        }
        meant.extend(finding.nearest.clone());
        findings.push(finding);
    }
    missing(findings, target, &shape, to, &meant);
    let differs = shape.iter().any(|(name, of)| target.columns.get(name).is_some_and(|wanted| !same(of, wanted)));
    let order = shape.keys().eq(target.columns.keys().filter(|name| shape.contains_key(*name)));
    if findings.errors() > before || (!differs && order) {
        return;
    }
    convert(chain, target, &shape, to);
}

/// Columns that nothing fills, but for those that were probably meant by one that is not there.
fn missing(findings: &Findings, target: &Target, shape: &Columns, to: &Node, meant: &[String]) {
    for (index, (name, of)) in target.columns.iter().enumerate() {
        let open = of.nullable || matches!(of.of, Type::List(_) | Type::Map(_));
        if shape.contains_key(name) || open || meant.iter().any(|meant| *meant == **name) {
            continue;
        }
        let finding = Diagnostic::new(codes::NOT_FILLED, to, format!("the flow does not fill the column `{name}`"));
        let finding = finding.note(format!("the column is {of}, so a row cannot do without it"));
        let finding = match target.places.get(index) {
            Some(place) => finding.related(place, "declared here"),
            None => finding,
        };
        findings.push(finding.remedy(format!("add `{name}:` to the last `select`")));
    }
}

/// The dictionary of a table is its own affair.
fn same(of: &ColumnType, wanted: &ColumnType) -> bool {
    of.of == wanted.of && of.nullable == wanted.nullable
}

fn convert(chain: &mut Chain<'_>, target: &Target, shape: &Columns, to: &Node) {
    let mut columns: Vec<(Arc<str>, ColumnType)> = Vec::new();
    for (index, (name, wanted)) in target.columns.iter().enumerate() {
        let Some(of) = shape.get(name) else { continue };
        let poisoned = chain.is_poisoned(name);
        if !poisoned && !same(of, wanted) && !chain.converts(name, wanted) {
            let node = chain.place(name).unwrap_or(to);
            let finding = Diagnostic::new(
                codes::NOT_CONVERTIBLE,
                node,
                format!("`{name}` is {of}, and {} wants {wanted}", target.what),
            );
            let finding = match target.places.get(index) {
                Some(place) => finding.related(place, format!("declared as {wanted}")),
                None => finding,
            };
            let remedy = format!(
                "say how it becomes one, as in `{name}: cast({} as {})` in an `extend`, which leaves the other columns as they are",
                compile::name(name),
                wanted.of
            );
            chain.findings.push(finding.remedy(remedy));
            continue;
        }
        columns.push((Arc::clone(name), wanted.clone()));
    }
    chain.project("convert", columns, to);
}
