//! The command line, as close to what was typed as possible. Nothing here touches the system.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

const EXAMPLES: &str = "\
Examples:
  spotlight demo                                        see it work, without a network
  spotlight run topologies/sec-ftd.yaml                 fetch fails to deliver for ever
  spotlight run topologies/sec-ftd.yaml --documents DIR --once
                                                        load the files of a folder and end
  spotlight sql \"select count() from regsho.fails_to_deliver\"
  spotlight explain E4210                               what a code means and what helps

Exit statuses: 0 fine, 1 tests failed, 2 a plan is destructive, 3 a document was refused or a flow is on hold,
4 not reconciled, 64 usage, 65 a topology file is wrong, 69 a service cannot be reached, 70 a bug,
73 the data folder is in use, 75 start me again, 78 the environment is wrong.";

/// Turns regulators' publications into tables that people can trust.
///
/// A feed is one topology file: where its documents come from, what their columns mean, and which table of ClickHouse
/// they fill. Spotlight fetches each document, proves it whole, lands each row once, and keeps what it could not read
/// as a dead letter with the reason.
#[derive(Debug, Parser)]
#[command(name = "spotlight", version, after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run synthetic publishers on loopback and load what they publish. Needs no network.
    Demo(Demo),
    /// Run topologies until stopped, or until all is done with --once.
    Run(Run),
    /// Find mistakes in topology files. Starts nothing.
    Check(Check),
    /// Run the tests that stand in topology files.
    Test(Files),
    /// Show what topologies mean: flows, topics, tables and their statements.
    Plan(Plan),
    /// Try an expression: spotlight eval "trim(name)" --with name=" A ".
    Eval(Eval),
    /// Ask ClickHouse, whether or not a run is going on.
    Sql(Sql),
    /// Show the flows: rows, documents, dead letters, holds.
    Status(Show),
    /// Show what became of each document.
    Receipts(Receipts),
    /// List, show and replay dead letters.
    #[command(subcommand)]
    Dlq(DeadLetters),
    /// End a hold after the cause was mended, or read a flow's input again.
    #[command(after_help = RELEASE_EXAMPLES)]
    Release(Release),
    /// Prove that each row of the ledger is in its table, once.
    Reconcile(Show),
    /// Look at live rows of a running flow, or at the records of a topic.
    #[command(after_help = TAP_EXAMPLES)]
    Tap(Tap),
    /// Turn one document on standard input into rows on standard output. Needs nothing else.
    #[command(after_help = TRANSFORM_EXAMPLES)]
    Transform(Transform),
    /// Explain a code, such as E4210. Works offline.
    Explain(Explain),
    /// Print a completion script for a shell.
    Completion(Completion),
    /// The child process that is ClickHouse.
    #[command(name = "clickhouse-child", hide = true)]
    ClickHouseChild(ClickHouseChild),
}

/// Where the embedded default lives.
#[derive(Clone, Debug, Args)]
pub(crate) struct Data {
    /// Folder of the log, the documents and the embedded ClickHouse.
    #[arg(long, value_name = "DIR", default_value = "spotlight-data")]
    pub(crate) data: PathBuf,
}

/// Which ClickHouse.
#[derive(Clone, Debug, Args)]
pub(crate) struct ClickHouseAt {
    /// Use this ClickHouse instead of the embedded one. User and password: SPOTLIGHT_CLICKHOUSE_USER and _PASSWORD.
    #[arg(long, value_name = "URL")]
    pub(crate) clickhouse: Option<String>,
}

/// How answers are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// For scripts.
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    #[command(flatten)]
    pub(crate) data: Data,
    #[command(flatten)]
    pub(crate) clickhouse: ClickHouseAt,
}

const RUN_HELP: &str = "\
Examples:
  spotlight run topologies/                                   fetch for ever
  spotlight run topologies/ --documents ~/downloads --once    load a folder and end
  spotlight run topologies/sec-ftd.yaml --documents DIR --dry show what would land

A dry run works on a temporary folder and ends by itself. It reads every document as if it were new,
and shows the table of a run and the first dead letters. What a newer version of a document would
withdraw from a table it cannot know. It ends with the statuses of --once.

With --once a run ends with 3 if, at its end, the newest content of a document is refused, a flow is
on hold, or a source could not be read. The column `refused` counts the documents of the lines
`refused:`, also those that an earlier run refused. A refused version that a newer one has replaced
counts no more. Without --once a run that is told to stop ends with 0.";

