//! The words of the language: every map of keys, every choice and every written form, declared once.
//!
//! The reader takes its keys, choices and forms from here, [`schema`] makes the JSON Schema of them, a test compares
//! them with the page `topologies/LANGUAGE.md`, and the pages in `docs/reference/` are made of them. So a key that the reader knows cannot be missing in an editor or on the page.
//!
//! Deliberately absent: what a value means, and rules between values. Those are the reader's.

mod file;
mod from;
mod schema;
mod steps;
#[cfg(test)]
mod tests;
mod to;
#[cfg(test)]
mod validity;

pub(crate) use file::*;
pub(crate) use from::*;
pub use schema::{schema, schema_of};
pub(crate) use steps::*;
pub(crate) use to::*;

/// A map with a closed list of keys.
pub struct Keys {
    /// As findings name it, such as "step `dedupe`".
    pub what: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// The keys in order.
    pub keys: &'static [Key],
    /// How many of them must be there, beside those that are required.
    pub rule: Rule,
    /// A key that needs another one.
    pub together: &'static [(&'static str, &'static str)],
    /// The map has the user's names too, of this form.
    pub others: Option<&'static Form>,
    /// Words of other tools, and the key that is that here; beside [`ELSEWHERE`].
    pub(crate) elsewhere: &'static [(&'static [&'static str], &'static str)],
}

/// How many of some keys must be there.
pub enum Rule {
    /// Any.
    Free,
    /// Exactly one of these.
    One(&'static [&'static str]),
    /// At least one of these.
    Some(&'static [&'static str]),
}

/// A key of a map.
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// True if a map without it is wrong.
    pub required: bool,
    /// What it takes.
    pub form: Form,
    /// What it means, in a sentence.
    pub about: &'static str,
}

