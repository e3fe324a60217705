//! The unit of systemd, read by systemd's own reader, and the manual, the version and the drawing that packages take.

use std::process::Command;

use crate::program::{Said, root, say, spotlight};

/// The lines of the unit as `Key=value`.
fn unit() -> String {
    std::fs::read_to_string(root().join("packaging/systemd/spotlight@.service")).expect("the unit")
}

#[test]
fn systemd_takes_the_unit_and_finds_it_closed() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let unit = unit();
    // The program and its manual are not installed on this machine.
    let here = unit.replace("/usr/bin/spotlight", env!("CARGO_BIN_EXE_spotlight"));
    let here: Vec<&str> = here.lines().filter(|line| !line.starts_with("Documentation=")).collect();
    let place = folder.path().join("spotlight@.service");
    std::fs::write(&place, here.join("\n")).expect("a file");
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        eprintln!("NOT RUN: systemd-analyze is not on this machine; the unit is read as text only");
        return;
    }
    let analyze = |words: &[&str]| -> Said {
        Command::new("systemd-analyze").args(words).arg(&place).output().expect("systemd-analyze is there").into()
    };
    let said = analyze(&["verify"]).ends(0);
    assert_eq!(said.errors.trim(), "", "{said:?}");
    // Tenths of 10; above it the status is another one.
    analyze(&["security", "--offline=true", "--no-pager", "--threshold=20"]).ends(0);
    std::fs::write(&place, here.join("\n").replace("NoNewPrivileges=", "NoNewPrivilegs=")).expect("a file");
    assert!(analyze(&["verify"]).errors.contains("NoNewPrivilegs"), "the reader sees nothing");
}

#[test]
fn the_unit_ends_and_begins_as_the_program_does() {
    let unit = unit();
    let value = |key: &str| {
        let found = unit.lines().find_map(|line| line.strip_prefix(&format!("{key}=")));
        found.unwrap_or_else(|| unreachable!("{key} is not there"))
    };
    let seconds: u32 = value("TimeoutStopSec").trim_end_matches('s').parse().expect("seconds");
    assert!(seconds > 25, "a run may take 25 seconds to end");
    let wanted = [
        ("KillSignal", "SIGTERM"),
        ("Restart", "on-failure"),
        ("RestartForceExitStatus", "75"),
        ("RestartPreventExitStatus", "64 65 78"),
        ("DynamicUser", "yes"),
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("StateDirectoryMode", "0700"),
    ];
    for (key, wanted) in wanted {
        assert_eq!(value(key), wanted, "{key}");
    }
    assert!(value("LoadCredential").starts_with("secret:/"));
    assert!(value("StateDirectory").contains("spotlight/%i"));
    // What it starts is a command line of the program, up to where the instance has its say.
    let words: Vec<&str> = value("ExecStart").split_whitespace().skip(1).collect();
    let words: Vec<&str> = words
        .iter()
        .map(|word| match *word {
            "$TOPOLOGIES" => "topologies/absent.yaml",
            "$ARGUMENTS" => "--contact=you@example.org",
            word => word,
        })
        .collect();
    let said: Said = spotlight(words).output().expect("the program starts").into();
    assert!(said.status != 64 || !said.errors.contains("Usage:"), "{said:?}");
    assert!(!said.errors.contains("unexpected argument"), "{said:?}");
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let pages = folder.path().join("man");
    let out = pages.to_str().expect("a name");
    say(["man", "--out", out]).ends(0);
    let first = std::fs::read_to_string(pages.join("spotlight.1")).expect("a page");
    assert!(first.contains(".TH spotlight 1"), "{first}");
    for command in ["run", "check", "graph", "dlq", "dlq-replay", "man"] {
        let text = std::fs::read_to_string(pages.join(format!("spotlight-{command}.1"))).expect(command);
        assert!(text.contains("Examples:"), "{command}: {text}");
    }
    assert!(!pages.join("spotlight-clickhouse-child.1").exists(), "it is for the program alone");
    // A name in which no folder can be.
    let said = say(["man", "--out", &format!("{out}/spotlight.1/x")]).ends(78);
    assert!(said.errors.contains("--out DIR"), "{}", said.errors);
}

#[test]
fn the_version_says_what_was_built() {
    let short = say(["-V"]).ends(0).output;
    assert_eq!(short.trim(), format!("spotlight {}", env!("CARGO_PKG_VERSION")));
    let long = say(["--version"]).ends(0).output;
    let lines: Vec<&str> = long.lines().collect();
    assert_eq!(lines.len(), 3, "{long}");
    assert_eq!(lines[0], short.trim());
    let commit = lines[1].strip_prefix("commit ").expect("a commit");
    let hexadecimal = commit.len() >= 7 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    // An unpacked archive has no history.
    assert_eq!(commit == "unknown", !hexadecimal, "{long}");
    assert_eq!(root().join(".git").exists(), hexadecimal, "{long}");
    assert!(lines[2].starts_with("librdkafka 2."), "{long}");
    for feature in ["ssl", "sasl_scram", "zstd", "lz4"] {
        assert!(lines[2].contains(feature), "{feature}: {long}");
    }
}
