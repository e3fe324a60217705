//! `plan`: shows what topologies mean, and what ClickHouse lacks. A run that is going on with the data folder is asked.
//! Where no run has used the folder yet, `plan` makes none, and is in the way of no run that starts meanwhile.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use clickhouse_connector::{ClickHouse, ClickHouseLanding};
use connect::{Landing, LandingError, LeftOver, Preflight};
use topology::plan as planned;

use super::check::load;
use crate::arguments::{Data, Plan};
use crate::control::{self, Question};
use crate::data::{self, DataFolder, KnownFlow, Server};
use crate::earlier::Earlier;
use crate::exit::{Exit, failure};
use crate::flow_names::{self, FlowNames};
use crate::services::{OpenLog, Services};
use crate::{earlier, keys, rebuild, show, temporary, wiring};

pub(crate) fn plan(arguments: &Plan) -> Result<Exit> {
    let mut topologies = load(&arguments.files)?;
    for topology in &topologies {
        show::line(&topology::describe(topology));
        topology.flows.iter().filter_map(asked_once).for_each(|line| show::line(&line));
    }
    if DataFolder::is_used(&arguments.data) {
        let known = DataFolder::open(&arguments.data)?.known_flows()?;
        rebuild::name(&mut topologies, &rebuild::live(&known));
    }
    let mut tables: Vec<(String, &planned::TableWrite)> = Vec::new();
    for topology in &topologies {
        for flow in &topology.flows {
            if let planned::To::Table(table) = &flow.to
                && !tables.iter().any(|(_, known)| known.table.name == table.table.name)
            {
                tables.push((flow_names::recorded_as(topology, flow), table));
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
    // In this order, as what comes first is let go last.
    let Stand { _folder, _log, _server, earlier, known, client } = stand(arguments, &topologies)?;
    let mut exit = Exit::Fine;
    for earlier in earlier {
        show::line(&earlier.text());
        if earlier.stops() {
            show::line(&format!("  to go on: {}", earlier.remedy()));
            exit = Exit::Destructive;
        } else {
            show::line(&format!("  {}", earlier.way_of_all()));
        }
    }
    keys::compared(&topologies, &known).iter().for_each(|note| show::line(note));
    let names = FlowNames::of_topologies(&topologies);
    for (flow, table) in tables {
        let name = &table.table.name;
        let Some(client) = &client else {
            let made = clickhouse_connector::statements(&table.table);
            let made = made.map_err(|what| failure(Exit::Topology, what, "mend the table"))?;
            told(name, "missing", &made, false);
            continue;
        };
        let landing = wiring::landing(client, table)?;
        match landing.preflight().map_err(|error| unreachable(&error))? {
            Preflight::Ready => {
                show::line(&format!("table {name}: as planned"));
                filled_no_more(landing.landing(), name)?;
            }
            Preflight::Missing { .. } if let Some(was) = table_before(&known, &flow, name) => {
                let flow = names.shown(&flow);
                show::line(&format!("table {name}: missing; {flow} has landed in {was}"));
                show::line(&format!("  to go on: {}", super::ask::renamed(&flow, &was, name, true)));
                exit = Exit::Destructive;
            }
            Preflight::Missing { statements } => {
                told(name, "missing", &statements, arguments.apply);
                apply(&landing, &statements, arguments.apply)?;
            }
            // Which of the two is meant only a person knows, and once they are added it is too late to rename.
            Preflight::Behind { statements, left_over } if arguments.apply && left_over.rename.is_some() => {
                let left = connect::told_left_over(name, &left_over);
                show::line(&format!("table {name}: lacks columns{left}; nothing is applied"));
                let add = connect::commands(&statements);
                show::line(&format!("  to go on: that command; or, if it is a new column: {add}"));
                exit = Exit::Destructive;
            }
            Preflight::Behind { statements, left_over } => {
                // Once they are added it is too late to rename.
                let left_over = if arguments.apply { LeftOver::default() } else { left_over };
                let lacks = format!("lacks columns{}", connect::told_left_over(name, &left_over));
                told(name, &lacks, &statements, arguments.apply);
                apply(&landing, &statements, arguments.apply)?;
                if arguments.apply {
                    filled_no_more(landing.landing(), name)?;
                }
            }
            Preflight::Different { code, what, remedy } => {
                let remedy = connect::for_flow(&remedy, &names.shown(&flow));
                show::line(&format!("table {name}: {code} {what}\n  to go on: {remedy}"));
                exit = Exit::Destructive;
            }
        }
    }
    Ok(exit)
}

/// What is said of a flow whose publisher is not asked again for a document that is there: what it corrects under the same
/// name is never seen.
fn asked_once(flow: &planned::Flow) -> Option<String> {
    let planned::From::Documents(documents) = &flow.from else { return None };
    let planned::SourcePlan::Http(http) = &documents.source else { return None };
    http.recheck_for.is_none().then(|| {
        format!(
            "{}: no `recheck`: a document that is there is not asked for again, and what its publisher corrects under the \
             same name is not seen; `recheck: {{ for: 14d }}` in `http` asks again for that long",
            flow.name
        )
    })
}

/// What a plan is compared with. The folder is owned for as long as this lives, unless a run owns it.
#[derive(Default)]
struct Stand {
    /// Records of schemas that cannot be read any more.
    earlier: Vec<Earlier>,
    /// The flows that ever ran on the folder.
    known: BTreeMap<String, KnownFlow>,
    /// `None` where there is no ClickHouse yet: every table is missing.
    client: Option<ClickHouse>,
    _server: Option<Server>,
    _log: Option<OpenLog>,
    /// Stands in for a data folder that is not there.
    _folder: Option<temporary::Folder>,
}

/// What there is to compare with. Only `--apply` makes a data folder.
fn stand(arguments: &Plan, topologies: &[planned::Topology]) -> Result<Stand> {
    if arguments.apply || DataFolder::is_used(&arguments.data) {
        return stand_on(arguments, &DataFolder::open(&arguments.data)?, topologies);
    }
    let services = Services::read(&arguments.data)?;
    let elsewhere = arguments.clickhouse.clickhouse.is_some() || services.clickhouse()?.is_some();
    if !elsewhere && !services.shares_the_log() {
        return Ok(Stand::default());
    }
    let temporary = temporary::Folder::make()?;
    let at = Data { data: temporary.path().join("data"), ..arguments.data.clone() };
    let stand = stand_on(arguments, &DataFolder::open(&at)?, topologies)?;
    Ok(Stand { _folder: Some(temporary), ..stand })
}

/// Asks the run that is going on; without one opens the folder.
fn stand_on(arguments: &Plan, folder: &DataFolder, topologies: &[planned::Topology]) -> Result<Stand> {
    let mut files = Vec::new();
    for file in &arguments.files {
        files.push(file.canonicalize().with_context(|| format!("cannot find {}", file.display()))?);
    }
    let known = folder.known_flows()?;
    let of_run = control::ask(&folder.control(), &Question::Earlier { files })?;
    let client = match &arguments.clickhouse.clickhouse {
        Some(_) => Some(Server::elsewhere(&arguments.clickhouse)?.client()?),
        None => super::sql::client_of_run(folder)?,
    };
    if let (Some(earlier), Some(client)) = (of_run, client) {
        let earlier = serde_json::from_value(earlier)?;
        return Ok(Stand { earlier, known, client: Some(client), ..Stand::default() });
    }
    let log = folder.log()?;
    flow_names::refuse(topologies, &known, &*log)?;
    keys::refuse(topologies, &known, &*log)?;
    earlier::refuse_partitions(topologies, &*log)?;
    let earlier = earlier::earlier(topologies, &*log, folder.schemas()?.as_ref())?;
    let server = Server::start(&arguments.clickhouse, folder)?;
    let client = Some(server.client()?);
    Ok(Stand { earlier, known, client, _server: Some(server), _log: Some(log), _folder: None })
}

/// The table in which a flow's rows have landed, if the topology names another one now.
fn table_before(known: &BTreeMap<String, KnownFlow>, flow: &str, now: &str) -> Option<String> {
    known.get(flow)?.landing.as_ref()?.tables_before(now).pop()
}

fn told(name: &str, how: &str, statements: &[String], apply: bool) {
    show::line(&format!("table {name}: {how}; {}", if apply { "applied:" } else { "--apply would run:" }));
    for statement in statements {
        show::line(&format!("{statement};"));
    }
}

/// Says which columns of a table no flow fills any more.
fn filled_no_more(landing: &ClickHouseLanding, table: &str) -> Result<()> {
    for column in landing.filled_no_more().map_err(|error| unreachable(&error))? {
        show::line(&format!(
            "  its column `{column}` is filled no more, and old rows keep what they have there; without it: spotlight sql \
             'ALTER TABLE {table} DROP COLUMN `{column}`'"
        ));
    }
    Ok(())
}

fn apply(landing: &impl Landing, statements: &[String], apply: bool) -> Result<()> {
    if apply { landing.apply(statements).map_err(|error| unreachable(&error)) } else { Ok(()) }
}

fn unreachable(error: &LandingError) -> anyhow::Error {
    failure(Exit::Unreachable, data::chain(error), "")
}
