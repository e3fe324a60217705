//! What the demonstration says: for a person who sees Spotlight for the first time, in 80 columns.

use std::path::Path;

use anyhow::Result;
use clickhouse_connector::ClickHouse;
use publishers::{Document, World};
use runtime::Board;

use super::checks::Checked;
use crate::arguments::Data;
use crate::data;
use crate::exit::Exit;
use crate::show;

/// The default of `--data`, which need not be said.
const DEFAULT_DATA: &str = "spotlight-data";

/// Questions about the tables: what is asked, and how.
const QUESTIONS: [(&str, &str); 3] = [
    (
        "On which days did most shares fail to be delivered?",
        "select settlement_date, count() as securities, sum(quantity) as shares
  from regsho.fails_to_deliver
  group by settlement_date order by shares desc limit 4",
    ),
    (
        "How much of a day's volume was sold short?",
        "select source, date, count() as symbols,
         round(100 * sum(short_volume) / sum(total_volume), 1) as percent
  from regsho.short_volume
  group by source, date order by source, date desc limit 2 by source",
    ),
    (
        "Which swaps were reported, and how many amounts are capped?",
        "select jurisdiction, asset_class, count() as messages,
         countIf(action = 'NEWT') as new_trades,
         countIf(notional_1_capped) as capped
  from swaps.messages
  group by jurisdiction, asset_class order by jurisdiction, asset_class",
    ),
];

/// What is going to happen.
pub(super) fn opening(world: &World, data: &Path) {
    let documents: usize = world.feeds.iter().map(|feed| feed.documents.len()).sum();
    show::line(&format!(
        "Synthetic publishers on this machine publish {documents} documents for {} feeds,\n\
         in the formats and with the habits of the true ones. Nothing is fetched from a\n\
         network. Everything is kept in {}.",
        world.feeds.len(),
        data.display(),
    ));
}

pub(super) fn first_heading(again: bool) {
    show::heading(if again {
        "All documents are asked for again"
    } else {
        "First: everything that has been published is loaded"
    });
}

/// What a pass did, in a line.
pub(super) fn passed(board: &Board, took: i64) {
    let flows = board.flows();
    let feeds = || flows.iter().filter(|(name, _)| !name.starts_with("spotlight/")).map(|(_, state)| state);
    let found: u64 = feeds().map(|state| state.found).sum();
    let read: u64 = feeds().filter(|state| state.found > 0).map(|state| state.run.rows_in).sum();
    let came: u64 = feeds().map(|state| state.run.rows_in).sum();
    let took = show::duration(took);
    show::line(&if found == 0 && came == 0 {
        format!("Nothing new: no document has changed, no row was added ({took}).")
    } else if found == 1 {
        format!("1 document is new; {} rows were read ({took}).", show::count(read))
    } else {
        format!("{} documents are new; {} rows were read ({took}).", show::count(found), show::count(read))
    });
}

/// The feeds, and what was left out with the reason.
pub(super) fn feeds(checked: &Checked) {
    let rows = checked.feeds.iter().map(|feed| {
        vec![
            feed.name.to_owned(),
            show::count(feed.documents),
            show::count(feed.absent),
            show::count(feed.refused),
            show::count(feed.dead),
            show::count(feed.repeats),
            show::count(feed.rows),
            if feed.agrees { "yes" } else { "NO" }.to_owned(),
        ]
    });
    let header = ["=feed", "#files", "#absent", "#refused", "#dead", "#repeats", "#rows", "agrees"];
    show::table(&header, rows.collect());
    show::line(
        "\nabsent: asked for and not there      refused: not what it says it is, none taken\n\
         dead: bad rows, kept with a reason   repeats: ids of an earlier file, kept out\n\
         rows: now in the table               agrees: with what the publishers know of it",
    );
    for receipt in &checked.refused {
        // A line for what differs, and one for how the document ends.
        let message = receipt.message.replace("; ", ";\n         ");
        let told = show::wrapped(&format!("         {message}"), 80, 0);
        show::line(&format!("\nrefused  {}: {}\n{told}", receipt.name, receipt.code));
    }
    let pages = checked.absent.iter().filter(|(_, reason)| !reason.starts_with("status"));
    pages.for_each(|(name, reason)| show::line(&format!("absent   {name}: {reason}")));
}