#[derive(Debug, Args)]
#[command(after_help = RUN_HELP)]
pub(crate) struct Run {
    /// Topology files, or folders of them.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Take documents from this folder instead of the network. Each source claims files by its file names.
    #[arg(long, value_name = "DIR")]
    pub(crate) documents: Option<PathBuf>,
    /// End when all that is there has been done.
    #[arg(long)]
    pub(crate) once: bool,
    /// Read and transform, end, and write nowhere: no table, no position, no receipt. Needs no ClickHouse.
    #[arg(long)]
    pub(crate) dry: bool,
    /// Contact address told to publishers that want one.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) contact: Option<String>,
    /// Seconds that a run with --once waits for ClickHouse at its start.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, hide = true)]
    pub(crate) service_wait: u64,
    /// How the table at the end is printed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) data: Data,
    #[command(flatten)]
    pub(crate) clickhouse: ClickHouseAt,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Topology files, or folders of them.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// How findings are printed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Files {
    /// Topology files, or folders of them.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// Topology files, or folders of them.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Make missing tables and add missing columns.
    #[arg(long)]
    pub(crate) apply: bool,
    /// Do not look at ClickHouse: print the statements that would make the tables.
    #[arg(long, conflicts_with = "apply")]
    pub(crate) offline: bool,
    #[command(flatten)]
    pub(crate) data: Data,
    #[command(flatten)]
    pub(crate) clickhouse: ClickHouseAt,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: spotlight eval \"cast(replace(a, ',', '') as decimal(18, 2))\" --with a=1,000.50")]
pub(crate) struct Eval {
    /// The expression.
    #[arg(allow_hyphen_values = true, required_unless_present = "functions")]
    pub(crate) expression: Option<String>,
    /// List the functions, with their examples; NAME shows one.
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "", conflicts_with = "expression")]
    pub(crate) functions: Option<String>,
    /// A name and its text; repeat for more. NAME:TYPE=VALUE gives another type than text.
    #[arg(long = "with", value_name = "NAME=VALUE")]
    pub(crate) with: Vec<String>,
    /// How the answer is printed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Sql {
    /// The query. Tables that replace rows show their newest (`final = 1`).
    pub(crate) query: String,
    /// ClickHouse's name of the output format.
    #[arg(long, default_value = "PrettyCompactMonoBlock", value_name = "FORMAT")]
    pub(crate) format: String,
    #[command(flatten)]
    pub(crate) data: Data,
    #[command(flatten)]
    pub(crate) clickhouse: ClickHouseAt,
}

#[derive(Debug, Args)]
// By default the group has the name of the type, which `dlq show` has too.
#[group(id = "how-to-show")]
pub(crate) struct Show {
    /// How the answer is printed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) data: Data,
    #[command(flatten)]
    pub(crate) clickhouse: ClickHouseAt,
}

