//! Documents of a bucket: what is refused before anything starts, what needs no bucket, and a load from a real MinIO.
//!
//! MinIO takes minutes to build. Where it was not built the test says so; with `SPOTLIGHT_TEST_MINIO=all` it must be there.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use testkit::{HeldService, service_folder};

use crate::program::{Process, Said, root, until, variable};
use crate::workplace::Workplace;

const BUCKET: &str = "deliveries";
/// As `services/minio.sh` starts it.
const LOGIN: (&str, &str) = ("spotlight", "spotlight-secret");

/// A project whose feed comes from a bucket.
fn workplace() -> Workplace {
    let workplace = Workplace::new();
    let files = r#"files: { path: "lists", file-names: ["list_{date:%Y%m%d}*"], every: 1h }"#;
    let bucket = r#"s3: { bucket: incoming, prefix: "lists/", file-names: ["list_{date:%Y%m%d}*"], every: 1s }"#;
    workplace.write_changed("my-list.yaml", &[(files, bucket)]);
    workplace
}

#[test]
fn a_bucket_that_no_file_of_connections_names_is_refused_before_anything_is_started() {
    let workplace = workplace();
    let text = std::fs::read_to_string(workplace.path().join("my-list.yaml")).expect("a file");
    let line = 1 + text.lines().position(|line| line.contains("s3:")).expect("a line");
    let place = format!("my-list.yaml:{line}:");
    workplace.write("none.yaml", "buckets: { archive: { bucket: abc, region: r, credentials: ambient } }\n");
    let cases: [(&[&str], &str); 4] = [
        (&["run", "my-list.yaml"], "no file of connections is named"),
        (&["run", "my-list.yaml", "--once", "--connections", "none.yaml"], "none.yaml has none of that name"),
        (&["run", "my-list.yaml", "--dry"], "no file of connections is named"),
        (&["nomad-job", "my-list.yaml"], "no file of connections is named"),
    ];
    for (words, wanted) in cases {
        let said = workplace.say(words).ends(78);
        for wanted in [&*place, "incoming", wanted, "buckets: { incoming: {"] {
            assert!(told(&said).contains(wanted), "{words:?}: {wanted}: {}", said.errors);
        }
    }
    let said = workplace.say(&["run", "my-list.yaml", "--connections", "none.yaml"]).ends(78);
    assert!(told(&said).contains("it has `archive`"), "{}", said.errors);
    let said = workplace.say(&["check", "my-list.yaml", "--live"]).ends(78);
    assert!(said.output.contains("wrong        my-list/load") && told(&said).contains(&place), "{}", said.output);
    assert!(!workplace.data().exists(), "nothing is started");
}

