//! What to do about an error: the name, call or comparison that was probably meant.

use batch::Type;

use super::Checker;
use crate::functions;
use crate::syntax::{Operator, Syntax, SyntaxKind};

impl Checker<'_> {
    /// The name that was probably meant. Facts of a family are compared by what follows the dot, which alone can be
    /// misspelt: `document.date` is not `document.name`.
    pub(super) fn nearest_name(&self, name: &str) -> Option<String> {
        let mut known = self.scope.names.keys().chain(self.scope.constants.keys()).map(|known| &**known);
        match name.split_once('.') {
            Some((family @ ("document" | "trailer" | "param"), part)) => {
                let parts = known.filter_map(|known| known.strip_prefix(family)?.strip_prefix('.'));
                nearest(part, parts).map(|part| format!("{family}.{part}"))
            }
            _ => nearest(name, &mut known),
        }
    }

    /// How a fact of a document, a trailer or a template comes to be.
    pub(super) fn remedy_of(&self, family: &str, part: &str) -> String {
        let mut facts = self.scope.names.keys().filter_map(|known| known.strip_prefix(family)?.strip_prefix('.'));
        match family {
            "param" => "a template declares its parameters under `parameters:`; other files have none".to_owned(),
            "document" if facts.next().is_none() => {
                "only the flow that reads the documents knows them: make a column of it there".to_owned()
            }
            "document" if ["date", "day"].contains(&part) => {
                format!("name it in `file-names`, as in `x_{{{part}:%Y%m%d}}*`")
            }
            "document" => format!("name it in `file-names`, as in `x_{{{part}}}_*`"),
            _ => {
                let known: Vec<String> = facts.take(5).map(|known| format!("use `trailer.{known}`, or ")).collect();
                format!("{}name it in `matches` of a `trailer`, as in `(?<{part}>...)`", known.concat())
            }
        }
    }

    /// What could have been meant.
    pub(super) fn names_here(&self) -> String {
        const SHOWN: usize = 20;
        let names: Vec<String> = self.scope.names.keys().take(SHOWN).map(|name| format!("`{name}`")).collect();
        if names.is_empty() {
            return "there are no columns here; text stands in 'single quotes'".to_owned();
        }
        let more = if self.scope.names.len() > SHOWN { ", …" } else { "" };
        format!("use one of {}{more}; text stands in 'single quotes'", names.join(", "))
    }

    /// What to do about a call as other languages write it: `cast(x, 'bigint')`, `x.upper()`.
    pub(super) fn remedy_of_call(&self, name: &str, arguments: &[Syntax]) -> Option<String> {
        if name.eq_ignore_ascii_case("cast") {
            let written = arguments.first().map(|first| self.written(&first.span)).filter(|text| text.len() < 60);
            let of = match arguments.get(1).map(|second| &second.kind) {
                Some(SyntaxKind::Text(of) | SyntaxKind::Name { name: of, .. }) if Type::parse(of).is_ok() => of,
                _ => "decimal(18, 4)",
            };
            return Some(format!("write `cast({} as {of})`", written.unwrap_or("x")));
        }
        let (value, method) = name.rsplit_once('.')?;
        let lower = method.to_ascii_lowercase();
        let of_value =
            |function: &str| format!("functions stand in front of their values: write `{function}({value})`");
        match functions::find(&lower) {
            Some(_) => Some(of_value(&lower)),
            None => Some(match functions::synonym_name(&lower) {
                Some(ours) => of_value(ours),
                None => format!("functions stand in front of their values, as in `trim({value})`"),
            }),
        }
    }

    /// Reports `symbol = 'A' or 'B'`: a bare value among conditions, mostly behind a comparison that it goes on with.
    pub(super) fn value_for_comparison(&mut self, and: bool, terms: &[Syntax]) -> bool {
        let value = |term: &Syntax| matches!(term.kind, SyntaxKind::Text(_) | SyntaxKind::Number(_));
        let Some(at) = terms.iter().position(value) else { return false };
        let before = terms[..at].iter().rev().find_map(|term| match &term.kind {
            SyntaxKind::Binary { operator, left, right } if operator.is_plain_comparison() => {
                Some((*operator, left, right))
            }
            _ => None,
        });
        let second = self.written(&terms[at].span).to_owned();
        let remedy = match before {
            Some((operator, left, right)) => {
                let (name, first) = (self.written(&left.span), self.written(&right.span));
                match (operator, and) {
                    (Operator::Equal, false) => format!("write `{name} in ({first}, {second})`"),
                    (Operator::NotEqual, true) => format!("write `{name} not in ({first}, {second})`"),
                    _ => format!("write the comparison in full: `{name} {} {second}`", operator.sign()),
                }
            }
            None => format!("write each comparison in full, as in `x = {second}`; several values: `x in ('a', 'b')`"),
        };
        let word = if and { "and" } else { "or" };
        let message = format!("`{word}` joins conditions, and this is a value");
        self.error::<()>("E3301", &terms[at].span, message, &remedy);
        true
    }

    /// Reports `case when x = 'a' then 1 when 'b' then 2 end`: a bare value behind `when`, where a condition belongs. What
    /// the `when` before it compares is probably compared here too.
    pub(super) fn value_for_condition(&mut self, before: &[(Syntax, Syntax)], condition: &Syntax) -> bool {
        let is_value = |syntax: &Syntax| matches!(syntax.kind, SyntaxKind::Text(_) | SyntaxKind::Number(_));
        if !is_value(condition) {
            return false;
        }
        let value = self.written(&condition.span).to_owned();
        let compared = before.iter().rev().find_map(|(when, _)| match &when.kind {
            SyntaxKind::Binary { operator, left, right } if operator.is_plain_comparison() => {
                let side = if is_value(left) { right } else { left };
                Some(format!("write `when {} {} {value}`", self.written(&side.span), operator.sign()))
            }
            _ => None,
        });
        let remedy = compared.unwrap_or_else(|| {
            format!("write `when x = {value}`, or the name once, as in `case x when {value} then ...`")
        });
        self.error::<()>("E3301", &condition.span, "`when` takes a condition, and this is a value".to_owned(), &remedy);
        true
    }

    /// A better remedy for a comparison that just failed, where what was written shows what was meant.
    pub(super) fn remedy_of_comparison(&mut self, operator: Operator, left: &Syntax, right: &Syntax) {
        let chained =
            |side: &Syntax| matches!(side.kind, SyntaxKind::Binary { operator, .. } if operator.is_plain_comparison());
        let number = [left, right].into_iter().find_map(|side| match &side.kind {
            SyntaxKind::Text(text) if text.trim().parse::<f64>().is_ok() => Some(text),
            _ => None,
        });
        let remedy = match number {
            _ if !operator.is_plain_comparison() => return,
            _ if chained(left) || chained(right) => "join comparisons with `and` or `or`; `||` joins texts".to_owned(),
            Some(number) => format!("write `{number}` without quotes if it is a number"),
            None => return,
        };
        if let Some(error) = self.errors.last_mut().filter(|error| error.code.0 == "E3301") {
            error.remedy = Some(remedy);
        }
    }
}

/// True for what other languages call null.
pub(super) fn is_nothing(name: &str) -> bool {
    ["none", "nil", "nan", "undefined", "na"].contains(&name.to_ascii_lowercase().as_str())
}

/// What to do about an unknown name in double quotes: those who write `"x"` mostly mean a text.
pub(super) fn meant_as_text(name: &str, otherwise: &str) -> String {
    let text = batch::bounded(&name.replace('\'', "''"));
    let otherwise = otherwise.strip_suffix("; text stands in 'single quotes'").unwrap_or(otherwise);
    let name = match otherwise.strip_prefix("did you mean ").and_then(|nearest| nearest.strip_suffix('?')) {
        Some(nearest) => format!("the nearest name is {nearest}"),
        None => format!("if a name was meant, {otherwise}"),
    };
    format!("text stands in 'single quotes': write `'{text}'`; {name}")
}

/// The known name that was probably meant.
pub(crate) fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<String> {
    const ALIKE: f64 = 0.8;
    known
        .map(|known| (strsim::jaro_winkler(&name.to_lowercase(), &known.to_lowercase()), known))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|left, right| left.0.total_cmp(&right.0).then_with(|| right.1.cmp(left.1)))
        .map(|(_, known)| known.to_owned())
}
