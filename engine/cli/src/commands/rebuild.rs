//! `rebuild`: a word in the log that a flow is to read all once more, into a table beside the live one.

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use super::ask::ask;
use crate::arguments::{ClickHouseAt, Data, Format};
use crate::control::Question;
use crate::exit::Exit;
use crate::rebuild::Said;
use crate::{rebuild, show};

#[derive(Debug, Args)]
pub(crate) struct Rebuild {
    /// TOPOLOGY/FLOW; without it those are listed that are being rebuilt, or were.
    #[arg(value_name = "FLOW")]
    flow: Option<String>,
    /// Take it back, as long as the tables are not exchanged, and remove the table beside.
    #[arg(long, requires = "flow")]
    cancel: bool,
    /// Exchange the tables though the new mapping refuses documents whose rows are in the live one: those rows go.
    #[arg(long, requires = "flow", conflicts_with = "cancel")]
    accept_refused: bool,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    clickhouse: ClickHouseAt,
}

pub(super) fn rebuild(arguments: &Rebuild) -> Result<Exit> {
    let Rebuild { flow, cancel, accept_refused, format, data, clickhouse } = arguments;
    let said = match (cancel, accept_refused) {
        (true, _) => Said::Cancel,
        (_, true) => Said::AcceptRefused,
        _ => Said::Wish,
    };
    let clickhouse = flow.as_ref().map(|_| clickhouse);
    let answer = ask(data, clickhouse, &Question::Rebuild { flow: flow.clone(), said })?;
    if *format == Format::Json {
        show::json(&answer);
        return Ok(Exit::Fine);
    }
    let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
    match &answer {
        Value::Array(all) if all.is_empty() => show::prose("no flow is being rebuilt"),
        Value::Array(all) => all.iter().for_each(|one| show::prose(&rebuild::line(one))),
        answer if answer["cancelled"] == true => {
            let (flow, beside) = (text("flow"), text("beside"));
            let goes = if text("goes") == "now" { "is removed" } else { "goes with the next run" };
            let beside =
                if beside.is_empty() { "no table was made yet".to_owned() } else { format!("{beside} {goes}") };
            show::prose(&format!("the rebuild of {flow} is taken back; {beside}"));
        }
        answer if answer["accepted"] == true => {
            let goes_on = if text("begins") == "now" { "goes on" } else { "goes on with the next run of its topology" };
            show::prose(&format!(
                "the rebuild of {} {goes_on}, and rows of documents that it refuses go when the tables are exchanged",
                text("flow")
            ));
        }
        _ => {
            let (flow, table, beside) = (text("flow"), text("table"), text("beside"));
            let begins = match text("begins").as_str() {
                "now" => "begins now",
                "restart" => "begins when the run is started again, which has the topology as its file was earlier",
                _ => "begins with the next run of its topology",
            };
            if let Some(told) = lacking(&answer) {
                show::note(&told);
            }
            show::prose(&format!(
                "the rebuild of {flow} {begins}: all is read again into {beside}, while {table} stays as it is and live \
                 rows go on landing there; then the tables are exchanged\n  to see how far it is: spotlight rebuild\n  to \
                 take it back: spotlight rebuild {flow} --cancel"
            ));
        }
    }
    Ok(Exit::Fine)
}

/// That records which are read again have not all columns that the flow reads.
fn lacking(answer: &Value) -> Option<String> {
    let columns = answer["lacking_columns"].as_array().filter(|columns| !columns.is_empty())?;
    let columns: Vec<String> = columns.iter().filter_map(Value::as_str).map(|column| format!("`{column}`")).collect();
    let topic = answer["topic"].as_str().unwrap_or_default();
    let columns = columns.join(", ");
    let flow = answer["flow"].as_str().unwrap_or_default();
    Some(format!(
        "warning: records of {topic} were written before it had {columns}: what is made of them is null there\n  if that is \
         not meant: spotlight rebuild {flow} --cancel; a column that was renamed keeps its name in the topic, and gets the \
         new one in {flow}, by a step `- rename: {{ OLD: NEW }}`"
    ))
}
