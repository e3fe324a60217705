//! The built-in functions: one catalogue of names, signatures, words and examples, and the code of each group.
//!
//! A function of plain types is `Fixed`: its arguments are converted and its code sees columns. A function whose result
//! type depends on its arguments, or that compiles a literal once, types itself (`Own`).
//! Deliberately absent: anything that depends on time, place or chance.

mod catalogue;
mod choice;
mod date;
mod list;
mod number;
mod pattern;
mod symbol;
mod synonyms;
mod text;

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use batch::Type;

use crate::check::{Checker, nearest};
use crate::column::{Arguments, Outcome};
use crate::syntax::Span;
use crate::tree::{Kind, Node, Operation};

pub(crate) use list::element;
pub(crate) use synonyms::{synonym, synonym_name};

/// What `spotlight` and the documentation say about a built-in function.
#[derive(Debug)]
pub struct FunctionDoc {
    /// Its name; calls ignore case.
    pub name: &'static str,
    /// How it is called, and what it gives. Brackets mark what may be left out.
    pub signatures: &'static [&'static str],
    /// What it does, in a sentence or two.
    pub about: &'static str,
    /// Expressions and the text of their results; a test runs all of them.
    pub examples: &'static [(&'static str, &'static str)],
    arity: (usize, usize),
    typing: Typing,
}

#[derive(Clone, Copy, Debug)]
enum Typing {
    Fixed(&'static [Plain], Plain, fn(&Arguments<'_>) -> Outcome),
    Own(fn(&mut Checker<'_>, &Call) -> Option<Node>),
}

/// Types of arguments and results that need no thought.
#[derive(Clone, Copy, Debug)]
enum Plain {
    Text,
    Whole,
    Boolean,
    Date,
    Texts,
}

impl Plain {
    fn of(self) -> Type {
        match self {
            Self::Text => Type::Text,
            Self::Whole => Type::BIGINT,
            Self::Boolean => Type::Boolean,
            Self::Date => Type::Date,
            Self::Texts => Type::List(Box::new(Type::Text)),
        }
    }
}

/// A call with its checked arguments.
pub(crate) struct Call {
    pub(crate) name: &'static str,
    pub(crate) span: Span,
    pub(crate) arguments: Vec<(Node, Span)>,
}

/// All built-in functions, by kind.
#[must_use]
pub fn functions() -> &'static [FunctionDoc] {
    catalogue::FUNCTIONS
}

/// Finds a function by its name in lower case.
pub(crate) fn find(name: &str) -> Option<&'static FunctionDoc> {
    let name = match name {
        "substr" => "substring",
        "char_length" | "character_length" => "length",
        "ceiling" => "ceil",
        "normalize_symbol" => "normalise_symbol",
        name => name,
    };
    functions().iter().find(|function| function.name == name)
}

/// Types a call of a built-in function.
pub(crate) fn call(checker: &mut Checker<'_>, function: &'static FunctionDoc, call: Call) -> Option<Node> {
    let (least, most) = function.arity;
    let given = call.arguments.len();
    if given < least || given > most {
        let takes = match (least, most) {
            (least, usize::MAX) => format!("at least {least}"),
            (least, most) if least == most => format!("{least}"),
            (least, most) => format!("{least} to {most}"),
        };
        let message = format!("`{}` takes {takes} arguments, not {given}", function.name);
        let remedy = format!("write `{}`", function.signatures.join("` or `"));
        return checker.error("E3203", &call.span, message, &remedy);
    }
    match function.typing {
        Typing::Own(own) => own(checker, &call),
        Typing::Fixed(parameters, result, run) => {
            let last = parameters.last().copied().unwrap_or(Plain::Text);
            let parameters = parameters.iter().copied().chain(std::iter::repeat(last));
            let arguments: Vec<_> = call
                .arguments
                .into_iter()
                .zip(parameters)
                .map(|((node, span), plain)| checker.converted(node, &plain.of(), &span))
                .collect();
            let arguments = arguments.into_iter().collect::<Option<_>>()?;
            Some(checker.apply(result.of(), Operation::new(run), arguments, &call.span))
        }
    }
}

/// The text of an argument that must be known when the expression is compiled.
fn literal(checker: &mut Checker<'_>, call: &Call, position: usize, what: &str) -> Option<Arc<str>> {
    let (node, span) = call.arguments.get(position)?;
    match &node.kind {
        Kind::Constant(values) if node.of == Type::Text && values.null_count() == 0 => {
            Some(values.as_string::<i32>().value(0).into())
        }
        _ => {
            let message = format!("the {what} of `{}` must be a literal", call.name);
            checker.error("E3305", span, message, "write it in 'single quotes', or use a parameter of the template")
        }
    }
}

/// One argument converted to a type.
fn argument(checker: &mut Checker<'_>, call: &Call, position: usize, of: &Type) -> Option<Node> {
    let (node, span) = call.arguments.get(position)?;
    checker.converted(node.clone(), of, span)
}

/// The zone that a literal argument names.
fn zone(checker: &mut Checker<'_>, call: &Call, position: usize) -> Option<chrono_tz::Tz> {
    let name = literal(checker, call, position, "zone")?;
    match name.parse() {
        Ok(zone) => Some(zone),
        Err(_) => {
            let span = call.arguments.get(position)?.1.clone();
            let nearest = nearest(&name, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()));
            let remedy = match nearest {
                Some(zone) => format!("did you mean '{zone}'?"),
                None => "write a name such as 'UTC' or 'America/New_York'".to_owned(),
            };
            checker.error("E3306", &span, "there is no such zone".to_owned(), &remedy)
        }
    }
}

#[cfg(test)]
pub(crate) fn has_examples() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    functions()
        .iter()
        .flat_map(|function| function.examples.iter().map(|(given, gives)| (function.name, *given, *gives)))
}
