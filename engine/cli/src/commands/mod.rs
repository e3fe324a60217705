//! One command a file.

mod ask;
mod check;
mod claims;
mod connections;
mod dashboards;
mod dead_letters;
mod dry;
mod eval;
mod explain;
mod graph;
mod live_check;
mod live_topics;
mod man;
mod nomad_job;
mod of_one;
mod pause;
mod plan;
mod rebuild;
mod refusal;
mod release;
mod remedies;
mod replay;
mod run;
mod sql;
mod state;
mod tap;
mod test;
mod top;
mod transform;

use anyhow::Result;
use clap::CommandFactory;

use crate::arguments::{Arguments, Command};
use crate::demonstration;
use crate::exit::{Exit, failure};
use crate::show;

pub(crate) use pause::line as paused_line;
pub(crate) use rebuild::Rebuild;
pub(crate) use run::{Ground, Pass};

/// Runs the command.
pub(crate) fn run(arguments: Arguments) -> Result<Exit> {
    match arguments.command {
        Command::Demo(demo) => demonstration::run(&demo),
        Command::Run(arguments) => run::run(&arguments),
        Command::Check(arguments) => check::check(&arguments),
        Command::Test(arguments) => test::test(&arguments),
        Command::Plan(arguments) => plan::plan(&arguments),
        Command::Graph(arguments) => graph::graph(&arguments),
        Command::Eval(arguments) => eval::eval(&arguments),
        Command::Sql(arguments) => sql::sql(&arguments),
        Command::Status(arguments) => ask::status(&arguments),
        Command::Top(arguments) => top::top(&arguments),
        Command::Pause(arguments) => pause::pause(&arguments, true),
        Command::Resume(arguments) => pause::pause(&arguments, false),
        Command::Receipts(arguments) => ask::receipts(&arguments),
        Command::Reconcile(arguments) => ask::reconcile(&arguments),
        Command::Release(arguments) => ask::release(&arguments),
        Command::Rebuild(arguments) => rebuild::rebuild(&arguments),
        Command::Dlq(arguments) => dead_letters::dead_letters(&arguments),
        Command::State(arguments) => state::state(&arguments),
        Command::Tap(arguments) => tap::tap(&arguments),
        Command::Transform(arguments) => transform::transform(&arguments),
        Command::Dashboards(arguments) => dashboards::dashboards(&arguments),
        Command::NomadJob(arguments) => nomad_job::nomad_job(&arguments),
        Command::Explain(arguments) => explain::explain(&arguments),
        Command::SchemaJson(arguments) => {
            let schema = if arguments.connections { ::connections::schema() } else { topology::schema() };
            show::json(&schema);
            Ok(Exit::Fine)
        }
        Command::Completion(arguments) => {
            // Into memory first: a reader that goes away is no failure, but would be one in the middle of the script.
            let mut script = Vec::new();
            clap_complete::generate(arguments.shell, &mut for_people(), "spotlight", &mut script);
            show::line(String::from_utf8_lossy(&script).trim_end());
            Ok(Exit::Fine)
        }
        Command::Man(arguments) => man::man(&arguments, for_people()),
        Command::ClickHouseChild(arguments) => clickhouse_connector::serve(arguments.arguments)
            .map(|()| Exit::Fine)
            .map_err(|error| failure(Exit::Unreachable, crate::data::chain(&error), "")),
    }
}

/// The commands without those that the program keeps for itself.
fn for_people() -> clap::Command {
    let all = Arguments::command();
    let about = all.get_about().cloned().unwrap_or_default();
    let shown = all.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    clap::Command::new("spotlight")
        .about(about)
        .version(env!("CARGO_PKG_VERSION"))
        .args(all.get_arguments().cloned())
        .subcommands(shown)
}
