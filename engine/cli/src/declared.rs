//! A landing that says where a column is declared, in the remedy of a table that differs from the plan.
//!
//! The landing knows the table and no files; the plan knows the files. Nothing but the words of a preflight is changed.

use std::time::Duration;

use batch::ColumnType;
use connect::{InsertOutcome, Landing, LandingError, Piece, PieceQuestion, Preflight, Provenance, RowPosition};
use topology::plan::TableWrite;

/// A landing, and what the plan says of its table.
pub(crate) struct Declared<L> {
    landing: L,
    write: TableWrite,
}

impl<L: Landing> Declared<L> {
    pub(crate) fn new(landing: L, write: &TableWrite) -> Self {
        Self { landing, write: write.clone() }
    }

    /// The landing itself.
    pub(crate) fn landing(&self) -> &L {
        &self.landing
    }
}

/// Where the column of which a preflight speaks is declared, and what to write there.
fn place(write: &TableWrite, what: &str, remedy: &str) -> Option<String> {
    let speaks_of = |name: &str| what.contains(&format!("column `{name}`"));
    let column = write.table.columns.iter().find(|column| speaks_of(&column.name))?;
    let (name, of) = (&column.name, &column.column_type);
    let nullable = || {
        let text = ColumnType { nullable: true, ..of.clone() }.to_string();
        // A comma ends a value between braces.
        let text = if text.contains(',') { format!("\"{text}\"") } else { text };
        format!("`{name}: {{ type: {text} }}`")
    };
    let wants_null = remedy.contains("as nullable");
    Some(match write.declared.get(name) {
        Some(at) if wants_null => {
            format!("`{name}` is declared in {}:{}: write {} there", at.file, at.line, nullable())
        }
        Some(at) => format!("`{name}` is declared in {}:{} as {of}", at.file, at.line),
        None => {
            let file = format!("schemas/tables/{}.yaml", write.table.name);
            let none = format!("{} has no file, so its columns are those of the flow's last step", write.table.name);
            if wants_null {
                format!(
                    "{none}: declare the whole table (`table`, `key`, all `columns`) in {file}, with {}",
                    nullable()
                )
            } else {
                none
            }
        }
    })
}

impl<L: Landing> Landing for Declared<L> {
    fn preflight(&self) -> Result<Preflight, LandingError> {
        Ok(match self.landing.preflight()? {
            Preflight::Different { code, what, mut remedy } => {
                if let Some(place) = place(&self.write, &what, &remedy) {
                    remedy.push_str("; ");
                    remedy.push_str(&place);
                }
                Preflight::Different { code, what, remedy }
            }
            other => other,
        })
    }

    fn apply(&self, statements: &[String]) -> Result<(), LandingError> {
        self.landing.apply(statements)
    }

    fn insert(&self, piece: &Piece) -> Result<InsertOutcome, LandingError> {
        self.landing.insert(piece)
    }

    fn present(&self, question: &PieceQuestion) -> Result<Vec<RowPosition>, LandingError> {
        self.landing.present(question)
    }

    fn landed_before(&self, flow: &str, provenance: &Provenance) -> Result<u64, LandingError> {
        self.landing.landed_before(flow, provenance)
    }

    fn holds_rows(&self, landing: Option<&str>) -> Result<bool, LandingError> {
        self.landing.holds_rows(landing)
    }

    fn end_queries(&self, prefix: &str) -> Result<(), LandingError> {
        self.landing.end_queries(prefix)
    }

    fn withdraw(
        &self,
        document: &str,
        version: u64,
        provenance: &Provenance,
        at: RowPosition,
    ) -> Result<u64, LandingError> {
        self.landing.withdraw(document, version, provenance, at)
    }

    fn remembers_for(&self) -> Option<Duration> {
        self.landing.remembers_for()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use batch::{ColumnType, PartitionBy, RowsMeaning, TableColumn, TableDefinition};
    use topology::Position;
    use topology::plan::TableWrite;

    use super::place;

    fn write(declared: bool) -> TableWrite {
        let columns = [("day", "date"), ("price", "decimal(18, 2)")].map(|(name, of)| TableColumn {
            name: name.into(),
            column_type: ColumnType::parse(of).expect(of),
            about: String::new(),
        });
        let position = |line| Position { file: "schemas/tables/demo.t.yaml".into(), line, column: 3 };
        let places = [(Arc::from("day"), position(4)), (Arc::from("price"), position(5))];
        TableWrite {
            table: TableDefinition {
                name: "demo.t".into(),
                about: String::new(),
                columns: columns.into(),
                key: vec!["day".into()],
                partition: PartitionBy::Nothing,
                rows: RowsMeaning::Append,
            },
            batch_rows: 1,
            batch_age: std::time::Duration::ZERO,
            at_least_once: false,
            declared: if declared { places.into_iter().collect() } else { Default::default() },
        }
    }

    #[test]
    fn a_column_is_shown_where_it_is_declared() {
        let (lacks, differs) = ("t lacks column `price`, which", "column `price` of t is String, the plan wants");
        let null = "declare `price` as nullable and";
        let none = "demo.t has no file, so its columns are those of the flow's last step";
        let cases = [
            (
                true,
                lacks,
                null,
                Some(
                    "`price` is declared in schemas/tables/demo.t.yaml:5: write `price: { type: \"nullable decimal(18, 2)\" }` there",
                ),
            ),
            (true, differs, "ALTER", Some("`price` is declared in schemas/tables/demo.t.yaml:5 as decimal(18, 2)")),
            (
                false,
                lacks,
                null,
                Some(&*format!(
                    "{none}: declare the whole table (`table`, `key`, all `columns`) in schemas/tables/demo.t.yaml, with `price: {{ type: \"nullable decimal(18, 2)\" }}`"
                )),
            ),
            (false, differs, "ALTER", Some(none)),
            (true, "the engine of t is Log", "RENAME", None),
        ];
        for (declared, what, remedy, expected) in cases {
            assert_eq!(place(&write(declared), what, remedy).as_deref(), expected, "{what}");
        }
    }
}
