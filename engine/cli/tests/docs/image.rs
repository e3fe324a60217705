//! The `Dockerfile` as text: pinned bases, a locked build, a user that is not root; and its health check, run against a
//! run of the program. No engine is here, so no image was built.

use std::process::Command;

use crate::program::{Process, root, spotlight, until};

/// The instructions, each in one line.
fn instructions() -> Vec<String> {
    let text = std::fs::read_to_string(root().join("Dockerfile")).expect("Dockerfile");
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let whole = lines.join("\n").replace("\\\n", " ");
    whole.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn the_image_is_built_from_pinned_bases_and_runs_without_root() {
    let all = instructions();
    let bases: Vec<&String> = all.iter().filter(|line| line.starts_with("FROM ")).collect();
    assert_eq!(bases.len(), 2, "{bases:?}");
    let toolchain = std::fs::read_to_string(root().join("rust-toolchain.toml")).expect("the toolchain");
    let toolchain = toolchain.split('"').nth(1).expect("a version");
    assert!(bases[0].starts_with(&format!("FROM rust:{toolchain}-")), "{bases:?} is not {toolchain}");
    assert!(all.contains(&format!("ENV RUSTUP_TOOLCHAIN={toolchain}")), "{all:?}");
    assert!(bases[1].chars().any(|letter| letter.is_ascii_digit()) && !bases[1].contains("latest"), "{bases:?}");
    let build = all.iter().find(|line| line.contains("cargo build")).expect("a build");
    assert!(
        build.contains("--locked") && build.contains("--release") && build.contains("SPOTLIGHT_COMMIT="),
        "{build}"
    );
    let user = all.iter().rposition(|line| line.starts_with("USER ")).expect("a user");
    assert!(!all[user].contains("root") && !all[user].starts_with("USER 0"), "{}", all[user]);
    assert!(all[user..].iter().all(|line| !line.starts_with("RUN ")), "something runs behind USER");
    // What it copies is there, and is not kept from it.
    let passed = std::fs::read_to_string(root().join(".dockerignore")).expect(".dockerignore");
    for line in all.iter().filter(|line| line.starts_with("COPY ") && !line.starts_with("COPY --from")) {
        let source = line.split_whitespace().nth(1).expect("a source");
        assert!(root().join(source).exists(), "{line}");
        assert!(source == "." || passed.contains(&format!("!{source}\n")), "{line}");
    }
    for needed in ["Cargo.toml", "Cargo.lock", "engine", "connectors", "benchmarks", "topologies", "schemas"] {
        assert!(passed.contains(&format!("!{needed}\n")), "{needed}");
    }
}

#[test]
fn the_health_check_tells_a_run_that_turns() {
    let all = instructions();
    let check = all.iter().find(|line| line.starts_with("HEALTHCHECK ")).expect("a health check");
    let words = check.split_once(" CMD ").expect("a command").1;
    let words: Vec<String> = serde_json::from_str(words).expect("a list of words");
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let output = folder.path().join("output.txt");
    let mut command = spotlight(["run", "system.yaml", "--listen", "127.0.0.1:0"]);
    let feed = "topology: idle\nflows:\n  load:\n    from: { topic: idle.rows, key: [a] }\n    to: { topic: idle.more, key: [a] }\n";
    let feed = format!(
        "{feed}  fill:\n    from: {{ files: {{ path: incoming, file-names: [\"a_{{date:%Y%m%d}}*\"] }} }}\n    steps:\n      \
         - decode: {{ delimited: {{ layouts: {{ one: {{ header: [a] }} }} }} }}\n    to: {{ topic: idle.rows, key: [a] }}\n"
    );
    std::fs::create_dir(folder.path().join("incoming")).expect("a folder");
    std::fs::write(folder.path().join("system.yaml"), feed).expect("a file");
    command.current_dir(folder.path());
    let mut run = Process::start(command, &output);
    let said = || std::fs::read_to_string(&output).unwrap_or_default();
    let port = until("the run listens", || {
        assert!(run.ended().is_none(), "{}", said());
        let said = said();
        let lines = said.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let address = lines
            .filter(|line| line["message"] == "listening")
            .find_map(|line| line["address"].as_str().map(str::to_owned));
        address.and_then(|address| address.rsplit(':').next().map(str::to_owned))
    });
    let healthy = || {
        let words: Vec<String> = words.iter().map(|word| word.replace("/9484", &format!("/{port}"))).collect();
        let ended = Command::new(&words[0]).args(&words[1..]).output().expect("bash");
        ended.status.success()
    };
    assert!(healthy(), "{words:?}");
    run.signal("TERM");
    assert_eq!(run.wait().code(), Some(0), "{}", said());
    assert!(!healthy(), "nobody is there any more");
}
