//! Parameters of a template: declared with a type, given by `with:`, used as `param.NAME` and in patterns as `{NAME}`.
//!
//! A value is checked against its declaration before anything else is read, so that a wrong one is seen at the user's
//! line and beside the declaration.

use std::collections::BTreeMap;
use std::sync::Arc;

use expression::{Constant, Scope};
use indexmap::IndexMap;
use pattern::Pattern;

use crate::codes;
use crate::diagnostic::{Diagnostic, Findings};
use crate::fields::Walk;
use crate::language::{self, ParameterType};
use crate::reader::{Entry, Kind, Node};
use crate::scalars;

/// The values of a template's parameters. Without a template there are none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parameters {
    values: IndexMap<Arc<str>, Parameter>,
    /// Declared without a good value; using one is no finding of its own.
    broken: Vec<Arc<str>>,
    in_template: bool,
}

/// One value.
#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    /// Where the value stands: the user's line or the template's default.
    pub(crate) node: Node,
    constant: Constant,
}

/// What a parameter may be.
#[derive(Clone, Debug)]
enum Kinds {
    Enum(Vec<Arc<str>>),
    Text,
    Date,
    Integer,
    Pattern,
    ListOfPattern,
    ListOfText,
}

impl Parameters {
    pub(crate) fn get(&self, name: &str) -> Option<&Parameter> {
        self.values.get(name)
    }

    /// Text values for the fields of patterns.
    pub(crate) fn texts(&self) -> BTreeMap<String, String> {
        let text = |constant: &Constant| match constant {
            Constant::Text(text) => Some(text.to_string()),
            Constant::Date(day) => Some(day.to_string()),
            Constant::Integer(number) => Some(number.to_string()),
            _ => None,
        };
        self.values.iter().filter_map(|(name, value)| Some((name.to_string(), text(&value.constant)?))).collect()
    }

    /// Name and value of each, for the description.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.values
            .iter()
            .map(|(name, value)| format!("param.{name} = {}", crate::describe::constant(&value.constant)))
            .collect()
    }

    /// The parameters as constants of a scope.
    pub(crate) fn scope(&self, mut scope: Scope) -> Scope {
        for (name, value) in &self.values {
            scope = scope.with_constant(format!("param.{name}"), value.constant.clone());
        }
        scope
    }

    /// Names as expressions write them whose value is wrong or missing.
    pub(crate) fn broken_names(&self) -> Vec<Arc<str>> {
        self.broken.iter().map(|name| format!("param.{name}").into()).collect()
    }

    pub(crate) fn is_broken(&self, name: &str) -> bool {
        self.broken.iter().any(|broken| &**broken == name)
    }

    /// Reports a `param.NAME` that has no value.
    pub(crate) fn unknown(&self, findings: &Findings, node: &Node, name: &str) {
        if self.is_broken(name) {
            return;
        }
        let finding = Diagnostic::new(
            codes::PARAMETER_UNKNOWN,
            node,
            format!("there is no parameter `{}`", batch::bounded(name)),
        );
        findings.push(if self.in_template {
            finding.names(name, "parameters", self.values.keys().map(|name| &**name))
        } else {
            finding.remedy("parameters exist in templates only; write the value itself")
        });
    }

    /// Checks what `with:` gives against what the template declares.
    pub(crate) fn read(walk: &Walk<'_>, declared: Option<&Node>, given: Option<&Node>, user: &Node) -> Self {
        let declared = declared.and_then(|node| walk.entries(node, "`parameters`")).unwrap_or(&[]);
        let mut parameters = Self { in_template: true, ..Self::default() };
        let given = match given.map(|node| walk.entries(node, "`with`")) {
            // What is missing follows from this.
            Some(None) => {
                parameters.broken = declared.iter().map(|entry| entry.key.shared()).collect();
                return parameters;
            }
            given => given.flatten().unwrap_or(&[]),
        };
        for entry in declared {
            let name = entry.key.shared();
            match Self::one(walk, entry, given, user) {
                Some(parameter) => drop(parameters.values.insert(name, parameter)),
                None => parameters.broken.push(name),
            }
        }
        for entry in given {
            if !declared.iter().any(|known| known.key.text() == entry.key.text()) {
                let what = format!("the template has no parameter `{}`", batch::bounded(entry.key.text()));
                let finding = Diagnostic::new(codes::PARAMETER_UNKNOWN, &entry.key, what);
                walk.push(finding.names(entry.key.text(), "parameters", declared.iter().map(|known| known.key.text())));
            }
        }
        parameters
    }

    fn one(walk: &Walk<'_>, entry: &Entry, given: &[Entry], user: &Node) -> Option<Parameter> {
        let what = format!("parameter `{}`", entry.key.text());
        let fields = walk.fields_called(&entry.value, &what, &language::PARAMETER)?;
        let kind = kind(walk, fields.required("type")?, fields.get("of"))?;
        let value = given.iter().find(|candidate| candidate.key.text() == entry.key.text());
        let Some(node) = value.map(|value| &value.value).or_else(|| fields.get("default")) else {
            let finding =
                Diagnostic::new(codes::PARAMETER_MISSING, user, format!("{what} of the template is not given"));
            let finding = finding.related(&entry.key.span, "declared here, without a default");
            walk.push(finding.remedy(format!("add `{}:` to `with:`", entry.key.text())));
            return None;
        };
        match constant(&kind, node) {
            Ok(constant) => Some(Parameter { node: node.clone(), constant }),
            Err(wanted) => {
                let mut finding = Diagnostic::new(codes::PARAMETER_VALUE, node, format!("{what} takes {wanted}"));
                if let Kinds::Enum(choices) = &kind {
                    finding = finding.names(node.text(), "choices", choices.iter().map(|choice| &**choice));
                }
                let finding = finding.otherwise(format!("write {wanted}"));
                walk.push(finding.related(&entry.key.span, "the template declares it here"));
                None
            }
        }
    }
}

