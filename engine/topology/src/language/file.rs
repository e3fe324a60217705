//! The top of topology files, templates and tables; functions, parameters, alerts and tests.

use super::{ABOUT, FLOW, Form, Key, Keys, NAME, Named, PARTITION, SPAN, TABLE_NAME, Written, may, must, written};

pub(crate) static TOPOLOGY: Keys = Keys::new(
    "the file",
    "A feed: where its documents come from, what their columns mean, which table they fill.",
    &[
        must("topology", Form::Written(&NAME), "The feed's name: lower-case letters, digits and `-`."),
        may("about", Form::Text, ABOUT),
        FLOWS,
        ALERTS_KEY,
        TESTS,
        FUNCTIONS,
        may("use", Form::Text, "The path of a template, whose flows and functions this feed has."),
        may("with", Form::Named(&WITH), "The template's parameters."),
    ],
)
.some(&["flows", "use"])
.together(&[("with", "use")]);

pub(crate) static TEMPLATE: Keys = Keys::new(
    "the template",
    "The body of several feeds, which they take by `use` and `with`.",
    &[
        must("template", Form::Text, "The template's name."),
        may("about", Form::Text, ABOUT),
        may(
            "parameters",
            Form::Named(&PARAMETERS),
            "What a feed gives by `with`; `param.NAME` in fields and expressions, `{NAME}` in patterns.",
        ),
        FUNCTIONS,
        must("flows", Form::Named(&FLOWS_OF), FLOWS_ABOUT),
        ALERTS_KEY,
        TESTS,
    ],
);

const FLOWS: Key = may("flows", Form::Named(&FLOWS_OF), FLOWS_ABOUT);
const FLOWS_ABOUT: &str = "Lines of work by name: from a source, through steps, to a table or topic.";
const ALERTS_KEY: Key = may("alerts", Form::Map(&ALERTS), "When somebody should look.");
const TESTS: Key = may("tests", Form::List(&EACH_TEST), "Documents or rows in, rows out; `spotlight test` runs them.");
const FUNCTIONS: Key = may("functions", Form::Named(&FUNCTIONS_OF), "Rules that are used twice, by name.");

static EACH_TEST: Form = Form::Map(&TEST);
static FLOWS_OF: Named = Named { names: NAME.pattern, of: Form::Map(&FLOW) };
static FUNCTIONS_OF: Named = Named { names: "[a-z][a-z0-9_]*", of: Form::Map(&FUNCTION) };
static PARAMETERS: Named = Named { names: "", of: Form::Map(&PARAMETER) };
static WITH: Named = Named { names: "", of: Form::Value };

pub(crate) static PARAMETER: Keys = Keys::new(
    "a parameter",
    "A parameter of a template.",
    &[
        must("type", Form::Choice(&PARAMETER_TYPES), "What a value may be."),
        may("of", Form::Filled(&Form::Text), "The choices of an `enum`."),
        may("default", Form::Value, "The value of feeds that give none."),
        may("about", Form::Text, ABOUT),
    ],
);

/// What a parameter may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ParameterType {
    Enum,
    Text,
    Date,
    Integer,
    Pattern,
    Patterns,
    Texts,
}

pub(crate) static PARAMETER_TYPES: [(&str, ParameterType); 7] = [
    ("enum", ParameterType::Enum),
    ("text", ParameterType::Text),
    ("date", ParameterType::Date),
    ("integer", ParameterType::Integer),
    ("pattern", ParameterType::Pattern),
    ("list of pattern", ParameterType::Patterns),
    ("list of text", ParameterType::Texts),
];

pub(crate) static FUNCTION: Keys = Keys::new(
    "a function",
    "A named expression with types and examples, which each check tries.",
    &[
        may("about", Form::Text, ABOUT),
        must("takes", Form::Named(&TAKES), "Arguments by name, with their types."),
        must("gives", Form::Type, "The type of the result."),
        must("is", Form::Expression, "One expression of the arguments."),
        may("examples", Form::List(&Form::Named(&EXAMPLE)), "Arguments, and under `gives` what they give."),
    ],
);
static TAKES: Named = Named { names: "", of: Form::Type };
static EXAMPLE: Named = Named { names: "", of: Form::Value };

pub(crate) static ALERTS: Keys = Keys::new(
    "`alerts`",
    "When somebody should look.",
    &[
        may("fresh-within", Form::Written(&FRESH_WITHIN), "How old the newest document may be."),
        may("dead-letters", Form::Written(&DEAD_LETTERS), "How many bad rows are too many."),
    ],
);
pub(crate) static FRESH_WITHIN: Written = written("duration", "a duration above zero, such as `30h`", SPAN);
pub(crate) static DEAD_LETTERS: Written =
    written("number of dead letters", "`50 per day` or `20 per document`", "[0-9]+ per +(day|document)");

