//! The command line, as close to what was typed as possible. Nothing here touches the system.

mod dead_letters;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::Rebuild;
use crate::examples;

pub(crate) use dead_letters::{DeadLetters, GiveUp, Replay};

/// Turns regulators' publications into tables that people can trust.
///
/// A feed is one topology file: where its documents come from, what their columns mean, and which table of ClickHouse
/// they fill. Spotlight fetches each document, proves it whole, lands each row once, and keeps what it could not read
/// as a dead letter with the reason.
#[derive(Debug, Parser)]
#[command(name = "spotlight", version, long_version = crate::version::long(), max_term_width = 80, after_help = examples::PROGRAM, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run synthetic publishers on loopback and load what they publish. Needs no network.
    #[command(after_help = examples::DEMO)]
    Demo(Demo),
    /// Run topologies until stopped, or until all is done with --once.
    Run(Run),
    /// Find mistakes in topology files; with --live ask the services that they use.
    #[command(after_help = examples::CHECK)]
    Check(Check),
    /// Run the tests that stand in topology files.
    #[command(after_help = examples::TEST)]
    Test(Test),
    /// Show what topologies mean: flows, topics, tables and their statements.
    #[command(after_help = examples::PLAN)]
    Plan(Plan),
    /// Draw the way through the flows: topics, steps, tables, dead letters and receipts.
    #[command(after_help = examples::GRAPH)]
    Graph(Graph),
    /// Try an expression: spotlight eval "trim(name)" --with name=" A ".
    #[command(after_help = examples::EVAL)]
    Eval(Eval),
    /// Ask ClickHouse, whether or not a run is going on.
    #[command(after_help = examples::SQL)]
    Sql(Sql),
    /// Show the flows: rows, documents, dead letters, holds.
    #[command(after_help = examples::STATUS)]
    Status(Status),
    /// Watch the flows of a run: a table sorted by trouble, drawn anew.
    #[command(after_help = examples::TOP)]
    Top(Top),
    /// Pause a flow. It stays paused, whoever runs it, until it is resumed.
    #[command(after_help = examples::PAUSE)]
    Pause(Pause),
    /// Let a paused flow go on.
    #[command(after_help = examples::RESUME)]
    Resume(Pause),
    /// Show what became of each document.
    #[command(after_help = examples::RECEIPTS)]
    Receipts(Receipts),
    /// List, show and replay dead letters.
    #[command(subcommand, after_help = examples::DLQ)]
    Dlq(DeadLetters),
    /// End a hold after the cause was mended, or read a flow's input again.
    #[command(after_help = examples::RELEASE)]
    Release(Release),
    /// Read all that a flow has read once more, into a table beside, which then takes the place of the live one.
    #[command(after_help = examples::REBUILD)]
    Rebuild(Rebuild),
    /// Prove that each row of the ledger is in its table, once.
    #[command(after_help = examples::RECONCILE)]
    Reconcile(Show),
    /// Look into what steps remember.
    #[command(subcommand, after_help = examples::STATE)]
    State(StateCommand),
    /// Look at live rows of a running flow, or at the records of a topic.
    #[command(after_help = examples::TAP)]
    Tap(Tap),
    /// Write dashboards of Grafana and rules of Prometheus for topologies.
    #[command(after_help = examples::DASHBOARDS)]
    Dashboards(Dashboards),
    /// Turn one document on standard input into rows on standard output. Needs nothing else.
    #[command(after_help = examples::TRANSFORM)]
    Transform(Transform),
    /// Print a job of Nomad that runs topologies.
    #[command(after_help = examples::NOMAD_JOB)]
    NomadJob(NomadJob),
    /// Explain a code, such as E4210. Works offline.
    #[command(after_help = examples::EXPLAIN)]
    Explain(Explain),
    /// Print the JSON Schema of topology files, templates and tables, or of connections, for editors.
    #[command(after_help = examples::SCHEMA_JSON)]
    SchemaJson(SchemaJson),
    /// Print a completion script for a shell.
    #[command(after_help = examples::COMPLETION)]
    Completion(Completion),
    /// Write the pages of the manual, one for each command.
    #[command(after_help = examples::MAN)]
    Man(Man),
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
    /// File that says where Kafka, the schema registry and ClickHouse are. What it does not name is embedded.
    #[arg(long, value_name = "FILE", env = "SPOTLIGHT_CONNECTIONS")]
    pub(crate) connections: Option<PathBuf>,
    /// Folder of the secrets that the file of connections names. Wins over the file's own word.
    #[arg(long, value_name = "DIR", env = "SPOTLIGHT_SECRETS", requires = "connections")]
    pub(crate) secrets: Option<PathBuf>,
    /// Name of this process among those that share a Kafka: processes of different names share the work, and of two of
    /// one name the later one takes over. By default the name of the machine.
    #[arg(long, value_name = "NAME", env = "SPOTLIGHT_INSTANCE")]
    pub(crate) instance: Option<String>,
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

