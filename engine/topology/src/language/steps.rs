//! Steps, and how documents are decoded.

use super::{Form, Keys, NAME, Named, SIZE, SPAN, Written, may, must, written};
use crate::plan::{EmptyOutcome, Naming, NewColumns, Tombstones};

/// Verbs that work on rows.
pub(crate) const VERBS: &[&str] = &["where", "select", "set", "extend", "drop", "rename", "dedupe", "route"];

pub(crate) static STEP: Keys = Keys::new(
    "a step",
    "One verb, and a name if it is to have one.",
    &[
        may("where", Form::Expression, "Keeps rows for which the condition is true."),
        may("select", Form::Map(&SELECT), "Makes all columns anew."),
        may("set", Form::Named(&SET), "Adds texts: `{ source: publisher, class: param.class }`."),
        may("extend", Form::Map(&EXTEND), "Adds or replaces columns by expressions."),
        may("drop", Form::List(&Form::Text), "Removes columns."),
        may("rename", Form::Named(&RENAME), "`{ old: new }`."),
        may("dedupe", Form::Map(&DEDUPE), "Lets the first row of each key pass; only in flows of topics."),
        may("route", Form::Map(&ROUTE), "Sends rows to outputs."),
        may("name", Form::Written(&NAME), "The step's name, for state, metrics and findings."),
        may("unzip", Form::Map(&UNZIP), "Opens zip and gzip; what is no archive passes."),
        may("decode", Form::Map(&DECODE), "Makes rows of documents, or of records that others wrote."),
    ],
)
.one(&["where", "select", "set", "extend", "drop", "rename", "dedupe", "route", "unzip", "decode"]);

static BY_LAYOUT: Named = Named { names: "", of: Form::Expression };
/// One expression, or one for each layout.
static COLUMN_EXPRESSION: Form = Form::Either(&[Form::Expression, Form::Named(&BY_LAYOUT)]);
static SET: Named = Named { names: "", of: Form::Open(&Form::Text) };
static RENAME: Named = Named { names: "", of: Form::Text };

pub(crate) static SELECT: Keys = Keys::new(
    "step `select`",
    "All columns after this step, each with an expression of the row as it came in, or one for each layout.",
    &[may("keep", Form::List(&Form::Text), "Columns that stay as they are.")],
)
.others(&COLUMN_EXPRESSION);

/// All keys are columns.
pub(crate) static EXTEND: Keys =
    Keys::new("step `extend`", "Columns that are added or replaced.", &[]).others(&COLUMN_EXPRESSION);

pub(crate) static DEDUPE: Keys = Keys::new(
    "step `dedupe`",
    "Lets the first row of each key pass.",
    &[
        must("name", Form::Written(&NAME), "The name under which its state is kept."),
        may("was", Form::Written(&NAME), "The name that it had first, by which its state is found."),
        must("key", Form::Filled(&Form::Text), "The columns in which repeats are equal."),
        must("remember", Form::Written(&REMEMBER), "How long a key is known after its arrival."),
        may(
            "compare",
            Form::Choice(&COMPARE),
            "`content` sends a known key with other columns to the output `conflicts`; `key` drops it.",
        ),
        may("ignore", Form::List(&Form::Text), "Columns that `content` does not compare."),
    ],
);
pub(crate) static REMEMBER: Written = written("duration", "a duration above zero, such as `400d`", SPAN);
pub(crate) static COMPARE: [(&str, bool); 2] = [("content", true), ("key", false)];

pub(crate) static ROUTE: Keys = Keys::new(
    "step `route`",
    "Sends each row to the first case that is true.",
    &[
        must("cases", Form::List(&Form::Map(&CASE)), "Asked in order."),
        may("default", DESTINATION, "Where all other rows go; `next` by default."),
    ],
);
const DESTINATION: Form = Form::Either(&[Form::Text, Form::Map(&DROPPED_TO)]);

pub(crate) static CASE: Keys = Keys::new(
    "a case",
    "A condition, and where its rows go.",
    &[
        must("when", Form::Expression, "The condition."),
        must("to", DESTINATION, "An output, `next` (on through the flow), or `{ drop: reason }`."),
    ],
);

pub(crate) static DROPPED_TO: Keys = Keys::new(
    "a destination",
    "Rows are dropped and counted.",
    &[must("drop", Form::Written(&NAME), "The reason under which they are counted.")],
);

