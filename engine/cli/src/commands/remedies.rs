//! What can have made a table differ from its ledger, and the commands that help. In words for people.

use serde_json::Value;

use crate::reconcile::BEFORE_REBUILD;
use crate::{rebuild, show};

/// What is told below the differences of a landing, or of a table's rows that are of none. Where the table was renamed
/// in the file, that is the cause, and told by itself.
pub(super) fn remedies(landing: &Value) -> Vec<String> {
    let number = |name: &str| landing[name].as_u64().unwrap_or(0);
    let Some(table) = landing["table"].as_str() else { return Vec::new() };
    let Some(flow) = landing["flow"].as_str() else { return of_no_flow(landing, table) };
    let recorded = landing["recorded_as"].as_str().unwrap_or(flow);
    if !landing["earlier_table"].is_null() {
        return Vec::new();
    }
    let append = landing["rows"] == "append";
    let own = landing["only_landing"].as_str();
    let again = |take_out: bool| {
        let again = again((flow, recorded), own, table, take_out);
        match landing["waits_behind"].as_str() {
            None => again,
            Some(before) => format!(
                "These rows are of {before}, which {flow} read before. First give it that topic back in its file. {again}. \
                 Then name the topic of now again"
            ),
        }
    };
    let mut told = Vec::new();
    if landing["table_missing"] == true {
        told.push(format!(
            "{table} was dropped or renamed. To have it made and all of {flow} landed again, while no run is going on: \
             spotlight release {flow} --from earliest, then run its topology"
        ));
        return told;
    }
    if let Some(refused) = landing["table_refused"].as_str() {
        told.push(format!(
            "{table} was altered, or another one is in its place; ClickHouse says: {refused}. spotlight plan FILE shows \
             how the table should be: bring it back, or rename what is there, and have all of {flow} landed again, while no \
             run is going on: spotlight release {flow} --from earliest, then run its topology"
        ));
        return told;
    }
    if number("gaps") > 0 {
        told.push(format!(
            "gaps: rows were deleted from {table}, the table came from an older copy, or release --from end left them out. \
             {}",
            again(append)
        ));
    }
    if number("repeats") > 0 {
        let optimize = format!("spotlight sql \"optimize table {table} final");
        let same = format!("{optimize} deduplicate by * except(_loaded_at)\"");
        told.push(match (append, landing["read_again"] == true) {
            (true, true) => format!(
                "repeats: release --from landed rows a second time, or somebody inserted them again. Where both are the \
                 same: {same}. Where the file makes them otherwise than before, that leaves both. {}",
                again(true)
            ),
            (true, false) => format!("repeats: somebody inserted them again. To go on: {same}"),
            (false, _) => format!(
                "repeats: somebody inserted them again; who reads the table does not see them. To go on: {optimize}\""
            ),
        });
    }
    if number("strays") > 0 && landing["read_again"] == true {
        told.push(format!(
            "strays: release --from had {flow} read its input again, and rows of the earlier reading that the later one \
             does not make, or makes under another key, stayed in {table}; or somebody wrote them. {}",
            again(true)
        ));
    } else if number("strays") > 0 {
        told.push(format!(
            "strays: somebody wrote rows as if {flow} had landed them, its ledger is older than {table}, or release \
             --from left out what a run that was killed had begun to land. {}",
            again(true)
        ));
    }
    told.extend(of_earlier_revisions(landing, (flow, recorded), table));
    told
}

/// Changes of a table's rows that the server cannot carry out. The engine orders none: whoever did may think that they
/// are done.
pub(super) fn failed_mutations(landing: &Value) -> Vec<String> {
    let Some((database, name)) = landing["table"].as_str().and_then(|table| table.split_once('.')) else {
        return Vec::new();
    };
    let failed = landing["failed_mutations"].as_array().into_iter().flatten();
    let told = failed.map(|one| {
        let text = |field: &str| batch::excerpt(one[field].as_str().unwrap_or_default().as_bytes(), 300);
        format!(
            "failed: a change of {database}.{name} that somebody ordered is not done, and ClickHouse tries it again and \
             again: `{}`: {}. To take it back: spotlight sql \"kill mutation where database = '{database}' and table = \
             '{name}' and mutation_id = '{}'\"",
            text("command"),
            text("reason"),
            text("id")
        )
    });
    told.collect()
}

/// That rows stand which the topology as it is now may make in another way. The engine's own tables are not anybody's to
/// land again.
fn of_earlier_revisions(landing: &Value, (flow, recorded): (&str, &str), table: &str) -> Option<String> {
    let rows = landing["earlier_revisions"].as_u64().filter(|&rows| rows > 0 && !flow.starts_with("spotlight/"))?;
    Some(format!(
        "{} of {table} landed by earlier revisions of the topology of {flow}: where its logic or keys have changed since, \
         they are as they were. {}",
        show::counted(rows, "row"),
        again((flow, recorded), landing["only_landing"].as_str(), table, true)
    ))
}

