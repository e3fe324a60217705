//! Says from which commit the program is built, and puts functions of ours in the place of some of the C client of Kafka:
//! a crate cannot tell the linker so for the programs that use it. Why stands in
//! `leader_hints.rs`, `heartbeats.rs` and `damaged_batches.rs` of `connectors/kafka/src/native`.
//!
//! The commit is read from the files of git, so git itself need not be there. A build is not made anew while they stay as
//! they are. From an unpacked archive the commit is `unknown`, unless `SPOTLIGHT_COMMIT` says it.

use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for of in ["bin=spotlight", "tests"] {
        for function in ["rd_kafka_metadata_update_op", "rd_kafka_HeartbeatRequest", "rd_slice_narrow_copy_relative"] {
            println!("cargo::rustc-link-arg-{of}=-Wl,--wrap={function}");
        }
    }
    println!("cargo::rerun-if-env-changed=SPOTLIGHT_COMMIT");
    let told = variable("SPOTLIGHT_COMMIT").filter(|told| is_commit(told));
    let commit = told.or_else(|| commit(&root()?)).unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env=SPOTLIGHT_COMMIT={commit}");
}

/// The folder of the workspace. No folder above it is looked at: it may be the checkout of another project.
fn root() -> Option<PathBuf> {
    let here = variable("CARGO_MANIFEST_DIR")?;
    Some(Path::new(&here).parent()?.parent()?.to_owned())
}

/// What `HEAD` of the workspace's own checkout names.
fn commit(root: &Path) -> Option<String> {
    let git = root.join(".git");
    // In a second work tree it is a file that names a folder, which names the shared one.
    let own = match fs::read_to_string(&git) {
        Ok(text) => root.join(text.strip_prefix("gitdir:")?.trim()),
        Err(_) => git,
    };
    let shared = fs::read_to_string(own.join("commondir")).map_or_else(|_| own.clone(), |text| own.join(text.trim()));
    let head = fs::read_to_string(own.join("HEAD")).ok()?;
    watch(&own.join("HEAD"));
    let Some(name) = head.trim().strip_prefix("ref: ") else {
        return Some(head.trim().to_owned()).filter(|commit| is_commit(commit));
    };
    let loose = shared.join(name);
    if let Ok(commit) = fs::read_to_string(&loose) {
        watch(&loose);
        return Some(commit.trim().to_owned()).filter(|commit| is_commit(commit));
    }
    // The file comes with the next commit, into a folder that may not be there yet either.
    loose.ancestors().skip(1).find(|folder| folder.is_dir()).into_iter().for_each(watch);
    let packed = shared.join("packed-refs");
    let text = fs::read_to_string(&packed).ok()?;
    watch(&packed);
    let line = text.lines().filter_map(|line| line.split_once(' ')).find(|(_, of)| *of == name)?;
    Some(line.0.to_owned()).filter(|commit| is_commit(commit))
}

/// Only what is there: a build is made anew for a file that is missing.
fn watch(path: &Path) {
    println!("cargo::rerun-if-changed={}", path.display());
}

fn is_commit(text: &str) -> bool {
    text.len() >= 7 && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A variable of the environment, which is how Cargo speaks to such a program.
#[expect(clippy::disallowed_methods, reason = "Cargo tells a build script by its environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
