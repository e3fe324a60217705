//! Destinations of rows.

use super::{DURATION, Form, Key, Keys, PARTITIONS, TABLE_NAME, TOPIC_NAME, Written, may, must, written};

const KEY: Key =
    may("key", Form::Filled(&Form::Text), "The columns that decide where rows lie; equal keys stay in order.");
const PARTITIONS_KEY: Key =
    may("partitions", Form::Written(&PARTITIONS), "The topic's number of partitions; 4 by default.");

pub(crate) static TO: Keys = Keys::new(
    "`to`",
    "Where rows go: one table or one topic.",
    &[
        may("clickhouse", Form::Map(&CLICKHOUSE), "A table."),
        may("topic", Form::Written(&TOPIC_NAME), "A topic, which other flows read."),
        KEY,
        PARTITIONS_KEY,
    ],
)
.one(&["clickhouse", "topic"]);

pub(crate) static OUTPUT: Keys = Keys::new(
    "an output",
    "A topic for rows that leave on the way.",
    &[must("topic", Form::Written(&TOPIC_NAME), "The topic."), KEY, PARTITIONS_KEY],
);

pub(crate) static CLICKHOUSE: Keys = Keys::new(
    "`clickhouse`",
    "A table that people query.",
    &[
        must("table", Form::Written(&TABLE_NAME), "`database.table`; its columns stand in `schemas/tables/`."),
        must(
            "rows",
            Form::Choice(&ROWS_MEANINGS),
            "What a row means: `by-document` (a document owns its rows), `by-key` (the newest row of a key) or `append` (every row once).",
        ),
        may("version", Form::Text, "The column that says which row of a key is the newest; with `by-key`."),
        may("key", Form::Filled(&Form::Text), "The columns that identify a row, of a table without a file."),
        may("partition", PARTITION, "How a table without a file is partitioned."),
        may("batch", Form::Map(&BATCH), "How much is inserted at once."),
        may("delivery", Form::Choice(&DELIVERY), "`exactly-once` by default."),
    ],
);

/// What a row of a table means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowsWord {
    Append,
    ByKey,
    ByDocument,
}

pub(crate) static ROWS_MEANINGS: [(&str, RowsWord); 3] =
    [("append", RowsWord::Append), ("by-key", RowsWord::ByKey), ("by-document", RowsWord::ByDocument)];
pub(crate) static DELIVERY: [(&str, bool); 2] = [("exactly-once", false), ("at-least-once", true)];

pub(crate) const PARTITION: Form = Form::Open(&Form::Written(&PARTITION_FORM));
pub(crate) static PARTITION_FORM: Written = written(
    "partition",
    "`COLUMN`, `year of COLUMN`, `month of COLUMN` or `day of COLUMN`",
    r"\S+|(year|month|day) of .+",
);

pub(crate) static BATCH: Keys = Keys::new(
    "`batch`",
    "How much is inserted at once.",
    &[
        may("rows", Form::Written(&BATCH_ROWS), "At most so many rows; 500000 by default."),
        may("age", Form::Written(&BATCH_AGE), "At most so long after the first row; 5s by default."),
    ],
);
/// Below the 1,000,000 rows that make one block of one insert.
pub(crate) const MOST_ROWS: usize = 900_000;
pub(crate) static BATCH_ROWS: Written =
    written("number of rows", "from 1 to 900000", "[0-9][0-9_]*").numbers(1, 900_000);
pub(crate) static BATCH_AGE: Written = written("duration", "a duration such as `5s`", DURATION);
