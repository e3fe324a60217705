//! What an expression may refer to: names with types, constants, and functions of the topology file.
//!
//! Constants are folded when an expression is compiled, so a parameter of a template can be a pattern or a format.

use std::collections::BTreeMap;
use std::sync::Arc;

use batch::ColumnType;
use chrono::NaiveDate;

use crate::expression::Expression;

/// What an expression may refer to: names with types, and functions of the topology file.
///
/// A name is a column (`quantity`), or dotted (`document.date`, `trailer.stamp`, `param.class`).
#[derive(Clone, Debug, Default)]
pub struct Scope {
    pub(crate) names: BTreeMap<Arc<str>, ColumnType>,
    pub(crate) constants: BTreeMap<Arc<str>, Constant>,
    pub(crate) functions: BTreeMap<Arc<str>, Arc<UserFunction>>,
    /// What names are called elsewhere, and here.
    pub(crate) elsewhere: BTreeMap<Arc<str>, Arc<str>>,
    /// The keys that maps can have, where all of them are known.
    pub(crate) keys: BTreeMap<Arc<str>, Arc<[Arc<str>]>>,
}

/// A value known when the expression is compiled.
#[derive(Clone, Debug, PartialEq)]
pub enum Constant {
    /// No value; takes the type that its place asks for.
    Null,
    /// True or false.
    Boolean(bool),
    /// A whole number of up to 38 digits.
    Integer(i128),
    /// A decimal as written, such as `12.50`.
    Decimal(Arc<str>),
    /// Text.
    Text(Arc<str>),
    /// A day.
    Date(NaiveDate),
    /// A list of text.
    TextList(Vec<Arc<str>>),
}

/// A function declared in a topology file.
#[derive(Clone, Debug)]
pub struct UserFunction {
    /// Its name; calls ignore case.
    pub name: Arc<str>,
    /// Parameters in order. Nulls reach the body whatever these types say, as null flows through.
    pub parameters: Vec<(Arc<str>, ColumnType)>,
    /// What it gives. `body` should be compiled as this type.
    pub result: ColumnType,
    /// What it does; compiled in a scope that holds the parameters.
    pub body: Expression,
}

impl Scope {
    /// An empty scope: only literals and the built-in functions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a column or a dotted fact.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<Arc<str>>, of: ColumnType) -> Self {
        self.names.insert(name.into(), of);
        self
    }

    /// Adds what a name of this scope is called elsewhere, such as in a publisher's header. An expression cannot use
    /// that; one that does is told the name that it has here.
    #[must_use]
    pub fn with_name_elsewhere(mut self, elsewhere: impl Into<Arc<str>>, here: impl Into<Arc<str>>) -> Self {
        self.elsewhere.entry(elsewhere.into()).or_insert_with(|| here.into());
        self
    }

    /// Says all the keys that the map of this name can have. A literal subscript that is none of them is an error.
    #[must_use]
    pub fn with_keys(mut self, name: impl Into<Arc<str>>, keys: Arc<[Arc<str>]>) -> Self {
        self.keys.insert(name.into(), keys);
        self
    }

    /// Adds a name whose value is known.
    #[must_use]
    pub fn with_constant(mut self, name: impl Into<Arc<str>>, value: Constant) -> Self {
        self.constants.insert(name.into(), value);
        self
    }

    /// Adds a function. One with the name of a built-in function hides that.
    #[must_use]
    pub fn with_function(mut self, function: UserFunction) -> Self {
        self.functions.insert(function.name.to_ascii_lowercase().into(), Arc::new(function));
        self
    }

    /// The name as the scope knows it: as written, or, unless quoted, the only one that differs in case alone.
    pub(crate) fn resolve(&self, name: &str, quoted: bool) -> Option<&Arc<str>> {
        let exact = self.names.get_key_value(name).map(|(key, _)| key);
        if let Some(key) = exact.or_else(|| self.constants.get_key_value(name).map(|(key, _)| key)) {
            return Some(key);
        }
        if quoted {
            return None;
        }
        let mut alike = self.names.keys().chain(self.constants.keys()).filter(|key| key.eq_ignore_ascii_case(name));
        let first = alike.next();
        if alike.next().is_some() { None } else { first }
    }
}
