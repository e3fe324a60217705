//! An expression together with what it means for one row.
//!
//! Rules that hold everywhere: a row fails if an argument of it failed, the first one's failure is the row's; null flows
//! through; what chooses (`case`, `coalesce`, `and`, `or`) fails only by the part that decides.

use std::rc::Rc;

use arbitrary::Unstructured;
use batch::Type;

use super::table::{COLUMNS, Row, place};
use crate::value::Value;

/// A value, null, or the code of the failure.
pub(super) type Cell = Result<Option<Value>, &'static str>;

/// What an expression means.
pub(super) type Meaning = Rc<dyn Fn(&Row) -> Cell>;

pub(super) const NOT_READ: &str = "E4101";
pub(super) const NO_MOMENT: &str = "E4102";
pub(super) const LOST: &str = "E4104";
pub(super) const INVALID: &str = "E4105";
pub(super) const BY_ZERO: &str = "E4106";

/// An expression of a known type.
#[derive(Clone)]
pub(super) struct Made {
    /// As it is written, in brackets where it needs them.
    pub(super) text: String,
    pub(super) of: Type,
    pub(super) means: Meaning,
    /// A number that is written out, and whether it is whole and not negative: it takes the type of what it meets.
    pub(super) literal: Option<bool>,
}

impl Made {
    pub(super) fn new(text: impl Into<String>, of: Type, means: impl Fn(&Row) -> Cell + 'static) -> Self {
        Self { text: text.into(), of, means: Rc::new(means), literal: None }
    }

    pub(super) fn column(name: &str) -> Self {
        let at = place(name);
        let of = COLUMNS.get(at).map_or("map of text to text", |(_, of)| of);
        Self::new(name, Type::parse(of).expect("a type"), move |row| Ok(row[at].clone()))
    }

    /// A function of all its arguments through which null flows.
    pub(super) fn apply(
        text: impl Into<String>,
        of: Type,
        arguments: &[&Self],
        run: impl Fn(&[Value]) -> Cell + 'static,
    ) -> Self {
        let means: Vec<Meaning> = arguments.iter().map(|argument| Rc::clone(&argument.means)).collect();
        Self::new(text, of, move |row| {
            let cells: Vec<Option<Value>> = means.iter().map(|means| means(row)).collect::<Result<_, _>>()?;
            match cells.into_iter().collect::<Option<Vec<Value>>>() {
                None => Ok(None),
                Some(values) => run(&values),
            }
        })
    }

    /// A call `name(a, b)` of `apply`.
    pub(super) fn call(name: &str, of: Type, arguments: &[&Self], run: impl Fn(&[Value]) -> Cell + 'static) -> Self {
        let texts: Vec<&str> = arguments.iter().map(|argument| argument.text.as_str()).collect();
        Self::apply(format!("{name}({})", texts.join(", ")), of, arguments, run)
    }
}

/// What a call knows of its arguments' types.
pub(super) fn boolean(value: &Value) -> bool {
    matches!(value, Value::Boolean(true))
}

pub(super) fn text(value: &Value) -> &str {
    if let Value::Text(text) = value { text } else { panic!("{value:?} is no text") }
}

pub(super) fn fine(value: Value) -> Cell {
    Ok(Some(value))
}

/// A text as a literal.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Makes expressions; the choices decide which.
pub(super) struct Maker<'a, 'b> {
    pub(super) choices: &'a mut Unstructured<'b>,
    /// Parts that may still be made; leaves do not count.
    pub(super) left: u32,
}

impl Maker<'_, '_> {
    /// A number below `bound`; 0 when the choices have run out.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.choices.int_in_range(0..=bound - 1).unwrap_or(0)
    }

    pub(super) fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// True if the next part is to be a leaf.
    pub(super) fn leaf(&mut self) -> bool {
        if self.left == 0 || self.choices.is_empty() || self.below(4) == 0 {
            return true;
        }
        self.left -= 1;
        false
    }

    /// An expression of any kind.
    pub(super) fn any(&mut self) -> Made {
        match self.below(8) {
            0 | 1 => self.boolean(),
            2 | 3 => self.number(),
            4 => self.text(),
            5 => self.double(),
            6 => self.moment(),
            _ => self.list(),
        }
    }
}
