//! The codes of findings in topology files, and what `spotlight explain` says about each.
//!
//! `E10xx` YAML, `E20xx` files, `E21xx` structure, `E22xx` references, `E23xx` types between flow and table or topic, `E24xx` templates,
//! `E25xx` landing rules. Codes of expressions are the expression crate's. A code keeps its meaning for ever.

use batch::{Code, Explanation};

macro_rules! codes {
    ($($name:ident = $code:literal, $title:literal, $why:literal, $remedy:literal;)*) => {
        $(pub(crate) const $name: Code = Code($code);)*

        /// What `spotlight explain CODE` says about each code of this crate.
        pub const EXPLANATIONS: &[Explanation] = &[
            $(Explanation { code: $name, title: $title, why: $why, remedy: $remedy },)*
        ];
    };
}

codes! {
    YAML = "E1001", "not YAML",
        "The file breaks the syntax of YAML 1.2, so nothing in it can be trusted.",
        "Mostly it is the indentation, or a text with `: `, ` #` or a bracket that needs quotes.";
    TAB = "E1002", "a tab outside quotes",
        "YAML forbids tabs in indentation because their width is a matter of taste; elsewhere they look like spaces and are none.",
        "Use spaces. A tab that is part of a text is written `\t` between double quotes; a separator is `tab`.";
    DUPLICATE_KEY = "E1003", "a key stands twice",
        "Only one of the two values could count, and nobody would see which.",
        "Keep one of them.";
    DOCUMENTS = "E1004", "several documents in one file",
        "One file is one topology, template or table.",
        "Put each document into a file of its own.";
    TAG = "E1005", "a YAML tag",
        "The field decides how a text is read; a tag would say it a second time.",
        "Leave the tag away.";
    MERGE = "E1006", "a merge key",
        "`<<` is an extension that YAML 1.2 does not have, and hides where a value comes from.",
        "Write the keys out, or use a template.";
    LIMIT = "E1007", "too large",
        "Files are read up to 1 MiB, 64 levels and 100,000 nodes, so that a broken file cannot exhaust the machine.",
        "Split the file; long headers belong into `headers/`, long test documents into `fixtures/`.";
    ENCODING = "E1008", "not UTF-8",
        "Topology files are UTF-8. The publisher's documents may have any encoding; that is said in `decode`.",
        "Save the file as UTF-8.";
    KEY = "E1009", "a key that is no text",
        "Keys are names.",
        "Put the key in quotes.";
    ALIAS = "E1010", "an alias within itself",
        "An alias stands for a finished value; this one would never end.",
        "Write the value out.";
    COMMA = "E1011", "a comma that ends a value too early",
        "Between `{ }` and `[ ]` a comma separates values, also inside round brackets.",
        "Put the value in quotes, as in `{ type: \"decimal(18, 2)\" }`, or a list in brackets, as in `{ key: [a, b] }`.";
    UNREADABLE = "E2001", "a file cannot be read",
        "The file or folder does not exist or may not be read.",
        "Check the path. Relative paths in a file start at the nearest folder above it that holds `schemas/`.";
    KIND = "E2101", "a list, a map or a text in the wrong place",
        "Each field takes one kind of value.",
        "Compare the indentation with a file that works; `- ` begins an entry of a list.";
    MISSING = "E2102", "a field is missing",
        "There is no default: each choice changes what is meant, and nothing is guessed.",
        "Add the field.";
    VALUE = "E2103", "a value that the field does not take",
        "Each field takes values of one form, so that none is silently read as something else.",
        "Write the value in the field's form: durations `500ms`, `15m`, `30h`, `20d`; sizes `50MiB`; rates `5/s` or `1 per 4s`; dates `2024-01-31`; shares `10%`.";
    NAME = "E2104", "a name that is none",
        "Names of topologies, flows, steps and topics become parts of names elsewhere, which allow few characters.",
        "Use lower-case letters, digits and `-`, beginning with a letter.";
    DUPLICATE_NAME = "E2105", "one name for two things",
        "Columns, state, metrics and positions are found by their names, so two things of one name would mix.",
        "Rename one of them. A rename says `was:` to keep its state.";
    ONE_OF = "E2106", "exactly one of several fields is needed",
        "Each of these fields means the whole to be something else: a flow has one source and one destination, a step one verb, a test one kind of input.",
        "Keep one; of `count` and `sum` of a trailer one or both. Other outcomes leave by `outputs`, and a second flow can read a topic.";
    UNKNOWN_FIELD = "E2107", "an unknown field",
        "Every map of keys is closed, so that a misspelt key is always an error and never a setting that silently does nothing.",
        "Use one of the fields that are listed.";
    PATTERN = "E2108", "a pattern that is none",
        "File names and addresses are matched and made by patterns; a wrong one would match nothing, or the wrong thing.",
        "Patterns know `*`, `{name}`, `{name:[ab]}`, `{name:A|B}`, `{name:%Y%m%d}`, `{name:%Y%m}`, `{name:lower}` and `{name:upper}`. A part that all `file-names` of a publisher have stands in its `matching` or `url` too.";
    TYPE = "E2109", "a type that is none",
        "The type decides how values are read, checked and stored.",
        "Types are `text`, `boolean`, `tinyint`, `smallint`, `integer` and `bigint` (each also `unsigned`), `double`, `decimal(P, S)`, `date`, `timestamp(3, UTC)`, `timestamp(3)`, `binary`, `list of TYPE`, `map of text to TYPE`; columns of tables also `nullable TYPE` and `low-cardinality text`.";
    ORDER = "E2110", "steps in an order that cannot be",
        "Documents become rows by `unzip` (if at all) and then `decode`, records of others by `decode`; only then are there rows for other steps.",
        "Put `unzip` first, `decode` next, all others after them. Records of a topic begin with `decode` where others wrote them; rows of other flows need neither.";
    UNNAMED = "E2111", "a stateful step without a name",
        "Its state is kept under its name and must survive an edit of the file.",
        "Add `name:` to the step.";
    REGEX = "E2112", "a regular expression that is none",
        "A trailer's `matches` is a regular expression for the whole line; its named groups become `trailer.NAME`.",
        "Mend the expression. Look-around and back-references do not exist.";
    HEADER = "E2113", "a header layout that cannot be used",
        "Each column needs a name of its own, and what `must-have`, `as` and `spill` name must be in the header.",
        "Mend the list, or give one of the columns another name with `as`.";
    NOT_A_TOPOLOGY = "E2114", "not a topology file",
        "A topology file begins with `topology: NAME`. Templates and tables are used by topology files, not run.",
        "Give the topology files, or the folder that holds them.";
    RENAME = "E2115", "a `was` that cannot be",
        "A flow or step that is renamed goes on with the positions, rows and memory of its first name. Two of them would read and land the same twice, or mix what they remember.",
        "Let `was` be the name that the flow or step had when it first ran, and no other of the file have that name or `was`.";
    PLACE = "E2201", "a table or file that does not agree with its name",
        "`schemas/tables/NAME.yaml` declares the table NAME; another name inside would be found by nobody.",
        "Make the two names the same.";
    NO_FILE = "E2202", "a file that the topology names is missing",
        "Header lists, templates and fixtures are looked for from the root (the nearest folder above that holds `schemas/`) and beside the topology file.",
        "Check the path, or add the file.";
    NO_PRODUCER = "E2203", "a topic that nobody fills and nothing declares",
        "The columns of a topic come from the flow that fills it, among the files that are loaded together, from `schemas/topics/NAME.avsc`, or from the `decode` of the flow that reads it.",
        "Load the file of the flow that fills it too, or add the schema. If others write the topic, begin the steps with `decode`.";
    NO_FLOW = "E2204", "a flow that does not exist",
        "A test runs a flow of its own file.",
        "Name one of the flows.";
    NO_OUTPUT = "E2205", "an output that does not exist or that nothing fills",
        "Rows leave by the names under `outputs`; a name that is used needs a topic, and a topic needs a step that fills it.",
        "Add the output, or take the name away.";
    NO_LAYOUT = "E2206", "a layout that does not exist",
        "A map of layout names says for each header layout what a column is; `else` stands for all others.",
        "Name the layouts of `decode`, or `else`.";
    NO_COLUMN = "E2207", "a column that does not exist here",
        "Only the columns that are listed exist at this place; a step sees those that the step before it leaves.",
        "Use one of the columns that are listed, or keep the column in the steps before.";
    CYCLE = "E2209", "topics in a circle",
        "A flow would wait for its own output, and its columns could not be known.",
        "Break the circle: let one of the flows read another topic.";
    PRODUCERS = "E2210", "flows that fill one topic do not agree",
        "All records of a topic have one schema and one key.",
        "Make columns, key and partitions the same, or write another topic.";
    AVRO = "E2211", "a topic's schema that cannot be used",
        "A topic's values are an Avro record whose fields have types that we carry.",
        "Use null, boolean, int, long, double, string, bytes, arrays, maps, and the logical types date, decimal, timestamp-millis and timestamp-micros.";
    DECODED = "E2212", "a `decode` of records whose form is known",
        "Records that a flow writes, and those that a file in `schemas/topics/` declares, are Avro: what they hold is known.",
        "Take `decode` away where a flow fills the topic; say `avro: registry` where a schema declares it. Of records of others that are no Avro there is no schema.";
    COPY = "E2213", "a topology or flow that is a copy of another one",
        "A flow knows by its name what it has read and landed. A copy under another name begins by itself, so that all of its rows would stand beside those of the first.",
        "Run one of the two. If both are wanted, let the copy read other documents, or land in another table.";
    NOT_IN_TARGET = "E2301", "a column that the table or topic does not have",
        "ClickHouse would drop such a column without a word.",
        "Rename it to the column that is meant, drop it, or add it to the table's file.";
    NOT_FILLED = "E2302", "a column of the table or topic that the flow does not fill",
        "Only nullable columns, lists and maps have a value for rows that say nothing.",
        "Add the column to the last `select`, or make it nullable in the table's file.";
    NOT_CONVERTIBLE = "E2303", "a column's type does not fit the table or topic",
        "A conversion that could lose something is never done in silence.",
        "Say in a `select` how the value becomes the wanted type, with `cast` or a function.";
    SHAPES = "E2304", "header layouts leave different columns",
        "Rows of all layouts go to one table or topic, or through one stateful step, so they need one shape.",
        "Put one `select` over all layouts before it.";
    EXAMPLE = "E2305", "an example that does not come true",
        "The examples of a function are evaluated each time the file is checked.",
        "Mend the function or the example.";
    CONDITION = "E2306", "a condition that is not true or false",
        "`where`, `when` and `route` keep what is true; anything else would be a guess.",
        "Write a comparison.";
    PARAMETER_MISSING = "E2401", "a parameter of the template is not given",
        "The template has no default for it.",
        "Add it to `with:`.";
    PARAMETER_UNKNOWN = "E2402", "a parameter that the template does not have",
        "A parameter that nothing reads would be a setting that silently does nothing.",
        "Use one of the template's parameters, or declare it under `parameters:` there.";
    PARAMETER_VALUE = "E2403", "a parameter's value is not of its type",
        "The template declares what each parameter may be, so that an error is seen where it is made.",
        "Give a value of the declared type.";
    TEMPLATE = "E2404", "a template used wrongly",
        "`use:` brings the template's flows and functions; `with:` gives its parameters.",
        "Use `with` only with `use`, and put flows of your own into another file.";
    APPEND_DOCUMENTS = "E2501", "append straight from documents",
        "A document can be published again, and `append` would then hold the rows of both versions.",
        "Use `rows: by-document`, or put a topic and a `dedupe` between.";
    BY_DOCUMENT = "E2502", "by-document without documents",
        "`by-document` replaces a document's rows by those of its next version, so the flow must read documents.",
        "Use `rows: append` behind a `dedupe`, or `rows: by-key`.";
    PARTITION_KEY = "E2503", "a partition that is not part of the key",
        "A new version of a row would lie in another partition than the old one, and both would be found.",
        "Partition by a column of the key, or put the partition's column into `key` if it is a part of what identifies a row.";
    NO_KEY = "E2504", "a table without key or columns",
        "Without a file in `schemas/tables/` the landing itself says what identifies a row.",
        "Add `key` (and `partition`) to the landing, or declare the table in a file.";
    STATE_ON_DOCUMENTS = "E2505", "a stateful step in a flow of documents",
        "State belongs to one input partition, and equal keys of different documents lie in different ones.",
        "Write the rows `to: { topic: ..., key: [...] }` and put the step into a second flow.";
    KEYS_APART = "E2506", "a key that the topic's key does not divide",
        "Equal keys must lie in one partition; so the topic's key is a part of every key below it.",
        "Add the topic's key columns to this key, or give the topic a coarser key.";
    LANDINGS = "E2507", "landings of one table do not agree",
        "What a row of a table means, its key and its partition are the table's, not a flow's.",
        "Make the landings the same. By default the newest position wins, which two flows cannot compare: name a `version` column.";
    NO_NEWEST = "E2508", "by-key straight from documents, without a version",
        "Documents of one source are read side by side, so the order of their rows says nothing: which row of a key is the newest would be chance.",
        "Say which row wins with `version: COLUMN`, for example the document's date, or write `rows: by-document`.";
    KEY_NULL = "E2510", "a key column that may be null",
        "A key has no nulls, so a row without a value in one of its columns is a dead letter; many of them refuse the document. Cells of a document are null where they are empty.",
        "Keep such rows out with `where: NAME is not null` or give them a value with `coalesce`, if that is what they mean. A file in `schemas/tables/` whose key columns are not nullable says the same for good.";
    REPEATS_LAND = "E2511", "rows of a document's next version would be appended beside those of the one before",
        "A publisher corrects a document by publishing it again. Its rows go through the topic once more, and a table of `append` keeps all that comes. Only a `dedupe` knows which of them were there.",
        "Put `- dedupe: { name: seen, key: [...], remember: 400d }` into the flow that reads the topic, or let a newer row take an older one's place: `rows: by-key`. If every version is wanted, leave it: this is a warning.";
    NOT_STORED = "E2509", "a key, partition or version that ClickHouse cannot have",
        "ClickHouse would refuse to make the table: it compares versions and never finds a null among them, orders no lists and maps, and cuts no table by fractions.",
        "A version is a whole number, a date or a timestamp that is never null; a key has no lists and maps, a partition no `double` either.";
}
