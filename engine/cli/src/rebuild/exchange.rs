//! What happens when a rebuild ends: the exchange of the tables, or the removal of the one beside.

use anyhow::{Context, Result};
use connect::Landing;
use runtime::{Held, Rebuild, Stage, names};

use super::table::{ask, away, exchange, execute, exists, given_up, identity, is_ours, quoted, rows, rows_of_others};
use super::wish::{empties, lacks};
use super::{Means, One, forget, remember};
use crate::abort;
use crate::data::chain;
use crate::exit::{Exit, failure};
use crate::show;

/// What became of the rebuilds behind a pass: flows by the names that people see.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// Those that go by another table since: what was on hold of them was the generation of before.
    pub(crate) done: Vec<String>,
    /// The generations that took their place, in the same order.
    pub(crate) nexts: Vec<String>,
    /// Those that wait for a person.
    pub(crate) waits: Vec<String>,
}

/// Exchanges the tables of those rebuilds that have read all. Nothing of the run works. `held` is what is on hold. A live
/// flow may be: a table that the topology cannot use any more is what a rebuild mends.
pub(crate) fn settle(means: &Means<'_>, held: &[Held]) -> Result<Settled> {
    let mut settled = Settled::default();
    if means.folder.shares_the_log() {
        return Ok(settled);
    }
    let paused = runtime::paused_flows(means.log)?;
    for (first, rebuild) in runtime::rebuilds(means.log)? {
        let Stage::Building { table, beside, accept_refused, .. } = &rebuild.stage else { continue };
        let (table, beside, accept_refused) = (table.clone(), beside.clone(), *accept_refused);
        let mut one = One { means, first: &first, rebuild };
        let rests = paused.contains_key(&first) || held.iter().any(|held| held.flow == one.next());
        if rests || !one.has_read_all()? {
            continue;
        }
        let name = means.folder.flow_names()?.shown(&one.live());
        let lacking = runtime::lacking(means.log, &one.live(), &one.next())?;
        if !lacking.is_none() {
            show::note(&lacks(&name, &table, &lacking, accept_refused));
            if !accept_refused {
                settled.waits.push(name);
                continue;
            }
        }
        let done = means.patience.wait(|| one.exchange(&table, &beside, accept_refused), away);
        match done {
            Ok(false) => {
                settled.waits.push(name);
                continue;
            }
            Err(_) if means.patience.stop.stopping() => {}
            // Not while nobody knows which table is which.
            Err(error) if one.is_before()? => {
                one.refuse(format!("{error:#}"), format!("then spotlight rebuild {first}"))?;
            }
            done => drop(done.map_err(given_up).with_context(|| format!("the rebuild of {first}"))?),
        }
        if matches!(one.rebuild.stage, Stage::Done { .. }) {
            settled.nexts.push(one.live());
            settled.done.push(name);
        }
    }
    Ok(settled)
}