#[derive(Debug, Args)]
#[command(after_help = examples::RUN)]
pub(crate) struct Run {
    /// Topology files, or folders of them.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Take documents from this folder instead of the network. Each source claims files by its file names. Without
    /// --once the run looks into it every 3 seconds, whatever `every` says.
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
    pub(crate) listen: ListenAt,
    #[command(flatten)]
    pub(crate) data: Data,
    #[command(flatten)]
    pub(crate) clickhouse: ClickHouseAt,
}

/// Where a run is watched over HTTP.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ListenAt {
    /// Where /live, /ready, /metrics, /status and /topology are answered: IP:PORT, or `off`. Without it 127.0.0.1:9484,
    /// and nowhere with --once or --dry. Where others can reach it a token is needed.
    #[arg(long, value_name = "ADDRESS", env = "SPOTLIGHT_LISTEN")]
    pub(crate) listen: Option<String>,
    /// File with the token that those show who ask: `Authorization: Bearer TOKEN`. Without it SPOTLIGHT_LISTEN_TOKEN, if
    /// that is set. /live and /ready need none.
    #[arg(long, value_name = "FILE")]
    pub(crate) listen_token: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Top {
    /// Seconds until the table is drawn anew.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) every: u64,
    /// One table, and no more: as where the output is no terminal.
    #[arg(long)]
    pub(crate) once: bool,
    #[command(flatten)]
    pub(crate) data: Data,
}

#[derive(Debug, Args)]
pub(crate) struct Pause {
    /// TOPOLOGY/FLOW, or a topology (all its flows).
    #[arg(value_name = "FLOW")]
    pub(crate) flow: String,
    #[command(flatten)]
    pub(crate) data: Data,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Topology files, or folders of them.
    #[arg(required_unless_present = "connections", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// How findings are printed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// Then ask ClickHouse, publishers' pages and folders whether a run would find what it needs. Changes nothing.
    #[arg(long)]
    pub(crate) live: bool,
    /// Contact address told to publishers that want one.
    #[arg(long, value_name = "ADDRESS", requires = "live")]
    pub(crate) contact: Option<String>,
    #[command(flatten)]
    pub(crate) data: Data,
    #[command(flatten)]
    pub(crate) clickhouse: ClickHouseAt,
}

