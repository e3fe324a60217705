//! The commands of README.md, as they stand there and in their order.

use publishers::ftd::{Half, Options, ftd};

use crate::page::Reader;
use crate::workplace::Workplace;

/// Who runs the commands that are not the program's.
const ELSEWHERE: [(&str, &str); 1] = [("./test", ".ci/run")];

#[test]
fn every_command_of_the_readme_works() {
    let workplace = Workplace::new();
    let file = ftd(7, (2020, 9), Half::A, 300, Options::default());
    assert_eq!(file.name, "cnsfails202009a.zip", "the README names this file");
    std::fs::create_dir(workplace.path().join("documents")).expect("a folder");
    std::fs::write(workplace.path().join("documents").join(&file.name), &file.bytes).expect("a file");
    // `the_demonstration_moves_onto_kafka_by_the_readme` of the test `shared` runs these.
    let reader = Reader::new(&workplace, &ELSEWHERE)
        .without(|line| line.starts_with("services/") || line.contains("--connections"));
    let ran = reader.read("README.md");
    assert!(ran >= 10, "only {ran} commands were found in README.md");
    let rows = workplace.say(&["sql", "--format", "TSV", "select count() from regsho.fails_to_deliver"]).ends(0);
    assert_eq!(rows.output.trim(), file.truth.rows.to_string());
    let rows = workplace.say(&["sql", "--format", "TSV", "select columns('^[^_]') from demo.my_list order by 2"]);
    assert!(rows.ends(0).output.starts_with("2026-01-05\tABC\t12"));
}