impl One<'_> {
    /// True if the generation beside has read all that the live one has ever landed, in every partition, and has nothing open.
    fn has_read_all(&self) -> Result<bool> {
        let known = self.means.folder.known_flows()?;
        let Some(known) = known.get(&self.live()) else { return Ok(false) };
        let landed = runtime::landed_before(self.means.log, &self.live(), &known.topic)?;
        Ok(runtime::has_read(self.means.log, &self.next(), &known.topic, &landed)?)
    }

    /// Ends what inserts of either generation may still be running, whoever began them.
    fn end_inserts(&self) -> Result<()> {
        for flow in [self.live(), self.next()] {
            let condition = format!("startsWith(query_id, '{flow}/') AND user = currentUser()");
            execute(self.means.client, &format!("KILL QUERY WHERE {condition} SYNC FORMAT Null"))?;
        }
        Ok(())
    }

    /// True if it is known that the tables are not exchanged.
    fn is_before(&self) -> Result<bool> {
        let Stage::Exchanging { table, before, .. } = &self.rebuild.stage else { return Ok(true) };
        Ok(identity(self.means.client, table).is_ok_and(|now| now == *before))
    }

    /// Exchanges the tables. False if it waits for a person: all rows would go, and `accepted` is not said.
    fn exchange(&mut self, table: &str, beside: &str, accepted: bool) -> Result<bool> {
        if matches!(self.rebuild.stage, Stage::Exchanging { .. }) {
            return self.finish().map(|()| true);
        }
        let client = self.means.client;
        self.end_inserts()?;
        let others = rows_of_others(client, table, &self.live())?;
        if !others.is_empty() {
            let (what, remedy) = super::wish::shared(self.first, table, &others);
            return self.refuse(what, remedy).map(|()| true);
        }
        let (before, after) = (identity(client, table)?, identity(client, beside)?);
        if before.is_empty() || after.is_empty() {
            let gone = if before.is_empty() { table } else { beside };
            return self
                .refuse(format!("table {gone} is gone"), format!("spotlight rebuild {} begins anew", self.first))
                .map(|()| true);
        }
        let [before_rows, after_rows] = [rows(client, table)?, rows(client, beside)?];
        if before_rows > 0 && after_rows == 0 && !accepted {
            show::note(&empties(self.first, table, before_rows));
            return Ok(false);
        }
        show::note(&format!(
            "{} is rebuilt: {table} has {}, and {} take their place",
            self.first,
            show::counted(before_rows, "row"),
            show::count(after_rows)
        ));
        self.say(Stage::Exchanging { table: table.to_owned(), beside: beside.to_owned(), before, after })?;
        abort::taken("rebuild-exchanging");
        self.finish().map(|()| true)
    }

    /// Exchanges the tables, if that was not done, and goes by the new generation from now on.
    pub(super) fn finish(&mut self) -> Result<()> {
        let Stage::Exchanging { table, beside, before, after } = self.rebuild.stage.clone() else { return Ok(()) };
        let (client, live) = (self.means.client, self.live());
        // An exchange that an earlier process has begun, too: its id begins as those of the inserts.
        self.end_inserts()?;
        if identity(client, &table)? == before {
            if identity(client, &beside)? != after {
                let what =
                    format!("{beside}, the table that was to take the place of {table}, was removed or replaced");
                return self
                    .refuse(what, format!("{table} stays as it is; spotlight rebuild {} begins anew", self.first));
            }
            exchange(client, &table, &beside, &format!("{}/exchange", self.next()))?;
        }
        if identity(client, &table)? != after {
            return Err(failure(
                Exit::Environment,
                format!("{table} is neither the table that was rebuilt nor the one that was to take its place"),
                format!("see `system.tables`: give the table of uuid {after} the name {table} again"),
            ));
        }
        abort::taken("rebuild-exchanged");
        remember(self.means.folder, self.first, self.rebuild.last)?;
        let [topology, flow] = names::parts(&live);
        runtime::supersede(self.means.log, self.means.system, topology, flow)?;
        self.rebuild = Rebuild { live: self.rebuild.last, ..self.rebuild.clone() };
        self.say(Stage::Done { beside: beside.clone() })?;
        abort::taken("rebuild-done");
        show::note(&format!(
            "{} goes by its rebuilt table {table}; the one of before is kept as {beside} until you remove it: spotlight \
             sql \"drop table {beside}\"",
            self.first
        ));
        Ok(())
    }

    /// Ends it without an exchange, and says why.
    pub(super) fn refuse(&mut self, what: String, remedy: String) -> Result<()> {
        show::note(&format!("{} is not rebuilt: {what}; {remedy}", self.first));
        let beside = match &self.rebuild.stage {
            Stage::Building { beside, .. } | Stage::Exchanging { beside, .. } => Some(beside.clone()),
            _ => None,
        };
        if let Err(error) = self.clean(beside.as_deref()) {
            show::note(&format!("what is left of it stays: {error:#}"));
        }
        self.say(Stage::Refused { what, remedy })
    }

    /// Removes the table beside, and closes what the generation has left.
    pub(super) fn clean(&self, beside: Option<&str>) -> Result<()> {
        let (client, next) = (self.means.client, self.next());
        if let Some(beside) = beside.filter(|beside| exists(client, beside).unwrap_or(true)) {
            self.end_inserts()?;
            if is_ours(client, beside, Some(&next))? {
                execute(client, &format!("DROP TABLE IF EXISTS {} SYNC", quoted(beside)))?;
            } else {
                show::note(&format!("{beside} stays: it is not of this rebuild alone"));
            }
        }
        let [topology, flow] = names::parts(&next);
        runtime::supersede(self.means.log, self.means.system, topology, flow)?;
        forget(self.means.folder, &next)
    }

    /// Makes a table beside the live one, as that is; as the plan says where the live one is none that the plan could use.
    pub(super) fn make(&self, table: &str, beside: &str, live: &dyn Landing, new: &dyn Landing) -> Result<()> {
        use connect::Preflight::{Behind, Different, Missing, Ready};
        let client = self.means.client;
        let statements =
            |landing: &dyn Landing| landing.preflight().map_err(|error| anyhow::anyhow!("{}", chain(&error)));
        let apply = |landing: &dyn Landing, of: &[String]| {
            landing.apply(of).map_err(|error| anyhow::anyhow!("{}", chain(&error)))
        };
        let mut looked = statements(live)?;
        if let Missing { statements: of } = &looked {
            apply(live, of)?;
            looked = statements(live)?;
        }
        if matches!(looked, Ready | Behind { .. }) {
            execute(client, &format!("CREATE TABLE IF NOT EXISTS {} AS {}", quoted(beside), quoted(table)))?;
        }
        match statements(new)? {
            Missing { statements } | Behind { statements, .. } => apply(new, &statements)?,
            Ready | Different { .. } => {}
        }
        let any = ask(client, &format!("SELECT count() FROM (SELECT 1 FROM {} LIMIT 1)", quoted(beside)))?;
        anyhow::ensure!(any == "0", "table {beside}, which is to be filled, holds rows of others");
        Ok(())
    }
}
