//! How jobs come to Nomad: from the files of the project, from an environment, and by OpenTofu.

use std::path::PathBuf;
use std::process::Command;

use crate::agent::{Agent, built, script};
use crate::lists::{Lists, folder_of, variables_of_trials};
use crate::program::{Said, root, until};
use crate::told;

#[test]
fn the_jobs_of_the_project_are_what_nomad_takes() {
    let Some(agent) = Agent::start("the jobs of the project are what Nomad takes") else { return };
    let files: Vec<PathBuf> =
        ["feed", "group", "shared"].map(|name| root().join(format!("nomad/{name}.nomad.hcl"))).into();
    for file in &files {
        let formed = agent.say(&["fmt", "-check", file.to_str().expect("text")]);
        assert_eq!(formed.status, 0, "not as `nomad fmt` writes it: {}", file.display());
        // As the README says it.
        let line = "set -a; . ./example.env; set +a; exec \"$PROGRAM\" job validate \"$FILE\"";
        let mut shell = Command::new("bash");
        shell.args(["-c", line]).current_dir(folder_of(file)).env("NOMAD_ADDR", agent.address());
        let said: Said = shell.env("PROGRAM", agent.program()).env("FILE", file).output().expect("a shell").into();
        told(&format!("{}: {}", file.file_name().expect("a name").display(), said.output.trim().replace('\n', " ")));
        said.ends(0);
    }
    // Who does not say whom to ask is told before anything runs.
    let said = agent.say(&["job", "validate", files[0].to_str().expect("text")]);
    assert!(said.status != 0 && format!("{}{}", said.output, said.errors).contains("contact"), "{said:?}");
    // A job that is piped in reads its files from the folder of the command.
    let lists = Lists::embedded("piped");
    let file = lists.print_job(&[]);
    agent.check(&[&file]);
    let line = "\"$SPOTLIGHT\" nomad-job piped.yaml | \"$PROGRAM\" job validate -";
    let mut shell = Command::new("bash");
    shell.args(["-o", "pipefail", "-c", line]).current_dir(folder_of(&file)).env("NOMAD_ADDR", agent.address());
    shell.env("PROGRAM", agent.program()).env("SPOTLIGHT", env!("CARGO_BIN_EXE_spotlight"));
    Said::from(shell.output().expect("a shell")).ends(0);
}

#[test]
fn several_feeds_are_one_job() {
    let Some(agent) = Agent::start("several feeds are one job") else { return };
    let (lists, other) = (Lists::embedded("one"), Lists::embedded("two"));
    std::fs::copy(other.path("two.yaml"), lists.path("two.yaml")).expect("a file");
    lists.publish(1, 100);
    other.publish(1, 200);
    agent.keep_secrets("both", &[]);
    let file = lists.print_job(&["two.yaml", "--name", "both"]);
    let said = agent.run(&file, &variables_of_trials());
    said.ends(0);
    let allocation = agent.the_one("both");
    lists.proven(&agent, &allocation, 100);
    other.proven(&agent, &allocation, 200);
}

/// A command of `opentofu.sh`, with the state in a folder.
fn tofu(agent: &Agent, words: &[&str]) -> Said {
    let mut command = Command::new(script("opentofu.sh"));
    command.args(words).env("NOMAD_ADDR", agent.address()).env("NOMAD_CLI_SHOW_HINTS", "0");
    command.output().expect("the script starts").into()
}

#[test]
fn the_modules_run_update_and_stop_jobs() {
    let trial = "the modules run, update and stop jobs";
    if built(trial, "opentofu.sh").is_none() {
        return;
    }
    let Some(agent) = Agent::start(trial) else { return };
    let modules = root().join("nomad/terraform");
    tofu(&agent, &["check", modules.to_str().expect("text")]).ends(0);

    let lists = Lists::embedded("module");
    lists.publish(1, 100);
    agent.keep_secrets("module", &[]);
    let file = lists.print_job(&[]);
    let state = lists.path("state");
    let state = state.to_str().expect("text");
    let module = modules.join("local-exec");
    let apply = |cpu: &str| {
        let variables: serde_json::Map<String, serde_json::Value> = variables_of_trials()
            .into_iter()
            .chain([("cpu", cpu)])
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        let jobs = serde_json::json!({ "module": {
            "file": file, "variables": variables, "watched": [lists.path("module.yaml")],
        } });
        let program = serde_json::json!(agent.program());
        let words = ["up", state, module.to_str().expect("text"), &format!("jobs={jobs}"), &format!("nomad={program}")];
        tofu(&agent, &words).ends(0).json()
    };
    let first = apply("200");
    assert!(first["jobs"]["value"]["module"].is_string(), "{first}");
    let allocation = agent.the_one("module");
    lists.proven(&agent, &allocation, 100);
    tofu(&agent, &["plan", state]).ends(0);

    // A file that changes is a new version, and an update; never a stop.
    lists.write_topology(&[("trim(symbol)", "upper(trim(symbol))")]);
    tofu(&agent, &["plan", state]).ends(2);
    apply("200");
    let job = agent.ask("job/module");
    assert_eq!((job["Version"].as_u64(), job["Stop"].as_bool()), (Some(1), Some(false)), "{job}");
    let second = agent.the_one("module");
    lists.publish(2, 100);
    lists.proven(&agent, &second, 200);
    apply("300");
    assert_eq!(agent.ask("job/module")["Version"], 2);

    tofu(&agent, &["down", state]).ends(0);
    until("the job to be gone", || (agent.ask("jobs").as_array().is_some_and(Vec::is_empty)).then_some(()));
}
