//! A dashboard before it is anybody's JSON: panels in rows, each with what it asks and what that means.

use crate::query::{FLOWS, SHOWN, Scope, TOPOLOGIES};

/// A dashboard.
#[derive(Debug)]
pub(crate) struct Board {
    /// Its name in addresses, and of its file. It never changes, as people keep links to it.
    pub(crate) uid: &'static str,
    pub(crate) title: &'static str,
    /// What it is for.
    pub(crate) about: &'static str,
    pub(crate) variables: Variables,
    pub(crate) sections: Vec<Section>,
}

/// What a person chooses at the top of a dashboard, beside the data source.
#[derive(Clone, Debug)]
pub(crate) enum Variables {
    None,
    /// Some topologies, by default all.
    Topologies,
    /// One topology, and some of its flows, by default all.
    Flows {
        /// The topology that is shown first.
        first: Option<String>,
        /// A metric that only the flows tell that belong here.
        told_by: &'static str,
    },
}

impl Variables {
    /// The series that are meant.
    pub(crate) fn scope(&self) -> Scope {
        match self {
            Self::None => SHOWN,
            Self::Topologies => TOPOLOGIES,
            Self::Flows { .. } => FLOWS,
        }
    }
}

/// Panels below a heading.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) heading: &'static str,
    pub(crate) panels: Vec<Panel>,
}

/// One panel. Panels stand beside each other from left to right, as many as 24 columns hold.
#[derive(Debug)]
pub(crate) struct Panel {
    pub(crate) title: &'static str,
    /// What it says, and what to make of it.
    pub(crate) about: &'static str,
    pub(crate) kind: Kind,
    /// In columns, of which there are 24, and in rows of 30 pixels.
    pub(crate) size: (u32, u32),
    pub(crate) unit: Unit,
    pub(crate) queries: Vec<Query>,
}

/// How a panel is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Lines over time.
    Lines,
    /// The newest value of each series.
    Number(Mood),
    /// The newest values, a query a column, a row for each set of labels; sorted by this column, the largest first.
    Table {
        /// The column.
        by: &'static str,
    },
}

/// What a number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Neither good nor bad.
    Plain,
    /// Bad, unless it is none.
    Bad,
    /// How a flow stands: [`crate::query::TROUBLES`].
    Trouble,
}

/// The unit of values, in Grafana's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Count,
    Seconds,
    Bytes,
    BytesASecond,
    RowsASecond,
    ASecond,
    Share,
}

impl Unit {
    /// Grafana's word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Count => "short",
            Self::Seconds => "s",
            Self::Bytes => "bytes",
            Self::BytesASecond => "Bps",
            Self::RowsASecond => "rowsps",
            Self::ASecond => "ops",
            Self::Share => "percentunit",
        }
    }
}

/// What a panel asks.
#[derive(Debug)]
pub(crate) struct Query {
    /// In PromQL, with variables of Grafana.
    pub(crate) text: String,
    /// How its series are called: with `{{label}}`, or the name of the column in a table.
    pub(crate) name: &'static str,
    /// The unit of the column, in a table.
    pub(crate) unit: Unit,
    /// True for a column that says how a flow stands.
    pub(crate) is_trouble: bool,
}

impl Panel {
    fn new(title: &'static str, about: &'static str, kind: Kind, size: (u32, u32)) -> Self {
        Self { title, about, kind, size, unit: Unit::Count, queries: Vec::new() }
    }

    /// Lines over time, a third of the width.
    pub(crate) fn lines(title: &'static str, about: &'static str) -> Self {
        Self::new(title, about, Kind::Lines, (8, 8))
    }

    /// A number, a sixth of the width.
    pub(crate) fn number(title: &'static str, about: &'static str, mood: Mood) -> Self {
        Self::new(title, about, Kind::Number(mood), (4, 4))
    }

    /// A table as wide as the page.
    pub(crate) fn table(title: &'static str, about: &'static str, by: &'static str) -> Self {
        Self::new(title, about, Kind::Table { by }, (24, 10))
    }

    /// The same with another size.
    pub(crate) fn sized(mut self, columns: u32, rows: u32) -> Self {
        self.size = (columns, rows);
        self
    }

    /// The same with a unit.
    pub(crate) fn in_unit(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    /// Asks this too.
    pub(crate) fn ask(mut self, text: String, name: &'static str) -> Self {
        let unit = self.unit;
        self.queries.push(Query { text, name, unit, is_trouble: false });
        self
    }

    /// A further column of a table.
    pub(crate) fn column(mut self, text: String, name: &'static str, unit: Unit) -> Self {
        self.queries.push(Query { text, name, unit, is_trouble: false });
        self
    }

    /// A column that says how flows stand.
    pub(crate) fn trouble(mut self, text: String, name: &'static str) -> Self {
        self.queries.push(Query { text, name, unit: Unit::Count, is_trouble: true });
        self
    }
}