pub(crate) static UNZIP: Keys = Keys::new(
    "step `unzip`",
    "Opens zip and gzip.",
    &[may(
        "members",
        Form::Either(&[Form::Pattern, Form::Map(&MEMBERS)]),
        "Which members are documents; all by default.",
    )],
);

pub(crate) static MEMBERS: Keys = Keys::new(
    "`members`",
    "Which members of an archive are documents.",
    &[
        may("first-line", Form::Pattern, "Those whose first line matches."),
        may("named", Form::Pattern, "Those whose name matches."),
    ],
)
.one(&["first-line", "named"]);

pub(crate) static DECODE: Keys = Keys::new(
    "step `decode`",
    "Makes rows of documents, or of records that others wrote.",
    &[
        may(
            "delimited",
            Form::Map(&DELIMITED),
            "Lines whose cells have a separator: documents, or records of one line each.",
        ),
        may("json", Form::Map(&JSON), "Records whose value is one JSON object."),
        may("avro", Form::Choice(&AVRO), "Records in Avro, by the schemas of the registry and `schemas/topics/`."),
        may(
            "key",
            Form::Either(&[Form::Choice(&KEY_TYPES), Form::Map(&KEY_FORMAT)]),
            "What `record.key` is, `binary` by default; or what its fields are, `record.key.NAME`.",
        ),
        may(
            "tombstones",
            Form::Choice(&TOMBSTONES),
            "A record without a value: `refuse` makes it a dead letter, `drop` counts it, `keep` makes a row of nulls.",
        ),
    ],
)
.one(&["delimited", "json", "avro"]);
pub(crate) static KEY_FORMAT: Keys = Keys::new(
    "`key`",
    "The format of keys that have fields.",
    &[
        may("json", Form::Map(&JSON), "Keys that are one JSON object."),
        may(
            "avro",
            Form::Choice(&AVRO),
            "Keys in Avro, by the schemas of the registry and `schemas/topics/NAME-key.avsc`.",
        ),
    ],
)
.one(&["json", "avro"]);
pub(crate) static AVRO: [(&str, ()); 1] = [("registry", ())];
/// As types are written.
pub(crate) static KEY_TYPES: [(&str, &str); 4] =
    [("binary", "binary"), ("text", "text"), ("integer", "integer"), ("bigint", "bigint")];
pub(crate) static TOMBSTONES: [(&str, Tombstones); 3] =
    [("refuse", Tombstones::Refuse), ("drop", Tombstones::Drop), ("keep", Tombstones::Keep)];

pub(crate) static JSON: Keys = Keys::new(
    "`json`",
    "One JSON object a record.",
    &[
        must(
            "fields",
            Form::Named(&FIELDS),
            "The fields that are read, with their types; `outer.inner` is one within an object.",
        ),
        may("other-fields", Form::Choice(&OTHER_FIELDS), "Fields that are not named; `ignore` by default."),
    ],
);
static FIELDS: Named = Named { names: "", of: Form::Type };
pub(crate) static OTHER_FIELDS: [(&str, bool); 2] = [("ignore", false), ("refuse", true)];