/// How all rows of a flow, by its name and as `_landing` names it, land again. Rows that do not replace each other are
/// taken out first.
/// `own`: the only `_landing` of which rows come again, where the table has others of the flow.
fn again((flow, recorded): (&str, &str), own: Option<&str>, table: &str, take_out: bool) -> String {
    let rows = own.map_or_else(|| rebuild::rows_of(recorded), |own| format!("_landing = '{own}'"));
    let delete = match take_out {
        true => format!("spotlight sql \"delete from {table} where {rows}\", then "),
        false => String::new(),
    };
    format!(
        "To land all of it again, while no run is going on: {delete}spotlight release {flow} --from earliest, then run its \
         topology"
    )
}

/// Rows under a name that no ledger here answers for.
fn of_no_flow(landing: &Value, table: &str) -> Vec<String> {
    let strays = landing["differences"].as_array().into_iter().flatten().filter(|one| one["kind"] == "stray");
    let names = strays.filter_map(|one| {
        let mut parts = one["place"].as_str()?.split('`').skip(1);
        Some((parts.next()?, parts.last().is_some_and(|whose| whose.ends_with(BEFORE_REBUILD))))
    });
    // A quote could end the text of the query, and a long name is not told whole.
    let names = names.filter(|(name, _)| !name.contains(['\'', '\\', '…']));
    names
        .map(|(name, before_rebuild)| {
            let cause = match before_rebuild {
                true => {
                    "were replaced by a rebuild, and the table that it had kept was put back. If those of since are to \
                     come back, exchange the tables again"
                }
                false => "come from a data folder that is gone or is another one, or somebody wrote them",
            };
            format!(
                "strays: the rows of `{name}` {cause}. If they are not wanted: spotlight sql \"delete from {table} where \
                 _landing = '{name}'\""
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::remedies;

    #[test]
    fn each_kind_of_difference_has_a_cause_and_a_command() {
        let landing = |rows: &str, gaps: u64, repeats: u64, strays: u64| json!({ "flow": "a/b", "table": "demo.t", "rows": rows, "gaps": gaps, "repeats": repeats, "strays": strays });
        let (release, delete) = ("spotlight release a/b --from earliest", "sql \"delete from demo.t where startsWith(");
        let cases: [(_, &[&str], &[&str]); 6] = [
            (landing("append", 0, 0, 0), &[], &["o"]),
            (landing("append", 1, 0, 0), &["gaps: ", release, delete], &["repeats"]),
            (landing("by-key", 1, 0, 0), &["gaps: ", release], &[delete]),
            (
                landing("append", 0, 1, 0),
                &["optimize table demo.t final deduplicate by * except(_loaded_at)"],
                &["gaps"],
            ),
            (landing("by-key", 0, 1, 0), &["optimize table demo.t final\""], &["gaps"]),
            (landing("by-document", 0, 0, 1), &["strays: ", release, delete], &["gaps"]),
        ];
        for (landing, told, untold) in cases {
            let said = remedies(&landing).join("\n");
            assert!(told.iter().all(|part| said.contains(part)), "{landing}: {said}");
            assert!(!untold.iter().any(|part| said.contains(part)), "{landing}: {said}");
        }
        let mut again = landing("by-key", 0, 0, 1);
        again["read_again"] = json!(true);
        again["earlier_revisions"] = json!(2000);
        let said = remedies(&again);
        let mut twice = landing("append", 0, 1, 0);
        twice["read_again"] = json!(true);
        let text = remedies(&twice).join("\n");
        assert!(text.contains("deduplicate by") && text.contains(release) && text.contains(delete), "{text}");
        assert!(said[0].starts_with("strays: release --from had a/b read its input again"), "{said:?}");
        assert!(said[1].starts_with("2,000 rows of demo.t landed by earlier revisions"), "{said:?}");
        assert!(said.iter().all(|line| line.contains(release) && line.contains(delete)), "{said:?}");
        let mut renamed = landing("append", 1, 0, 0);
        renamed["earlier_table"] = json!({ "table": "demo.was" });
        assert!(remedies(&renamed).is_empty(), "it is told by itself");
        let places = ["_landing `x/y/0`, of x/y, landed from another log", "_landing `it's`, which no landing writes"];
        let differences: Vec<_> = places.iter().map(|place| json!({ "kind": "stray", "place": place })).collect();
        let said = remedies(&json!({ "flow": null, "table": "demo.t", "strays": 2, "differences": differences }));
        assert!(said.len() == 1 && said[0].contains("where _landing = 'x/y/0'\""), "{said:?}");
    }
}