fn kind(walk: &Walk<'_>, node: &Node, of: Option<&Node>) -> Option<Kinds> {
    Some(match walk.choice(node, "type of a parameter", &language::PARAMETER_TYPES)? {
        ParameterType::Enum => {
            let Some(of) = of else {
                walk.push(
                    Diagnostic::new(codes::MISSING, node, "an enum needs the field `of`").remedy("add `of: [A, B]`"),
                );
                return None;
            };
            Kinds::Enum(walk.texts(of, "`of`").iter().map(Node::shared).collect())
        }
        ParameterType::Text => Kinds::Text,
        ParameterType::Date => Kinds::Date,
        ParameterType::Integer => Kinds::Integer,
        ParameterType::Pattern => Kinds::Pattern,
        ParameterType::Patterns => Kinds::ListOfPattern,
        ParameterType::Texts => Kinds::ListOfText,
    })
}

fn constant(kind: &Kinds, node: &Node) -> Result<Constant, String> {
    let text = |node: &Node| (node.is_scalar() && !node.is_null()).then(|| node.shared());
    let list = |good: &dyn Fn(&str) -> bool, wanted: &str| match &node.kind {
        Kind::Sequence(items) => {
            let texts: Option<Vec<Arc<str>>> = items.iter().map(|item| text(item).filter(|text| good(text))).collect();
            texts.map(Constant::TextList).ok_or_else(|| wanted.to_owned())
        }
        _ => Err(wanted.to_owned()),
    };
    let scalar = |wanted: &str| text(node).ok_or_else(|| wanted.to_owned());
    match kind {
        Kinds::Enum(choices) => {
            let value = scalar("one of its choices")?;
            if choices.contains(&value) { Ok(Constant::Text(value)) } else { Err("one of its choices".to_owned()) }
        }
        Kinds::Text => Ok(Constant::Text(scalar("a text")?)),
        Kinds::Pattern => {
            let value = scalar("a pattern")?;
            Pattern::parse(&value).map_err(|error| format!("a pattern: {error}"))?;
            Ok(Constant::Text(value))
        }
        Kinds::Date => {
            let value = scalar("a date")?;
            scalars::day(&value).map(Constant::Date).ok_or_else(|| "a date such as 2024-01-31".to_owned())
        }
        Kinds::Integer => {
            let value = scalar("a whole number")?;
            value.parse::<i64>().map(|number| Constant::Integer(number.into())).map_err(|_| "a whole number".to_owned())
        }
        Kinds::ListOfPattern => list(&|text| Pattern::parse(text).is_ok(), "a list of patterns"),
        Kinds::ListOfText => list(&|_| true, "a list of texts"),
    }
}