pub(super) fn second_heading(world: &World) {
    let name = republished_document(world).map(|document| document.first.name.as_str()).unwrap_or_default();
    show::heading(&format!("Second: the SEC silently replaces {name}"));
}

/// What the re-publication did.
pub(super) fn republished(world: &World, checked: &Checked) {
    for receipt in &checked.republished {
        let withdrawn = match receipt.withdrawn {
            0 => String::new(),
            1 => ", 1 row of before withdrawn".to_owned(),
            many => format!(", {} rows of before withdrawn", show::count(many)),
        };
        let landed = show::count(receipt.counts.landed);
        show::line(&format!("version {}  {landed} rows{withdrawn}", receipt.version));
    }
    if let Some(sum) = republished_document(world).and_then(|document| document.second.as_ref()?.truth.sum) {
        show::line(&format!("The table holds version 2 only: {} adds up to {}.", sum.column, grouped(sum.value)));
    }
}

/// Asks the tables.
pub(super) fn questions(client: &ClickHouse) -> Result<()> {
    show::heading("Three questions");
    for (question, sql) in QUESTIONS {
        show::line(&format!("\n{question}\n\n  {sql}\n"));
        let answer = client.query_bytes(sql, "PrettyCompactMonoBlock", &[("final", "1")]);
        let answer = answer.map_err(|error| anyhow::anyhow!("{}", data::chain(&error)))?;
        show::line(String::from_utf8_lossy(&answer).trim_end());
    }
    Ok(())
}

/// That all is well, and what to try next.
pub(super) fn closing(data: &Data, took: i64) {
    show::heading(&format!("All is as the publishers know it. It took {}.", show::duration(took)));
    let options = options(data);
    show::line("Go on with:");
    for (command, about) in [
        ("demo", "again: it finds nothing new"),
        ("receipts", "what became of each document"),
        ("dlq ls", "the rows that could not be read, and why"),
        ("reconcile", "the proof that each row landed once"),
        ("sql \"show tables from swaps\"", "questions of your own"),
    ] {
        let command = format!("spotlight {command}{options}");
        // A long name of a folder gets a line of its own.
        let between = if command.len() <= 38 { "" } else { "\n     " };
        show::line(&format!("  {command:38}{between}  {about}"));
    }
}

/// What a command has to be told to find what the demonstration used.
fn options(data: &Data) -> String {
    let folder = Some(&data.data).filter(|folder| *folder != Path::new(DEFAULT_DATA));
    let named =
        [("--data", folder), ("--connections", data.connections.as_ref()), ("--secrets", data.secrets.as_ref())];
    let said = named.into_iter().filter_map(|(option, value)| Some(format!(" {option} {}", value?.display())));
    said.collect()
}

/// What is not as it should be. The status that it means.
pub(super) fn mistakes(checked: &Checked) -> Exit {
    show::heading("This is NOT as it should be");
    checked.mistakes.iter().for_each(|mistake| show::line(&format!("  {mistake}")));
    checked.holds.iter().for_each(|held| show::line(&format!("  to go on with {}: {}", held.flow, held.remedy)));
    if checked.holds.is_empty() { Exit::NotReconciled } else { Exit::Refused }
}

fn republished_document(world: &World) -> Option<&Document> {
    world.feeds.iter().flat_map(|feed| &feed.documents).find(|document| document.second.is_some())
}

fn grouped(number: u128) -> String {
    u64::try_from(number).map_or_else(|_| number.to_string(), show::count)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{DEFAULT_DATA, options};
    use crate::arguments::Data;

    #[test]
    fn commands_to_go_on_with_name_what_the_demonstration_was_told() {
        let data = |folder: &str, connections: Option<&str>, secrets: Option<&str>| Data {
            data: PathBuf::from(folder),
            connections: connections.map(PathBuf::from),
            secrets: secrets.map(PathBuf::from),
            instance: None,
        };
        assert_eq!(options(&data(DEFAULT_DATA, None, None)), "");
        assert_eq!(options(&data("d", None, None)), " --data d");
        assert_eq!(options(&data(DEFAULT_DATA, Some("c.yaml"), None)), " --connections c.yaml");
        assert_eq!(options(&data("d", Some("c.yaml"), Some("s"))), " --data d --connections c.yaml --secrets s");
    }
}