/// All that was said, however its lines were broken.
fn told(said: &Said) -> String {
    format!("{} {}", said.output, said.errors).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_needs_no_bucket_asks_none() {
    let workplace = workplace();
    workplace.say(&["check", "my-list.yaml"]).ends(0);
    workplace.say(&["test", "my-list.yaml"]).ends(0);
    assert!(workplace.say(&["graph", "my-list.yaml"]).ends(0).output.contains("incoming/lists/"));
    let mut transform = workplace.command(&["transform", "my-list.yaml", "--name", "list_20260105.txt"]);
    let list = std::fs::File::open(workplace.path().join("lists/list_20260105.txt")).expect("a file");
    let said = Said::from(transform.stdin(list).output().expect("the program starts")).ends(0);
    assert!(said.output.contains("ABC"), "{}", said.output);
    workplace.say(&["run", "my-list.yaml", "--documents", "lists", "--once"]).ends(0);
    assert_eq!(rows(&workplace), "2026-01-05\tABC\t12\n2026-01-05\tDEF\t7\n");
    workplace.say(&["plan", "my-list.yaml"]).ends(0);
}

fn rows(workplace: &Workplace) -> String {
    let query = "select list_date, symbol, quantity from demo.my_list order by all";
    workplace.say(&["sql", "--format", "TSV", query]).ends(0).output
}

/// A project, a real object store, and what stands between them and counts.
struct Delivery {
    workplace: Workplace,
    minio: HeldService,
    between: Between,
}

impl Delivery {
    /// `name`: of its folder.
    fn new(name: &str) -> Self {
        let folder = service_folder(Path::new(env!("CARGO_TARGET_TMPDIR")), "buckets").join(name);
        let minio = HeldService::start("minio.sh", &folder, &[]);
        // A bucket is a folder of the drive.
        std::fs::create_dir_all(folder.join("data").join(BUCKET)).expect("a bucket");
        let between = Between::start(minio.address());
        let workplace = workplace();
        let connections = format!(
            "buckets:\n  incoming: {{ bucket: {BUCKET}, region: us-east-1, endpoint: \"{}\", addressing: path-style, \
             credentials: {{ access-key-id: {}, secret-access-key: {{ env: BUCKET_KEY }} }} }}\n",
            between.address, LOGIN.0
        );
        workplace.write("connections.yaml", &connections);
        Self { workplace, minio, between }
    }

    /// Puts an object as a partner would.
    fn put(&self, name: &str, text: &str) {
        self.workplace.write("delivered", text);
        let mut command = Command::new("curl");
        command.args([
            "-sS",
            "-f",
            "--aws-sigv4",
            "aws:amz:us-east-1:s3",
            "-H",
            "x-amz-content-sha256: UNSIGNED-PAYLOAD",
        ]);
        command.args(["-u", &format!("{}:{}", LOGIN.0, LOGIN.1), "-T", "delivered"]);
        command.arg(format!("{}/{BUCKET}/{name}", self.minio.address()));
        let put = command.current_dir(self.workplace.path()).output().expect("there is a curl");
        assert!(put.status.success(), "{}", String::from_utf8_lossy(&put.stderr));
    }

    fn command(&self, words: &[&str], key: &str) -> Command {
        let mut command = self.workplace.command(words);
        command.args(["--connections", "connections.yaml"]).env("BUCKET_KEY", key);
        command
    }

    fn say(&self, words: &[&str]) -> Said {
        self.say_with(words, LOGIN.1)
    }

    fn say_with(&self, words: &[&str], key: &str) -> Said {
        self.command(words, key).output().expect("the program starts").into()
    }

    fn start(&self) -> Process {
        self.workplace.start_command(self.command(&["run", "my-list.yaml"], LOGIN.1))
    }

    fn rows(&self) -> String {
        rows(&self.workplace)
    }
}

/// Passes on what the program and the store say to each other, and knows what was asked for.
struct Between {
    address: String,
    asked: Arc<Mutex<Vec<u8>>>,
}

impl Between {
    fn start(to: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let to = to.trim_start_matches("http://").to_owned();
        let asked: Arc<Mutex<Vec<u8>>> = Arc::default();
        let heard = Arc::clone(&asked);
        // It ends with the process of the test.
        let serve = move || {
            for client in listener.incoming().flatten() {
                let Ok(store) = TcpStream::connect(&to) else { continue };
                let (from, back) = (client.try_clone().expect("a socket"), store.try_clone().expect("a socket"));
                let heard = Arc::clone(&heard);
                work(move || pass_on(from, store, Some(&heard)));
                work(move || pass_on(back, client, None));
            }
        };
        work(serve);
        Self { address, asked }
    }

    /// How often an object was asked for whose name contains this.
    fn fetched(&self, name: &str) -> usize {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&asked).into_owned();
        let is_fetch = |line: &&str| line.starts_with(&format!("GET /{BUCKET}/lists/")) && line.contains(name);
        text.lines().filter(is_fetch).count()
    }
}

fn work(run: impl FnOnce() + Send + 'static) {
    thread::Builder::new().spawn(run).expect("a thread");
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, heard: Option<&Mutex<Vec<u8>>>) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        // Known before it is answered.
        if let Some(heard) = heard {
            heard.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&buffer[..count]);
        }
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    // Either may have gone already.
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}

fn there(test: &str) -> bool {
    let mut have = Command::new(root().join("services/minio.sh"));
    let status = have.arg("have").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let there = status.expect("services/minio.sh runs").success();
    assert!(there || variable("SPOTLIGHT_TEST_MINIO").is_none(), "MinIO was not built: services/minio.sh fetch");
    if !there {
        // Past the harness, which would swallow it.
        let _ = writeln!(std::io::stderr(), "NOT RUN, for want of a MinIO: {test} (services/test-minio builds it)");
    }
    there
}