#[derive(Debug, Args)]
pub(crate) struct Receipts {
    /// Only documents whose newest version is refused.
    #[arg(long)]
    pub(crate) refused: bool,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLetters {
    /// Open dead letters, grouped by flow, code, step and field.
    Ls(Show),
    /// One dead letter, whole.
    Show {
        /// Its id, as `ls` prints it, or the start of it.
        id: String,
        #[command(flatten)]
        show: Show,
    },
    /// Send dead letters back to the flow that failed.
    #[command(after_help = REPLAY_EXAMPLES)]
    Replay(Replay),
    /// Close dead letters that are not wanted any more.
    #[command(after_help = GIVE_UP_EXAMPLES)]
    GiveUp(GiveUp),
}

const REPLAY_EXAMPLES: &str = "Examples:
  spotlight dlq replay --dry topologies/sec-ftd.yaml (would they pass now?)
  spotlight dlq replay topologies/sec-ftd.yaml --code E4101
  spotlight run topologies/sec-ftd.yaml --once       (works what was sent back)

Where no open dead letter matches it says so and ends with 0; a code that does not exist ends with 64.";

const GIVE_UP_EXAMPLES: &str = "Examples:
  spotlight dlq give-up sec-ftd/load --code E4102    (one flow, one code)
  spotlight dlq give-up sec-ftd                      (all flows of the topology)

Where no open dead letter matches it says so and ends with 0; a flow or code that does not exist ends with 64.
What is given up is closed, not deleted. Rows of an earlier version of the document that
waited for it are then removed.";

const RELEASE_EXAMPLES: &str = "Examples:
  spotlight release sec-ftd                       (all held flows of the topology try again)
  spotlight release sec-ftd/load                  (one flow)
  spotlight release sec-ftd/load --from earliest  (without a run: read all documents again)

Where nothing is on hold it says so and ends with 0; a name that no flow has ends with 64.

A changed topology is not applied to documents that are loaded already. The next run after
--from earliest reads them again by the file as it is then. The page topologies/LANGUAGE.md
(Changing a feed) says what to do with the rows that have landed before.";

#[derive(Debug, Args)]
pub(crate) struct GiveUp {
    /// TOPOLOGY/FLOW, or a topology (all its flows).
    #[arg(value_name = "FLOW")]
    pub(crate) flow: String,
    /// Only dead letters with this code.
    #[arg(long)]
    pub(crate) code: Option<String>,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// Topology files as they are now.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Only dead letters with this code.
    #[arg(long)]
    pub(crate) code: Option<String>,
    /// Say how many would pass now, and change nothing.
    #[arg(long)]
    pub(crate) dry: bool,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct Release {
    /// TOPOLOGY/FLOW, or a topology (all its flows). With --from always TOPOLOGY/FLOW.
    #[arg(value_name = "FLOW")]
    pub(crate) flow: String,
    /// Where to go on: earliest, end, or an offset of the flow's topic. Only without a run, and for one flow.
    #[arg(long, value_name = "WHERE")]
    pub(crate) from: Option<String>,
    #[command(flatten)]
    pub(crate) data: Data,
}

const TAP_EXAMPLES: &str = "\
Examples:
  spotlight tap sec-ftd/load                      rows as they leave the flow
  spotlight tap sec-ftd/load.select-2 --limit 5   before and after a step
  spotlight tap sec-ftd/load --format json | jq .row
  spotlight tap --topic swaps.trades --limit 10   what is in a topic, with or without a run
  spotlight tap --topic swaps.trades --from end   what comes into it from now on

A step without a name is called by its verb and place, as spotlight plan shows. A tap shows what the steps make of
rows, also of documents that are refused in the end; each row once. It never slows a run: what comes faster
than it can be shown is let go, and counted. Ctrl-C ends it.";

/// Where a tap of a topic begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TapFrom {
    /// All that is there, then it ends.
    #[default]
    Earliest,
    /// What comes from now on.
    End,
}

#[derive(Debug, Args)]
pub(crate) struct Tap {
    /// TOPOLOGY/FLOW for what leaves the flow, TOPOLOGY/FLOW.STEP for what a step does.
    #[arg(value_name = "FLOW[.STEP]", required_unless_present = "topic", conflicts_with = "topic")]
    pub(crate) place: Option<String>,
    /// Show the records of this topic instead.
    #[arg(long, value_name = "NAME")]
    pub(crate) topic: Option<String>,
    /// Where in the topic to begin.
    #[arg(long, value_enum, default_value_t, requires = "topic")]
    pub(crate) from: TapFrom,
    /// End after so many rows.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// How rows are printed; `json` is one object a line.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) data: Data,
}

const TRANSFORM_EXAMPLES: &str = "\
Examples:
  spotlight transform topologies/sec-ftd.yaml --name cnsfails202009a.zip < cnsfails202009a.zip | head
  curl -s URL | spotlight transform my-list.yaml --name list_20260105.txt --format csv > rows.csv

The document is proven whole before its first row is written. Of a refused document nothing is written, the reason is
told on standard error, and the status is 3; so it is for a page instead of data. Dead rows are told on standard error, a line each, and the status is
3; all other rows are written. Rows are those that leave the flow that reads the document.";

/// The form of rows on standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// A line of names, then one line a row. Null is an empty cell, an empty text is `""`.
    Csv,
    /// A stream of Arrow IPC.
    Arrow,
}

#[derive(Debug, Args)]
pub(crate) struct Transform {
    /// The topology file.
    #[arg(value_name = "TOPOLOGY")]
    pub(crate) topology: PathBuf,
    /// The flow that reads the document, if several do.
    #[arg(long, value_name = "NAME")]
    pub(crate) flow: Option<String>,
    /// The document's file name as it is published: it says the date and the like.
    #[arg(long, value_name = "FILE")]
    pub(crate) name: Option<String>,
    /// The form of the rows.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: RowFormat,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The code; without one all codes are listed.
    pub(crate) code: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Completion {
    /// The shell.
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ClickHouseChild {
    /// What the parent hands over.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) arguments: Vec<std::ffi::OsString>,
}
