//! `nomad-job`: what it prints is what `nomad/` holds, and what it refuses. Whether such jobs run is for the test `nomad`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use expect_test::expect_file;

use crate::program::{Said, root, spotlight};
use crate::workplace::Workplace;

/// The jobs of `nomad/`, and the words by which each is printed in that folder.
const JOBS: [(&str, &[&str]); 3] = [
    ("feed.nomad.hcl", &["../topologies/sec-ftd.yaml"]),
    (
        "group.nomad.hcl",
        &[
            "../topologies/swaps.yaml",
            "../topologies/dtcc-cftc-commodities.yaml",
            "../topologies/dtcc-cftc-credits.yaml",
            "../topologies/dtcc-cftc-equities.yaml",
            "../topologies/dtcc-cftc-forex.yaml",
            "../topologies/dtcc-cftc-rates.yaml",
            "../topologies/dtcc-sec-credits.yaml",
            "../topologies/dtcc-sec-equities.yaml",
            "../topologies/dtcc-sec-rates.yaml",
            "--name",
            "swaps",
        ],
    ),
    ("shared.nomad.hcl", &["../topologies/sec-ftd.yaml", "--connections", "connections.yaml", "--count", "3"]),
];

fn folder() -> PathBuf {
    root().join("nomad")
}

fn printed(words: &[&str]) -> Said {
    let mut command = spotlight([&["nomad-job"], words].concat());
    command.current_dir(folder()).env_remove("SPOTLIGHT_CONNECTIONS");
    command.output().expect("the program starts").into()
}

/// `UPDATE_EXPECT=1 cargo test --workspace --test commands jobs` writes them anew.
#[test]
fn the_jobs_of_the_folder_are_those_that_the_program_prints() {
    for (file, words) in JOBS {
        let said = printed(words).ends(0);
        assert_eq!(said.errors, "", "{file}");
        expect_file![folder().join(file)].assert_eq(&said.output);
    }
}

#[test]
fn what_a_job_carries_is_enough_to_load_its_topologies() {
    for (_, words) in JOBS {
        let said = printed(words).ends(0);
        let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let (files, topologies) = (list(&said.output, "default = ["), list(&said.output, "topologies = ["));
        assert!(!topologies.is_empty() && topologies.iter().all(|file| files.contains(file)), "{files:?}");
        for file in &files {
            let to = place.path().join(file);
            std::fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
            std::fs::copy(root().join(file), to).expect("a file of the project");
        }
        let checked: Said =
            spotlight(["check"]).current_dir(place.path()).args(&topologies).output().expect("it starts").into();
        checked.ends(0);
    }
}

/// The texts of a list of a job that stands over several lines.
fn list(job: &str, begins: &str) -> Vec<String> {
    let lines = job.lines().skip_while(|line| line.trim() != begins).skip(1);
    let lines = lines.take_while(|line| line.trim() != "]");
    lines.map(|line| line.trim().trim_end_matches(',').trim_matches('"').to_owned()).collect()
}

#[test]
fn the_example_environment_names_the_variables_of_the_jobs() {
    let text = std::fs::read_to_string(folder().join("example.env")).expect("a file");
    let named = text.lines().filter_map(|line| line.strip_prefix("NOMAD_VAR_")?.split('=').next());
    let named: BTreeSet<String> = named.map(str::to_owned).collect();
    let mut known = BTreeSet::new();
    for (file, _) in JOBS {
        let text = std::fs::read_to_string(folder().join(file)).expect("a job");
        let names = text.lines().filter_map(|line| line.strip_prefix("variable \"")?.strip_suffix("\" {"));
        known.extend(names.map(str::to_owned));
    }
    // What a job is made of is printed into it.
    known.remove("files");
    assert_eq!(named, known);
}

#[test]
fn jobs_that_cannot_run_are_not_printed() {
    let workplace = Workplace::new();
    let kafka = "kafka: { servers: [\"localhost:9092\"] }\nregistry: { url: \"http://localhost:8081\" }\n";
    workplace.write("kafka.yaml", &format!("{kafka}shared-folder: /documents\n"));
    workplace.write("relative.yaml", &format!("{kafka}shared-folder: documents\n"));
    workplace.write("warehouse.yaml", "clickhouse: { url: \"http://localhost:8123\" }\n");
    let alike =
        "clickhouse: { url: \"http://localhost:8123\", login: { user: { secret: a/b }, password: { secret: a-b } } }\n";
    workplace.write("alike.yaml", alike);
    workplace.write("brackets.yaml", "about: \"[[~\"\n");
    workplace.write_changed("brackets-feed.yaml", &[("about: A daily list.", "about: \"[[~\"")]);
    let two = ["topologies/swaps.yaml", "topologies/dtcc-sec-rates.yaml"];
    let feed = "topologies/sec-ftd.yaml";
    let cases: [(&[&str], i32, &str); 13] = [
        (&two, 64, "has no name yet"),
        (&[two[0], two[1], "--name", "both", "--shape", "feed"], 64, "has one topology"),
        (&[feed, "--shape", "shared"], 64, "only a log on Kafka can be shared"),
        (&[feed, "--shape", "shared", "--connections", "warehouse.yaml"], 64, "only a log on Kafka can be shared"),
        (&[feed, "--shape", "feed", "--connections", "kafka.yaml"], 64, "shares partitions"),
        (&[feed, "--count", "2"], 64, "one process owns a data folder"),
        (&[feed, "--count", "0"], 64, "--count"),
        (&[feed, "--name", "Big Job"], 64, "lower-case letters"),
        (&[feed, "--connections", "relative.yaml"], 78, "another place on each node"),
        (&[feed, "--connections", "alike.yaml"], 78, "would have one name"),
        (&[feed, "--connections", "brackets.yaml"], 78, "take for its own"),
        (&["brackets-feed.yaml"], 64, "take for its own"),
        (&["absent.yaml"], 65, "absent.yaml"),
    ];
    for (words, status, told) in cases {
        let mut command = workplace.command(&[&["nomad-job"], words].concat());
        let said: Said = command.env_remove("SPOTLIGHT_CONNECTIONS").output().expect("it starts").into();
        let said = said.ends(status);
        assert!(said.errors.contains(told) && said.output.is_empty(), "{words:?}: {said:?}");
    }
}

#[test]
fn who_prints_a_job_is_told_what_may_surprise_on_a_node() {
    let workplace = Workplace::new();
    workplace.write(
        "kafka.yaml",
        "kafka: { servers: [\"localhost:9092\"] }\nregistry: { url: \"http://localhost:8081\" }\nshared-folder: /documents\n",
    );
    let said = workplace.say(&["nomad-job", "my-list.yaml"]).ends(0);
    assert!(said.errors.contains("my-list/load looks into `lists`"), "{}", said.errors);
    let said = workplace.say(&["nomad-job", "topologies/sec-ftd.yaml", "--connections", "kafka.yaml", "--count", "9"]);
    let said = said.ends(0);
    assert!(said.errors.contains("of 9 processes only 4 have work at a time"), "{}", said.errors);
}