#[test]
fn what_is_delivered_to_a_bucket_lands_once_and_what_changes_lands_anew() {
    if !there("what_is_delivered_to_a_bucket_lands_once_and_what_changes_lands_anew") {
        return;
    }
    let delivery = Delivery::new("lands");
    let once = ["run", "my-list.yaml", "--once"];
    delivery.put("lists/list_20260105.txt", "Symbol|Quantity\nABC|12\nDEF|7\n2\n");
    delivery.put("lists/list_20260106.txt", "Symbol|Quantity\nABC|1\n1\n");
    delivery.put("lists/list_20260107.txt.part", "Symbol|Quan");
    delivery.put("lists/readme.txt", "what this is");
    delivery.put("lists/old/list_20260101.txt", "Symbol|Quantity\nOLD|1\n1\n");

    // What only looks.
    let said = delivery.say(&["check", "my-list.yaml", "--live"]).ends(0);
    assert!(said.output.contains("s3://deliveries/lists/: the bucket answers, 2 files fit"), "{}", said.output);
    let said = delivery.say(&["run", "my-list.yaml", "--dry"]).ends(0);
    assert!(told(&said).contains("list_20260107.txt.part (skipped: `.part`"), "{}", said.output);
    assert_eq!(delivery.between.fetched("list_20260105"), 1, "by the dry run alone");

    // A key that is wrong is told, with what helps; nothing of the bucket is taken.
    let said = delivery.say_with(&once, "another-key").ends(3);
    assert!(told(&said).contains("E5711") && told(&said).contains("s3:ListBucket"), "{}", told(&said));
    assert!(!told(&said).contains("another-key") && !told(&said).contains(LOGIN.1));
    let status = delivery.say(&["status"]).ends(0);
    assert!(told(&status).contains("E5711"), "{}", status.output);
    let said = delivery.say_with(&["check", "my-list.yaml", "--live"], "another-key").ends(78);
    assert!(said.output.contains("E5711"), "{}", said.output);

    // A load.
    let said = delivery.say(&once).ends(0);
    assert!(told(&said).contains("s3://deliveries/lists/readme.txt"), "{}", told(&said));
    assert_eq!(delivery.rows(), "2026-01-05\tABC\t12\n2026-01-05\tDEF\t7\n2026-01-06\tABC\t1\n");
    let receipts = delivery.say(&["receipts", "--format", "json"]).ends(0);
    assert!(receipts.output.contains("s3://deliveries/lists/list_20260105.txt"), "{}", receipts.output);

    // What has changed is a new version; what has not is not fetched.
    delivery.put("lists/list_20260106.txt", "Symbol|Quantity\nABC|2\nGHI|3\n2\n");
    delivery.say(&once).ends(0);
    assert_eq!(delivery.rows(), "2026-01-05\tABC\t12\n2026-01-05\tDEF\t7\n2026-01-06\tABC\t2\n2026-01-06\tGHI\t3\n");
    let fetched = ["list_20260105", "list_20260106"].map(|name| delivery.between.fetched(name));
    assert_eq!(fetched, [2, 3], "by the dry run, the load, and for what has changed");
    delivery.say(&["reconcile"]).ends(0);
}

#[test]
fn a_run_that_dies_while_it_reads_a_bucket_loses_nothing_and_lands_nothing_twice() {
    if !there("a_run_that_dies_while_it_reads_a_bucket_loses_nothing_and_lands_nothing_twice") {
        return;
    }
    let delivery = Delivery::new("dies");
    let days = 10..=28;
    for day in days.clone() {
        let lines: String = (0..50).map(|row| format!("S{row}|{row}\n")).collect();
        delivery.put(&format!("lists/list_202601{day}.txt"), &format!("Symbol|Quantity\n{lines}50\n"));
    }
    for wanted in [2, 6, 12] {
        let mut process = delivery.start();
        until("so many documents", || {
            assert!(process.ended().is_none(), "the run ended: {}", delivery.workplace.said());
            (delivery.between.fetched("list_") >= wanted).then_some(())
        });
        process.kill();
    }
    delivery.say(&["run", "my-list.yaml", "--once"]).ends(0);
    let query = "select count(), uniqExact(list_date, symbol), sum(quantity) from demo.my_list";
    let said = delivery.workplace.say(&["sql", "--format", "TSV", query]).ends(0);
    let count = days.count() * 50;
    assert_eq!(said.output, format!("{count}\t{count}\t{}\n", count / 50 * (0..50).sum::<usize>()));
    let said = delivery.say(&["reconcile"]).ends(0);
    assert!(said.output.contains("0 gaps, 0 repeats"), "{}", said.output);

    // What comes while a run is going on lands too, and the store may go away meanwhile.
    let mut process = delivery.start();
    until("a look", || (delivery.workplace.data().join("control").exists()).then_some(()));
    delivery.minio.kill();
    delivery.minio.start_again();
    delivery.put("lists/list_20260201.txt", "Symbol|Quantity\nNEW|1\n1\n");
    until("the new list", || delivery.rows().contains("2026-02-01\tNEW\t1").then_some(()));
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", delivery.workplace.said());
}