pub(crate) static DELIMITED: Keys = Keys::new(
    "`delimited`",
    "Lines whose cells have a separator. All cells are nullable text.",
    &[
        may("separator", Form::Written(&SEPARATOR), "One ASCII character, or `tab`; `,` by default."),
        may("quotes", Form::Choice(&QUOTES), "`double` by default."),
        may("encoding", Form::Encoding, "utf-8 by default; a byte-order mark of a document wins."),
        may(
            "columns",
            Form::Filled(&Form::Text),
            "Names of the cells of a record, which is one line without a header.",
        ),
        may(
            "layouts",
            Form::Named(&LAYOUTS),
            "Header layouts by name: the first that fits decodes the document, none refuses it.",
        ),
        may("names", Form::Choice(&NAMING), "What columns are called; `as-published` by default."),
        may("spill", Form::Text, "The last text column, to which surplus cells belong."),
        may("trailer", Form::List(&Form::Map(&TRAILER)), "Lines at the end, in order."),
        may(
            "without-trailer",
            Form::Choice(&WITHOUT_TRAILER),
            "What a missing trailer means; `incomplete` (refused) by default.",
        ),
        may("new-columns", Form::Choice(&NEW_COLUMNS), "A column outside the layout; `refuse` by default."),
        may("empty", Form::Open(&Form::Choice(&EMPTY)), "What an empty cell is; `null` by default."),
        may("outcome", Form::List(&Form::Map(&OUTCOME)), "What a document without rows is. Without a rule, or a trailer that counts, it may not replace a version with rows."),
        may(
            "lines-before-header",
            Form::Written(&LINES_BEFORE_HEADER),
            "Lines above the header, such as a title; 0 by default.",
        ),
        may("line-limit", Form::Written(&LINE_LIMIT), "The longest line; 1MiB by default."),
    ],
)
.one(&["layouts", "columns"]);
static LAYOUTS: Named = Named { names: "", of: Form::Map(&LAYOUT) };
pub(crate) static SEPARATOR: Written =
    written("separator", "one ASCII character that is no quote, such as `;` or `|`, or `tab`", r#"tab|[^"\r\n]"#);
pub(crate) static QUOTES: [(&str, bool); 2] = [("none", false), ("double", true)];
pub(crate) static NAMING: [(&str, Naming); 2] =
    [("as-published", Naming::AsPublished), ("snake_case", Naming::SnakeCase)];
pub(crate) static WITHOUT_TRAILER: [(&str, bool); 2] = [("incomplete", true), ("accept", false)];
pub(crate) static NEW_COLUMNS: [(&str, NewColumns); 2] = [("keep", NewColumns::Keep), ("refuse", NewColumns::Refuse)];
pub(crate) static EMPTY: [(&str, bool); 2] = [("null", true), ("text", false)];
/// Most lines above a header. More would be no title but another document.
const MOST_ABOVE: u64 = 1000;
pub(crate) static LINES_BEFORE_HEADER: Written =
    written("number of lines", "a whole number from 0 to 1000", "[0-9]{1,4}").numbers(0, MOST_ABOVE.cast_signed());

/// Reads it.
pub(crate) fn above_header(text: &str) -> Option<u64> {
    text.parse().ok().filter(|lines| *lines <= MOST_ABOVE)
}

pub(crate) static LINE_LIMIT: Written = Written {
    wanted: "a size above zero, such as `1MiB`",
    what: SIZE.what,
    pattern: SIZE.pattern,
    numbers: SIZE.numbers,
};

pub(crate) static LAYOUT: Keys = Keys::new(
    "a layout",
    "A header as a publisher writes it.",
    &[
        must(
            "header",
            Form::Either(&[Form::Filled(&Form::Text), Form::Text]),
            "All published names in order, or the path of a file with one a line.",
        ),
        may(
            "must-have",
            Form::List(&Form::Text),
            "Names by which this layout is chosen. All names of `header` must be there then, in any order; without it they must be the whole header, in its order.",
        ),
        may("as", Form::Named(&RENAME), "`{ Published: ours }`."),
    ],
);

pub(crate) static TRAILER: Keys = Keys::new(
    "a trailer",
    "A line at the end of a document.",
    &[
        must(
            "matches",
            Form::Text,
            "A regular expression for the whole line; groups `(?<n>...)` are `trailer.n` in expressions.",
        ),
        may("proves", Form::Map(&PROVES), "What the line says of the rows."),
        may("as", Form::Text, "The group that a line is for which proves nothing."),
    ],
);

pub(crate) static PROVES: Keys = Keys::new(
    "`proves`",
    "What a trailer says of the rows: how many there were, what a column adds up to, or both.",
    &[
        may("count", Form::Text, "The group that says how many rows there were."),
        may("sum", Form::Text, "The column that adds up to what `equals` says."),
        may("equals", Form::Text, "The group that says the sum."),
    ],
)
.some(&["count", "sum"])
.together(&[("sum", "equals"), ("equals", "sum")]);

pub(crate) static OUTCOME: Keys = Keys::new(
    "an outcome",
    "What a document without rows is.",
    &[
        must("when", Form::Expression, "A condition of `rows` and the trailer, such as `rows = 0`."),
        must("is", Form::Choice(&OUTCOME_KINDS), "What it is then."),
    ],
);
pub(crate) static OUTCOME_KINDS: [(&str, EmptyOutcome); 2] =
    [("empty", EmptyOutcome::Empty), ("unpublished", EmptyOutcome::Unpublished)];