#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Topology files, or folders of them.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Only the tests whose names contain this text.
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Option<String>,
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
pub(crate) struct Status {
    /// TOPOLOGY/FLOW, or a topology: what is said is of that alone. Without it of all.
    #[arg(value_name = "FLOW")]
    pub(crate) flow: Option<String>,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct Receipts {
    /// Only documents whose newest version is refused.
    #[arg(long)]
    pub(crate) refused: bool,
    /// All receipts, those of earlier versions too. Without it the newest of each document.
    #[arg(long)]
    pub(crate) all: bool,
    /// Only documents that are not there: their publisher does not have them, or answers with a page for people.
    #[arg(long, conflicts_with_all = ["refused", "all"])]
    pub(crate) absent: bool,
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
    /// Only in this partition of the flow's topic.
    #[arg(long, value_name = "N", requires = "from", conflicts_with = "all_partitions")]
    pub(crate) partition: Option<i32>,
    /// At the same offset in each partition.
    #[arg(long, requires = "from")]
    pub(crate) all_partitions: bool,
    /// Rows that an earlier text of the topology made may stay: `status` tells them no more. Only without a run.
    #[arg(long, conflicts_with = "from")]
    pub(crate) keep_rows: bool,
    #[command(flatten)]
    pub(crate) data: Data,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StateCommand {
    /// Look a key up in the store of a dedupe step.
    #[command(after_help = examples::STATE)]
    Get {
        /// TOPOLOGY/FLOW.STEP.
        #[arg(value_name = "FLOW.STEP")]
        place: String,
        /// The values of the key's columns, in the order of `key:`.
        #[arg(required = true, value_name = "KEY")]
        key: Vec<String>,
        /// How the answer is printed.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
        #[command(flatten)]
        data: Data,
    },
}

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
    #[arg(value_name = "FLOW[.STEP]", conflicts_with_all = ["topic", "topics"])]
    pub(crate) place: Option<String>,
    /// Show the records of this topic instead.
    #[arg(long, value_name = "NAME")]
    pub(crate) topic: Option<String>,
    /// List the topics of the topologies.
    #[arg(long, conflicts_with_all = ["topic", "limit"])]
    pub(crate) topics: bool,
    /// With --topics: those too that the engine makes for itself.
    #[arg(long, requires = "topics")]
    pub(crate) all: bool,
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

/// The shape of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shape {
    /// One process with one topology.
    Feed,
    /// One process with several topologies.
    Group,
    /// Several processes that share the partitions of a log on Kafka.
    Shared,
}

#[derive(Debug, Args)]
pub(crate) struct NomadJob {
    /// Topology files, or folders of them.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The shape that the job must have. Without it the files say: `shared` if the connections name a Kafka, else `feed` or
    /// `group`.
    #[arg(long, value_enum)]
    pub(crate) shape: Option<Shape>,
    /// Processes of the shape `shared`: 2 by default.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) count: Option<u32>,
    /// Name of the job: lower-case letters, digits and `-`. By default that of the only topology.
    #[arg(long, value_parser = job_name)]
    pub(crate) name: Option<String>,
    /// File that says where Kafka, the schema registry and ClickHouse are. What it does not name is embedded.
    #[arg(long, value_name = "FILE", env = "SPOTLIGHT_CONNECTIONS")]
    pub(crate) connections: Option<PathBuf>,
}

/// A name that a job, a service and an instance can have.
fn job_name(text: &str) -> Result<String, String> {
    let legal = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    let whole =
        (1..=40).contains(&text.len()) && text.chars().all(legal) && !text.starts_with('-') && !text.ends_with('-');
    whole.then(|| text.to_owned()).ok_or_else(|| "write up to 40 lower-case letters, digits and `-`".to_owned())
}

#[derive(Debug, Args)]
pub(crate) struct Dashboards {
    /// Topology files, or folders of them.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Folder to write to. What is there of the same names is replaced.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Write nothing: say which files are missing or differ. The status is 1 if any is.
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The code; without one all codes are listed.
    pub(crate) code: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SchemaJson {
    /// Of connections.yaml instead.
    #[arg(long)]
    pub(crate) connections: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Completion {
    /// The shell.
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// The language of a drawing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// Mermaid, which many pages draw where they show it.
    #[default]
    Mermaid,
    /// Graphviz.
    Dot,
}

#[derive(Debug, Args)]
pub(crate) struct Graph {
    /// Topology files, or folders of them.
    #[arg(required = true, value_name = "TOPOLOGY")]
    pub(crate) files: Vec<PathBuf>,
    /// The language of the drawing.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: GraphFormat,
}

#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The folder into which the pages are written. It is made if it is not there.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ClickHouseChild {
    /// What the parent hands over.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) arguments: Vec<std::ffi::OsString>,
}
