//! `sql`: asks ClickHouse, whether or not a run is going on.

use std::io::ErrorKind;

use anyhow::Result;
use clickhouse_connector::{ClickHouse, ClickHouseError, ClickHouseSettings, Password};

use super::refusal;
use crate::arguments::Sql;
use crate::control::{self, Question};
use crate::data::{self, DataFolder, Server};
use crate::exit::{Exit, failure};

/// A login that is wrong, as ClickHouse numbers it; all else that it refuses is the query's.
const LOGIN: [u32; 4] = [192, 193, 194, 516];

pub(crate) fn sql(arguments: &Sql) -> Result<Exit> {
    let folder = match &arguments.clickhouse.clickhouse {
        // A ClickHouse of one's own is asked without a data folder.
        Some(_) => return ask(&Server::elsewhere(&arguments.clickhouse)?.client()?, arguments),
        None => DataFolder::existing(&arguments.data)?,
    };
    if let Some(client) = client_of_run(&folder)? {
        return ask(&client, arguments);
    }
    // The log's lock keeps a run from starting on the folder while its ClickHouse is in use here.
    let _owned = folder.log()?;
    let server = Server::start(&arguments.clickhouse, &folder)?;
    ask(&server.client()?, arguments)
}

/// The ClickHouse of the run that is going on with a data folder.
pub(super) fn client_of_run(folder: &DataFolder) -> Result<Option<ClickHouse>> {
    let Some(answer) = control::ask(&folder.control(), &Question::ClickHouse)? else { return Ok(None) };
    let text = |name: &str| answer.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    let settings = ClickHouseSettings::new(text("url"), text("user"), Password::new(text("password")));
    data::client(&settings).map(Some)
}

fn ask(client: &ClickHouse, arguments: &Sql) -> Result<Exit> {
    // Tables that replace rows are read as people mean them: the newest row of each key.
    let settings = [("final", "1")];
    let mut output = std::io::stdout().lock();
    match client.query_to(&arguments.query, &arguments.format, &settings, &mut output) {
        Ok(_) => Ok(Exit::Fine),
        Err(ClickHouseError::Server { code, message }) if !LOGIN.contains(&code) => {
            let (what, remedy) = refusal::told(code, &message, &arguments.query);
            Err(failure(Exit::Usage, what, remedy))
        }
        Err(error) => {
            let (exit, remedy) = match &error {
                ClickHouseError::Server { .. } => (
                    Exit::Environment,
                    "give user and password in SPOTLIGHT_CLICKHOUSE_USER and SPOTLIGHT_CLICKHOUSE_PASSWORD",
                ),
                // Who reads only the beginning has what they want.
                ClickHouseError::Output(cause) if cause.kind() == ErrorKind::BrokenPipe => return Ok(Exit::Fine),
                ClickHouseError::Output(_) => (Exit::Environment, "make room where the answer goes"),
                _ => (Exit::Unreachable, ""),
            };
            Err(failure(exit, data::chain(&error), remedy))
        }
    }
}
