//! The demonstration as a user runs it: the program, its exit status, and what it says. Needs the embedded ClickHouse.

mod watched;

use watched::{fresh, said, spotlight, text};

/// Words of the line that begins with a name.
fn line<'a>(said: &'a str, name: &str) -> Vec<&'a str> {
    let found = said.lines().find(|line| line.split_whitespace().next() == Some(name));
    found.expect("a line begins with the name").split_whitespace().collect()
}

#[test]
fn it_shows_all_feeds_and_a_republication_and_the_second_time_nothing_is_new() {
    let data = fresh("demonstration");
    let first = said(&["demo"], &data, 0);
    // Files, absent, refused, dead, repeats, rows in the table.
    for (feed, expected) in [
        ("dtcc-cftc-commodities", ["4", "1", "0", "20", "102", "3,980", "yes"]),
        ("dtcc-cftc-rates", ["4", "1", "0", "20", "102", "3,980", "yes"]),
        ("dtcc-sec-equities", ["4", "1", "0", "20", "102", "3,980", "yes"]),
        ("finra-short-volume", ["8", "2", "0", "0", "0", "16,000", "yes"]),
        ("nyse-short-volume", ["8", "0", "0", "0", "0", "14,000", "yes"]),
        ("sec-ftd", ["6", "1", "1", "3", "0", "99,997", "yes"]),
    ] {
        assert_eq!(line(&first, feed)[1..], expected, "{feed}");
    }
    for part in [
        "54 documents are new; 182,816 rows were read",
        "refused  cnsfails202511a.zip: E4210",
        "absent   CNMSshvol20260113.txt: an HTML page instead of data",
        "Second: the SEC silently replaces cnsfails202512a.zip",
        "1 document is new; 19,999 rows were read",
        "version 2  19,999 rows, 1 row of before withdrawn",
        "│ CFTC         │ IR          │     3980 │",
        "All is as the publishers know it.",
    ] {
        assert!(first.contains(part), "{part} is missing in\n{first}");
    }
    let folder = data.to_str().unwrap();
    let wide: Vec<&str> = first.lines().filter(|line| !line.contains(folder) && line.chars().count() > 80).collect();
    assert!(wide.is_empty(), "{wide:#?}");

    let second = said(&["demo"], &data, 0);
    assert!(second.contains("Nothing new: no document has changed, no row was added"), "{second}");
    assert_eq!(line(&second, "sec-ftd")[1..], ["6", "1", "1", "3", "0", "99,996", "yes"]);
    assert!(!second.contains("silently replaces"));

    let status: serde_json::Value = serde_json::from_str(&said(&["status", "--format", "json"], &data, 0)).unwrap();
    let flows = status["flows"].as_object().unwrap();
    assert_eq!(flows.keys().filter(|flow| !flow.starts_with("spotlight/")).count(), 13);
    for (flow, state) in flows {
        let total = &state["total"];
        let number = |name: &str| total[name].as_u64().unwrap();
        let sum = |name: &str| total[name].as_object().unwrap().values().map(|it| it.as_u64().unwrap()).sum::<u64>();
        let left = number("landed") + sum("outputs") + sum("dropped") + number("dead") + number("held");
        assert_eq!(number("rows_in") + number("expanded"), left, "{flow}");
        assert!(number("rows_in") > 0, "{flow}");
    }
    assert_eq!(status["open_dead_letters"], 8 * 20 + 3);
    let proof: serde_json::Value = serde_json::from_str(&said(&["reconcile", "--format", "json"], &data, 0)).unwrap();
    let landings = proof.as_array().unwrap();
    assert_eq!(landings.len(), 6, "four feeds' tables and two of the engine: {proof}");
    assert!(landings.iter().all(|one| one["ledger"].as_u64().unwrap() > 0 && one["gaps"] == 0 && one["repeats"] == 0));

    let refused = spotlight(&["run", concat!(env!("CARGO_MANIFEST_DIR"), "/../../topologies/sec-ftd.yaml")], &data);
    assert_eq!(refused.status.code(), Some(64));
    assert!(text(&refused.stderr).contains("synthetic rows"), "{}", text(&refused.stderr));
}

#[test]
fn synthetic_rows_stay_out_of_a_folder_of_other_runs() {
    let data = fresh("demonstration-others");
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(data.join("flows.json"), r#"{"a/b": {"topic": "a.b"}}"#).unwrap();
    let refused = spotlight(&["demo"], &data);
    assert_eq!(refused.status.code(), Some(64));
    assert!(text(&refused.stderr).contains("--data DIR"), "{}", text(&refused.stderr));
    assert!(!data.join("log").exists(), "nothing was started");
}