pub(crate) static TEST: Keys = Keys::new(
    "a test",
    "One run of a flow: what goes in, and exactly what must come out.",
    &[
        must("name", Form::Text, "What the test shows."),
        must("flow", Form::Text, "The flow that is run."),
        must("given", Form::Map(&GIVEN), "What goes in."),
        must("expect", Form::Map(&EXPECT), "What must come out."),
    ],
);

pub(crate) static GIVEN: Keys = Keys::new(
    "`given`",
    "What goes into the flow.",
    &[
        may("document", Form::Map(&DOCUMENT), "One document."),
        may("documents", Form::List(&Form::Map(&DOCUMENT)), "Several documents, one after the other."),
        may("rows", ROWS, "Rows of the topic that the flow reads."),
        may("records", Form::List(&Form::Map(&RECORD)), "Records of the topic that the flow decodes."),
    ],
)
.one(&["document", "documents", "rows", "records"]);

pub(crate) static RECORD: Keys = Keys::new(
    "a record",
    "A record as others write it.",
    &[
        must("value", Form::Open(&Form::Text), "Its value; nothing for a tombstone."),
        may("key", Form::Text, "Its key; a number where `decode` says that keys are."),
        may("headers", Form::Named(&HEADERS), "Its headers."),
    ],
);
static HEADERS: Named = Named { names: "", of: Form::Text };

const ROWS: Form = Form::List(&Form::Named(&ROW));
static ROW: Named = Named { names: "", of: Form::Value };

pub(crate) static DOCUMENT: Keys = Keys::new(
    "a document",
    "A document as a publisher would send it.",
    &[
        must("name", Form::Text, "Its file name, which one of `file-names` must match."),
        may("text", Form::Open(&Form::Text), "What stands in it; becomes bytes in the flow's encoding."),
        may("file", Form::Text, "The path of a file whose bytes it is."),
    ],
)
.one(&["text", "file"]);

pub(crate) static EXPECT: Keys = Keys::new(
    "`expect`",
    "What must come out; what is not named is not compared.",
    &[
        may("rows", ROWS, "All rows at the flow's end, in order; each names the columns of interest."),
        may("outputs", Form::Named(&ROWS_BY_OUTPUT), "All rows of named outputs."),
        may("dead-letters", Form::List(&Form::Map(&DEAD_LETTER)), "All dead letters, in order."),
        may(
            "dropped",
            Form::Named(&DROPPED),
            "How many rows were dropped, by reason: `where`, `repeat`, or a route's word.",
        ),
        may("receipt", Form::Map(&RECEIPT), "What became of the last document."),
    ],
)
.some(&["rows", "outputs", "dead-letters", "dropped", "receipt"]);
static ROWS_BY_OUTPUT: Named = Named { names: "", of: ROWS };
static DROPPED: Named = Named { names: "", of: Form::Written(&COUNT) };
pub(crate) static COUNT: Written = written("number", "a whole number", "[0-9]+").numbers(0, i64::MAX);

pub(crate) static DEAD_LETTER: Keys = Keys::new(
    "a dead letter",
    "A row or document that could not be processed.",
    &[
        may("code", Form::Text, "The code, such as E4301."),
        may("step", Form::Text, "The step that failed."),
        may("field", Form::Text, "The column that failed."),
        may("line", Form::Value, "The line of the document."),
    ],
);

pub(crate) static RECEIPT: Keys = Keys::new(
    "a receipt",
    "What became of a document.",
    &[
        may("outcome", Form::Choice(&OUTCOMES), "How it ended."),
        may("rows", Form::Value, "How many rows landed."),
        may("dead", Form::Value, "How many rows are dead letters."),
        may("code", Form::Value, "Why it was refused."),
    ],
);
pub(crate) static OUTCOMES: [(&str, ()); 6] =
    [("rows", ()), ("empty", ()), ("unpublished", ()), ("absent", ()), ("incomplete", ()), ("failed", ())];

pub(crate) static TABLE: Keys = Keys::new(
    "a table's file",
    "A table that people query.",
    &[
        must("table", Form::Written(&TABLE_NAME), "`database.table`, as the file is called."),
        may("about", Form::Text, ABOUT),
        must("key", Form::Filled(&Form::Text), "The columns that identify a row."),
        may(
            "partition",
            PARTITION,
            "A column, or `year of`, `month of`, `day of` one. Without it there is one partition.",
        ),
        must("columns", Form::Named(&COLUMNS), "Its columns in order."),
    ],
);
static COLUMNS: Named = Named { names: "[^_].*", of: Form::Map(&COLUMN) };

pub(crate) static COLUMN: Keys = Keys::new(
    "a column",
    "A column of a table.",
    &[
        must("type", Form::Type, "Its type, such as `nullable decimal(18, 2)` (in quotes between `{ }`)."),
        may("unit", Form::Text, "The unit of its numbers."),
        may("about", Form::Text, ABOUT),
    ],
);