/// What a key takes.
pub enum Form {
    /// Any scalar that is not nothing.
    Text,
    /// Anything at all.
    Value,
    /// An SQL expression.
    Expression,
    /// A pattern of names, such as `x_{date:%Y%m%d}*`.
    Pattern,
    /// A type of a column.
    Type,
    /// An encoding of documents.
    Encoding,
    /// A scalar of one written form.
    Written(&'static Written),
    /// One of some names.
    Choice(&'static dyn Names),
    /// A map with a closed list of keys.
    Map(&'static Keys),
    /// A map of the user's names.
    Named(&'static Named),
    /// A list.
    List(&'static Form),
    /// A list that is not empty.
    Filled(&'static Form),
    /// Nothing is a value too.
    Open(&'static Form),
    /// Any of some forms.
    Either(&'static [Form]),
}

/// A map whose keys are the user's names.
pub struct Named {
    /// An expression for a good name; empty for any.
    pub names: &'static str,
    /// What stands behind each name.
    pub of: Form,
}

impl Named {
    /// A map of any names to values of one form.
    #[must_use]
    pub const fn of(of: Form) -> Self {
        Self { names: "", of }
    }
}

/// A scalar of one written form.
pub struct Written {
    /// As findings name it: "`30 days` is no duration".
    pub what: &'static str,
    /// As findings ask for it.
    pub wanted: &'static str,
    /// An expression for the whole text. The reader may refuse more.
    pub pattern: &'static str,
    /// The least and the greatest whole number, where numbers are good.
    pub numbers: Option<(i64, i64)>,
}

/// The names of a choice, without what they mean.
pub trait Names: Sync {
    /// The names, in order.
    fn names(&self) -> Vec<&'static str>;
}

impl<T: Sync, const COUNT: usize> Names for [(&'static str, T); COUNT] {
    fn names(&self) -> Vec<&'static str> {
        self.iter().map(|(name, _)| *name).collect()
    }
}

impl Keys {
    /// A map of keys: what findings call it, what it is for, and its keys.
    #[must_use]
    pub const fn new(what: &'static str, about: &'static str, keys: &'static [Key]) -> Self {
        Self { what, about, keys, rule: Rule::Free, together: &[], others: None, elsewhere: &[] }
    }

    /// Exactly one of these must be there.
    #[must_use]
    pub const fn one(mut self, of: &'static [&'static str]) -> Self {
        self.rule = Rule::One(of);
        self
    }

    const fn some(mut self, of: &'static [&'static str]) -> Self {
        self.rule = Rule::Some(of);
        self
    }

    /// A key that needs another one.
    #[must_use]
    pub const fn together(mut self, pairs: &'static [(&'static str, &'static str)]) -> Self {
        self.together = pairs;
        self
    }

    const fn others(mut self, of: &'static Form) -> Self {
        self.others = Some(of);
        self
    }

    /// Words of other tools, and the key that is that here.
    #[must_use]
    pub const fn elsewhere(mut self, words: &'static [(&'static [&'static str], &'static str)]) -> Self {
        self.elsewhere = words;
        self
    }

    /// The names of the keys.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().map(|key| key.name)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.keys.iter().any(|key| key.name == name)
    }

    /// The key that is here what other tools call by another name, if the map has it.
    pub(crate) fn ours(&self, name: &str) -> Option<&'static str> {
        let name = name.replace('_', "-");
        let mut known = self.elsewhere.iter().chain(ELSEWHERE);
        let (_, ours) = known.find(|(names, ours)| names.contains(&&*name) && self.has(ours))?;
        Some(*ours)
    }

    /// True if a map without this key can be wrong.
    pub(crate) fn may_require(&self, name: &str) -> bool {
        let listed = |names: &[&str]| names.contains(&name);
        self.keys.iter().any(|key| key.name == name && key.required)
            || self.together.iter().any(|(_, needed)| *needed == name)
            || matches!(self.rule, Rule::One(names) | Rule::Some(names) if listed(names))
    }
}

/// A key that may be left away.
#[must_use]
pub const fn may(name: &'static str, form: Form, about: &'static str) -> Key {
    Key { name, required: false, form, about }
}

/// A key that must be there.
#[must_use]
pub const fn must(name: &'static str, form: Form, about: &'static str) -> Key {
    Key { name, required: true, form, about }
}

/// A scalar of one written form: what findings call it, what they ask for, and an expression for the whole text. The
/// reader may refuse more.
#[must_use]
pub const fn written(what: &'static str, wanted: &'static str, pattern: &'static str) -> Written {
    Written { what, wanted, pattern, numbers: None }
}

impl Written {
    /// Where numbers are good: the least and the greatest.
    #[must_use]
    pub const fn numbers(mut self, least: i64, greatest: i64) -> Self {
        self.numbers = Some((least, greatest));
        self
    }
}

/// The keys of topology files, from which all others can be reached.
#[must_use]
pub fn topology_keys() -> &'static Keys {
    &TOPOLOGY
}

const ABOUT: &str = "Prose for people.";
/// A name of ours.
pub(crate) static NAME: Written =
    written("name", "lower-case letters, digits and `-`, beginning with a letter", "[a-z][a-z0-9-]{0,99}");
/// A topic: parts divided by dots.
pub(crate) static TOPIC_NAME: Written =
    written("topic", "letters, digits, `_` and `-` in parts divided by `.`", r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*");
/// A table.
pub(crate) static TABLE_NAME: Written = written("table", "`database.table`", r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+");
const SPAN: &str = "0*[1-9][0-9]* *(ms|s|m|h|d)";
const DURATION: &str = "[0-9]+ *(ms|s|m|h|d)";

/// Words of other tools, and the key that does that here.
pub(crate) const ELSEWHERE: &[(&[&str], &str)] = &[
    (&["filter", "if", "having"], "where"),
    (&["map", "project", "mapping", "transform"], "select"),
    (&["distinct", "unique", "deduplicate", "dedup"], "dedupe"),
    (&["branch", "switch"], "route"),
    (&["parse", "csv", "format"], "decode"),
    (&["add", "derive", "with-columns", "add-columns"], "extend"),
    (&["remove", "exclude"], "drop"),
    (&["source", "sources", "input", "inputs"], "from"),
    (&["sink", "sinks", "output", "destination"], "to"),
    (&["pipeline", "processors", "transforms"], "steps"),
    (&["name", "feed", "id"], "topology"),
    (&["description", "comment", "doc"], "about"),
    (&["pipelines", "streams"], "flows"),
    (&["csv", "tsv", "psv", "text"], "delimited"),
    (&["returns", "return", "type"], "gives"),
    (&["expression", "expr", "body"], "is"),
    (&["delimiter", "sep"], "separator"),
    (&["skip", "skip-lines", "skip-rows", "skip-leading-lines", "before-header", "header-row"], "lines-before-header"),
    (&["ttl", "window", "retention"], "remember"),
    (&["primary-key", "keys", "key-by", "order-by"], "key"),
    (&["interval", "poll", "schedule"], "every"),
    (&["folder", "directory", "dir"], "path"),
    (&["table", "database", "insert-into", "into"], "clickhouse"),
    (&["landing", "mode", "write-mode", "meaning"], "rows"),
];

/// Words with which a type begins.
pub(crate) const TYPE_NAMES: &[&str] = &[
    "text",
    "boolean",
    "tinyint",
    "smallint",
    "integer",
    "bigint",
    "double",
    "decimal",
    "date",
    "timestamp",
    "binary",
    "list",
    "map",
    "nullable",
    "low-cardinality",
];
