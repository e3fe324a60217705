//! `plan`: shows what topologies mean, and what ClickHouse lacks.

use anyhow::Result;
use connect::{Landing, Preflight};
use topology::plan as planned;

use super::check::load;
use crate::arguments::Plan;
use crate::data::{self, DataFolder, Server};
use crate::exit::{Exit, failure};
use crate::{earlier, show, wiring};

pub(crate) fn plan(arguments: &Plan) -> Result<Exit> {
    let topologies = load(&arguments.files)?;
    for topology in &topologies {
        show::line(&topology::describe(topology));
    }
    let mut tables: Vec<&planned::TableWrite> = Vec::new();
    for flow in topologies.iter().flat_map(|topology| &topology.flows) {
        if let planned::To::Table(table) = &flow.to
            && !tables.iter().any(|known| known.table.name == table.table.name)
        {
            tables.push(table);
        }
    }
    if arguments.offline {
        for table in tables {
            show::line(&format!("table {} is made by:", table.table.name));
            let made = clickhouse_connector::statements(&table.table);
            for statement in made.map_err(|what| failure(Exit::Topology, what, "mend the table"))? {
                show::line(&format!("{statement};"));
            }
        }
        return Ok(Exit::Fine);
    }
    let folder = DataFolder::open(&arguments.data.data)?;
    let log = folder.log()?;
    let mut exit = Exit::Fine;
    for earlier in earlier::earlier(&topologies, &log, &folder.schemas()?)? {
        show::line(&earlier.text());
        if earlier.stops() {
            show::line(&format!("  to go on: {}", earlier.remedy()));
            exit = Exit::Destructive;
        }
    }
    let server = Server::start(&arguments.clickhouse, &folder)?;
    let client = server.client()?;
    for table in tables {
        let landing = wiring::landing(&client, table)?;
        let name = &table.table.name;
        match landing.preflight().map_err(|error| failure(Exit::Unreachable, data::chain(&error), ""))? {
            Preflight::Ready => show::line(&format!("table {name}: as planned")),
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
