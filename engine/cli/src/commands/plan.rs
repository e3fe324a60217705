//! `plan`: shows what topologies mean, and what ClickHouse lacks. A run that is going on with the data folder is asked.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use clickhouse_connector::ClickHouse;
use connect::{Landing, Preflight};
use topology::plan as planned;

use super::check::load;
use crate::arguments::Plan;
use crate::control::{self, Question};
use crate::data::{self, DataFolder, KnownFlow, Server};
use crate::earlier::Earlier;
use crate::exit::{Exit, failure};
use crate::services::OpenLog;
use crate::{earlier, show, wiring};

pub(crate) fn plan(arguments: &Plan) -> Result<Exit> {
    let topologies = load(&arguments.files)?;
    for topology in &topologies {
        show::line(&topology::describe(topology));
    }
    let mut tables: Vec<(String, &planned::TableWrite)> = Vec::new();
    for topology in &topologies {
        for flow in &topology.flows {
            if let planned::To::Table(table) = &flow.to
                && !tables.iter().any(|(_, known)| known.table.name == table.table.name)
            {
                tables.push((format!("{}/{}", topology.name, flow.name), table));
            }
        }
    }
    if arguments.offline {
        for (_, table) in tables {
            show::line(&format!("table {} is made by:", table.table.name));
            let made = clickhouse_connector::statements(&table.table);
            for statement in made.map_err(|what| failure(Exit::Topology, what, "mend the table"))? {
                show::line(&format!("{statement};"));
            }
        }
        return Ok(Exit::Fine);
    }
    let folder = DataFolder::open(&arguments.data)?;
    let Stand { earlier, client, _server, _log } = stand(arguments, &folder, &topologies)?;
    let mut exit = Exit::Fine;
    for earlier in earlier {
        show::line(&earlier.text());
        if earlier.stops() {
            show::line(&format!("  to go on: {}", earlier.remedy()));
            exit = Exit::Destructive;
        }
    }
    let known = folder.known_flows()?;
    for (flow, table) in tables {
        let landing = wiring::landing(&client, table)?;
        let name = &table.table.name;
        match landing.preflight().map_err(|error| failure(Exit::Unreachable, data::chain(&error), ""))? {
            Preflight::Ready => show::line(&format!("table {name}: as planned")),
            Preflight::Missing { .. } if let Some(was) = table_before(&known, &flow, name) => {
                show::line(&format!("table {name}: missing; {flow} has landed in {was}"));
                show::line(&format!("  to go on: {}", super::ask::renamed(&flow, &was, name, true)));
                exit = Exit::Destructive;
            }
            Preflight::Missing { statements } => changed(&landing, name, "missing", &statements, arguments.apply)?,
            Preflight::Behind { statements } => changed(&landing, name, "lacks columns", &statements, arguments.apply)?,
            Preflight::Different { code, what, remedy } => {
                show::line(&format!("table {name}: {code} {what}\n  to go on: {remedy}"));
                exit = Exit::Destructive;
            }
        }
    }
    Ok(exit)
}

/// What a plan is compared with. The folder is owned for as long as this lives, unless a run owns it.
struct Stand {
    /// Records of schemas that cannot be read any more.
    earlier: Vec<Earlier>,
    client: ClickHouse,
    _server: Option<Server>,
    _log: Option<OpenLog>,
}

/// Asks the run that is going on; without one opens the folder.
fn stand(arguments: &Plan, folder: &DataFolder, topologies: &[planned::Topology]) -> Result<Stand> {
    let mut files = Vec::new();
    for file in &arguments.files {
        files.push(file.canonicalize().with_context(|| format!("cannot find {}", file.display()))?);
    }
    let of_run = control::ask(&folder.control(), &Question::Earlier { files })?;
    let client = match &arguments.clickhouse.clickhouse {
        Some(_) => Some(Server::elsewhere(&arguments.clickhouse)?.client()?),
        None => super::sql::client_of_run(folder)?,
    };
    if let (Some(earlier), Some(client)) = (of_run, client) {
        return Ok(Stand { earlier: serde_json::from_value(earlier)?, client, _server: None, _log: None });
    }
    let log = folder.log()?;
    let earlier = earlier::earlier(topologies, &*log, folder.schemas()?.as_ref())?;
    let server = Server::start(&arguments.clickhouse, folder)?;
    Ok(Stand { earlier, client: server.client()?, _server: Some(server), _log: Some(log) })
}

/// The table in which a flow's rows have landed, if the topology names another one now.
fn table_before(known: &BTreeMap<String, KnownFlow>, flow: &str, now: &str) -> Option<String> {
    known.get(flow)?.landing.as_ref()?.tables_before(now).pop()
}

fn changed(landing: &impl Landing, name: &str, how: &str, statements: &[String], apply: bool) -> Result<()> {
    show::line(&format!("table {name}: {how}; {}", if apply { "applied:" } else { "--apply would run:" }));
    for statement in statements {
        show::line(&format!("{statement};"));
    }
    if apply {
        landing.apply(statements).map_err(|error| failure(Exit::Unreachable, data::chain(&error), ""))?;
    }
    Ok(())
}
