//! Documents whose bytes lie in a bucket of a real object store, which all processes see and nothing else is shared by.
//!
//! MinIO takes minutes to build. Where it was not built the test says so; with `SPOTLIGHT_TEST_MINIO=all` it must be there.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use testkit::{HeldService, Random, service_folder};

use crate::outages::strike;
use crate::program::{root, variable};
use crate::world::{Size, World};
use crate::{seeds, services};

const LOGIN: &str = "{ access-key-id: { env: BUCKET_USER }, secret-access-key: { env: BUCKET_PASSWORD } }";
/// As `services/minio.sh` starts it.
const SECRETS: [(&str, &str); 2] = [("BUCKET_USER", "spotlight"), ("BUCKET_PASSWORD", "spotlight-secret")];

const BUCKET: &str = "documents";

/// One instance fetches a document, and the other ones read it from the bucket. The store goes away meanwhile, and so do the
/// processes.
#[test]
fn documents_in_a_bucket_are_read_by_whoever_owns_them() {
    if !there() {
        return;
    }
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let store = service_folder(Path::new(env!("CARGO_TARGET_TMPDIR")), "shared").join("minio");
    let minio = HeldService::start("minio.sh", &store, &[]);
    let bucket = store.join("data").join(BUCKET);
    for seed in seeds(1) {
        let size = Size { rows: 3_000, at_once: false };
        let mut world = World::new(services(), folder.path(), ("bucket", seed), size);
        let mut random = Random::new(seed);
        // A bucket is a folder of the drive.
        std::fs::create_dir_all(&bucket).expect("a bucket");
        let address = minio.address();
        let instead = format!(
            "object-store: {{ bucket: {BUCKET}, region: us-east-1, prefix: \"seed-{seed}/\", endpoint: \"{address}\", \
             addressing: path-style, credentials: {LOGIN} }}\n"
        );
        world.keep_documents(&instead, &SECRETS);
        world.start("one");
        world.start("two");
        world.publish(&mut random);
        strike(&mut world, "lost-store", || {
            minio.kill();
            minio.start_again();
        });
        world.publish(&mut random);
        world.kill_and_replace(&mut random);
        world.publish(&mut random);
        world.kill_and_start_again(&mut random);
        world.publish_all();
        world.finish();
        assert_eq!(objects(&bucket.join(format!("seed-{seed}"))), 4, "a document is kept once: {}", world.history());
        println!("seed {seed}: {}", world.history());
    }
}

fn there() -> bool {
    let mut have = Command::new(root().join("services/minio.sh"));
    let status = have.arg("have").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let there = status.expect("services/minio.sh runs").success();
    let asked = variable("SPOTLIGHT_TEST_MINIO").is_some();
    assert!(there || !asked, "MinIO was not built: services/minio.sh fetch");
    if !there {
        // Past the harness, which would swallow it.
        let words = "NOT RUN, for want of a MinIO: documents in a bucket (services/test-minio builds it)";
        let _ = writeln!(std::io::stderr(), "{words}");
    }
    there
}

/// Objects below a folder of the drive: each is a folder with a description of that name.
fn objects(folder: &Path) -> usize {
    let entries: Vec<PathBuf> = std::fs::read_dir(folder).expect("kept").flatten().map(|entry| entry.path()).collect();
    match entries.iter().any(|entry| entry.ends_with("xl.meta")) {
        true => 1,
        false => entries.iter().filter(|entry| entry.is_dir()).map(|entry| objects(entry)).sum(),
    }
}
