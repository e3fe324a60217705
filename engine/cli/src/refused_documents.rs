//! Refused documents that a person gives up: `dlq give-up FLOW --document NAME`.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;
use log::Log;
use runtime::{Receipt, Standing, Standings};
use serde_json::{Value, json};

use crate::access::Access;
use crate::exit::{Exit, failure};
use crate::show;

/// Most documents that are named where none was meant.
const NAMED: usize = 5;

impl Access {
    /// Gives up the refused documents of a flow, or of all flows of a topology, that have these names or keys.
    pub(crate) fn give_up_documents(&self, written: &str, wanted: &[String]) -> Result<Value> {
        let recorded = self.folder.knows(written)?;
        let shown = self.folder.flow_names()?;
        let (mut left, mut chosen, mut given_up) = (wanted.iter().collect::<BTreeSet<_>>(), Vec::new(), Vec::new());
        let mut others = BTreeSet::new();
        for (topology, flow) in self.flows()? {
            let name = format!("{topology}/{flow}");
            if recorded != name && recorded != topology {
                continue;
            }
            let (mut of_flow, log) = (Vec::new(), self.log.as_ref());
            for (partition, receipt) in runtime::refused_documents(log, &topology, &flow)? {
                let meant: Vec<&String> = wanted.iter().filter(|wanted| is_meant(wanted, &receipt)).collect();
                if meant.is_empty() {
                    others.insert(receipt.name);
                    continue;
                }
                left.retain(|wanted| !meant.contains(wanted));
                let stays = stays(log, (&topology, &flow), partition, &receipt)?;
                given_up.push(json!({
                    "flow": shown.shown(&name), "document": receipt.name, "code": receipt.code, "stays": stays,
                }));
                of_flow.push((partition, receipt.document, receipt.version));
            }
            if !of_flow.is_empty() {
                chosen.push((topology, flow, of_flow));
            }
        }
        if let Some(name) = left.first() {
            return Err(not_refused(&shown.shown(&recorded), name, &others));
        }
        // Of all that were named, or of none.
        for (topology, flow, documents) in &chosen {
            runtime::give_up_documents(self.log.as_ref(), (topology, flow), documents)?;
        }
        let running = chosen.iter().any(|(topology, ..)| self.revisions.contains_key(topology));
        Ok(json!({ "documents": given_up, "running": running }))
    }
}

/// Which rows of an earlier version a refused one has left where they are. To give it up takes none of them away.
fn stays(log: &dyn Log, (topology, flow): (&str, &str), partition: i32, refused: &Receipt) -> Result<Option<Standing>> {
    let mut receipts = runtime::receipts(runtime::ledger_of(log, topology, flow, partition)?);
    receipts.retain(|receipt| receipt.document == refused.document);
    receipts.sort_by_key(|receipt| (receipt.version, receipt.at));
    let mut standings = Standings::default();
    let mut stays = None;
    for receipt in &receipts {
        let standing = standings.take(receipt);
        if receipt.version == refused.version {
            stays = standing;
        }
    }
    Ok(stays)
}

fn is_meant(wanted: &str, receipt: &Receipt) -> bool {
    let file = Path::new(wanted).file_name().and_then(|name| name.to_str());
    wanted == receipt.document || wanted == receipt.name || file == Some(&receipt.name)
}

fn not_refused(flow: &str, name: &str, others: &BTreeSet<String>) -> anyhow::Error {
    let named: Vec<String> = others.iter().take(NAMED).map(|name| show::foreign(name)).collect();
    let more = if others.len() > NAMED { format!(", and {} more", others.len() - NAMED) } else { String::new() };
    let remedy = match named.is_empty() {
        true => format!("no document of {flow} is refused now; spotlight receipts says what became of each"),
        false => format!("those are: {}{more}", named.join(", ")),
    };
    failure(Exit::Usage, format!("`{}` is no document of {flow} that is refused now", show::foreign(name)), remedy)
}
