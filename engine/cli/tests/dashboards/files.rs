//! The files as such: those that are checked in are those that are written, and a folder that differs is told.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::program::{root, say};
use crate::shipped;
use crate::workplace::Workplace;

/// Files below a folder, as they are called from there.
fn files_of(folder: &Path) -> BTreeSet<String> {
    let (mut found, mut folders) = (BTreeSet::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).expect("a folder").flatten() {
            let path: PathBuf = entry.path();
            match path.is_dir() {
                true => folders.push(path),
                false => _ = found.insert(path.strip_prefix(folder).expect("below").display().to_string()),
            }
        }
    }
    found
}

#[test]
fn what_is_checked_in_is_what_is_written_for_the_shipped_feeds() {
    let workplace = Workplace::new();
    let out = workplace.path().join("dashboards").display().to_string();
    say(["dashboards", "topologies/", "--out", &out]).ends(0);
    assert_eq!(files_of(&shipped()), files_of(Path::new(&out)));
    // As a person would ask, in the folder of the repository.
    let said = say(["dashboards", "topologies/", "--out", "dashboards", "--check"]);
    assert_eq!(said.status, 0, "`spotlight dashboards topologies/ --out dashboards` writes them:\n{}", said.output);
    for shipped in files_of(&root().join("dashboards")) {
        assert!(said.output.contains(&format!("unchanged: dashboards/{shipped}")), "{}", said.output);
    }
}

#[test]
fn a_folder_that_differs_is_told_and_is_mended_by_writing() {
    let workplace = Workplace::new();
    let write = ["dashboards", "my-list.yaml", "--out", "watching"];
    let check = [&write[..], &["--check"]].concat();
    let said = workplace.say(&check).ends(1);
    assert!(said.output.contains("missing: watching/grafana/spotlight-overview.json"), "{}", said.output);
    assert!(!workplace.path().join("watching").exists(), "a check writes nothing");

    let said = workplace.say(&write).ends(0).output;
    let written: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("written: watching/")).collect();
    let there = files_of(&workplace.path().join("watching"));
    assert_eq!(written.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), there);
    assert!(workplace.say(&check).ends(0).output.lines().all(|line| line.starts_with("unchanged: ")));

    workplace.write("watching/prometheus/alerts.yaml", "groups: []\n");
    std::fs::remove_file(workplace.path().join("watching/grafana/spotlight-feed.json")).expect("removed");
    workplace.write("watching/grafana/of-somebody-else.json", "{}\n");
    let said = workplace.say(&check).ends(1);
    assert!(said.output.contains("differs: watching/prometheus/alerts.yaml"), "{}", said.output);
    assert!(said.output.contains("missing: watching/grafana/spotlight-feed.json"), "{}", said.output);
    assert!(said.errors.contains("2 files are not as they would be written"), "{}", said.errors);
    let said = workplace.say(&write).ends(0).output;
    assert_eq!(said.lines().filter(|line| line.starts_with("written: ")).count(), 2, "{said}");
    workplace.say(&check).ends(0);
    assert!(workplace.path().join("watching/grafana/of-somebody-else.json").exists());

    // Another feed is another answer.
    let other = [("topology: my-list", "topology: other-list"), ("demo.my_list", "demo.other_list")];
    workplace.write_changed("other.yaml", &other);
    workplace.say(&["dashboards", "my-list.yaml", "other.yaml", "--out", "watching", "--check"]).ends(1);
    // Who writes it beside the first loses the alerts of that one, and is told so.
    let told = "topologies that these files do not have: my-list\n";
    let said = workplace.say(&["dashboards", "other.yaml", "--out", "watching", "--check"]).ends(1).errors;
    assert!(said.contains(&format!("watching is for {told}")), "{said}");
    let said = workplace.say(&["dashboards", "other.yaml", "--out", "watching"]).ends(0).errors;
    assert!(said.contains(&format!("watching was for {told}")), "{said}");
    let said = workplace.say(&["dashboards", "my-list.yaml", "other.yaml", "--out", "watching"]).ends(0).errors;
    assert!(!said.contains("do not have"), "{said}");
}

#[test]
fn a_folder_that_cannot_be_written_and_a_wrong_topology_are_told() {
    let workplace = Workplace::new();
    let said = workplace.say(&["dashboards", "my-list.yaml", "--out", "my-list.yaml"]).ends(78);
    assert!(said.errors.contains("my-list.yaml/") && said.errors.contains("--out DIR"), "{}", said.errors);
    workplace.write_changed("wrong.yaml", &[("trim(symbol)", "trim(simbol)")]);
    workplace.say(&["dashboards", "wrong.yaml", "--out", "watching"]).ends(65);
    workplace.say(&["dashboards", "my-list.yaml"]).ends(64);
    assert!(!workplace.path().join("watching").exists());
}
