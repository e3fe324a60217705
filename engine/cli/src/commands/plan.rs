//! `plan`: shows what topologies mean, and what ClickHouse lacks.

use std::collections::BTreeMap;

use anyhow::Result;
use connect::{Landing, Preflight};
use topology::plan as planned;

use super::check::load;
use crate::arguments::Plan;
use crate::data::{self, DataFolder, KnownFlow, Server};
use crate::exit::{Exit, failure};
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
    let log = folder.log()?;
    let mut exit = Exit::Fine;
    for earlier in earlier::earlier(&topologies, &*log, folder.schemas()?.as_ref())? {
        show::line(&earlier.text());
        if earlier.stops() {
            show::line(&format!("  to go on: {}", earlier.remedy()));
            exit = Exit::Destructive;
        }
    }
    let server = Server::start(&arguments.clickhouse, &folder)?;
    let client = server.client()?;
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
