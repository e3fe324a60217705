//! Made-up changes of a schema: those that the specification allows, and some that leave values without a place.

use std::collections::HashMap;

use crate::choices::Choices;
use crate::shape::{self, Field, Kind, Named, Shape};
use crate::values;

/// A reader's schema for a writer's.
pub(crate) fn evolved(choices: &mut Choices<'_>, writer: &Shape) -> Shape {
    Evolution { choices, known: HashMap::new() }.shape(writer, true)
}

struct Evolution<'a, 'b> {
    choices: &'a mut Choices<'b>,
    /// A named type changes once.
    known: HashMap<String, Shape>,
}

impl Evolution<'_, '_> {
    /// `alone`: it may not become a union, for it stands in one or at the top.
    fn shape(&mut self, shape: &Shape, alone: bool) -> Shape {
        if let Shape::Union(branches) = shape {
            return self.union(branches);
        }
        let alone = alone || *shape == Shape::Null;
        let changed = match shape.named().map(|named| self.known.get(&named.name).cloned()) {
            Some(Some(changed)) => changed,
            Some(None) => {
                let changed = self.named(shape);
                self.known.insert(shape.named().map(|named| named.name.clone()).unwrap_or_default(), changed.clone());
                changed
            }
            None => self.unnamed(shape),
        };
        match self.choices.below(12) {
            1 if !alone => Shape::Union(vec![Shape::Null, changed]),
            2 if !alone => Shape::Union(vec![changed, Shape::Null]),
            3 if !alone && !matches!(changed, Shape::Boolean) => {
                Shape::Union(vec![Shape::Boolean, changed, Shape::Null])
            }
            _ => changed,
        }
    }

    fn unnamed(&mut self, shape: &Shape) -> Shape {
        match shape {
            Shape::Array(item) => return Shape::Array(Box::new(self.shape(item, false))),
            Shape::Map(value) => return Shape::Map(Box::new(self.shape(value, false))),
            _ => {}
        }
        let others: &[Shape] = match shape {
            Shape::Int => &[Shape::Long, Shape::Float, Shape::Double, Shape::Date, Shape::TimeMillis],
            Shape::Long => &[Shape::Float, Shape::Double, Shape::Timestamp(3, false), Shape::TimeMicros],
            Shape::Float => &[Shape::Double],
            Shape::Text => &[Shape::Bytes],
            Shape::Bytes => &[Shape::Text],
            Shape::Date | Shape::TimeMillis => &[Shape::Int, Shape::Long],
            Shape::TimeMicros | Shape::Timestamp(..) => &[Shape::Long, Shape::Double],
            Shape::Uuid => &[Shape::Text],
            Shape::Decimal(..) => &[Shape::Bytes],
            _ => &[],
        };
        if others.is_empty() || !self.choices.one_in(4) { shape.clone() } else { self.choices.choose(others).clone() }
    }

    fn name(&mut self, named: &Named) -> Named {
        if !self.choices.one_in(6) {
            return named.clone();
        }
        Named { name: self.choices.name("N"), aliases: vec!["other".to_owned(), named.name.clone()] }
    }

    fn named(&mut self, shape: &Shape) -> Shape {
        match shape {
            Shape::Fixed(named, size, kind) => {
                let kind = if self.choices.one_in(4) { Kind::Plain } else { *kind };
                Shape::Fixed(self.name(named), *size, kind)
            }
            Shape::Enum(named, symbols, default) => {
                let mut symbols = symbols.clone();
                if self.choices.one_in(3) {
                    symbols.reverse();
                }
                if self.choices.one_in(3) && symbols.len() > 1 {
                    symbols.pop();
                }
                if self.choices.one_in(3) {
                    symbols.insert(0, "more".to_owned());
                }
                let default = default.clone().filter(|default| symbols.contains(default));
                let default = if self.choices.one_in(3) { symbols.first().cloned() } else { default };
                Shape::Enum(self.name(named), symbols, default)
            }
            Shape::Record(named, fields) => {
                let name = self.name(named);
                Shape::Record(name, self.fields(fields))
            }
            other => other.clone(),
        }
    }

    fn fields(&mut self, fields: &[Field]) -> Vec<Field> {
        let mut changed = Vec::new();
        for field in fields {
            if self.choices.one_in(7) {
                continue;
            }
            let shape = self.shape(&field.shape, false);
            let default = self.choices.one_in(3).then(|| values::default(self.choices, &shape)).flatten();
            let mut field = Field { shape, default, ..field.clone() };
            if self.choices.one_in(6) {
                field.aliases = vec!["other".to_owned(), std::mem::replace(&mut field.name, self.choices.name("g"))];
            }
            changed.push(field);
        }
        if self.choices.one_in(4) {
            changed.reverse();
        }
        if self.choices.one_in(3) {
            let shape = shape::shape(self.choices, 2, &mut Vec::new());
            let name = self.choices.name("added");
            if let Some(default) = values::default(self.choices, &shape) {
                let at = self.choices.below(changed.len() + 1);
                let field = Field { written: name.clone(), name, aliases: Vec::new(), shape, default: Some(default) };
                changed.insert(at, field);
            }
        }
        changed
    }

    fn union(&mut self, branches: &[Shape]) -> Shape {
        let mut all: Vec<Shape> = Vec::new();
        for branch in branches {
            let branch = self.shape(branch, true);
            if all.iter().all(|other| other.branch_name() != branch.branch_name()) {
                all.push(branch);
            }
        }
        let mut changed: Vec<Shape> = all.iter().filter(|_| !self.choices.one_in(8)).cloned().collect();
        if self.choices.one_in(4) {
            changed.reverse();
        }
        let nothing = changed.iter().all(|branch| *branch == Shape::Null);
        match changed.first() {
            _ if nothing => Shape::Union(all),
            Some(first) if changed.len() == 1 && self.choices.one_in(2) => first.clone(),
            _ => Shape::Union(changed),
        }
    }
}
