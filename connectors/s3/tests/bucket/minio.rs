//! One MinIO for all tests of this binary, another for a test that kills it, and buckets with names of their own.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Builder, Credentials as Keys, Region};
use s3_connector::{Addressing, Credentials, Patience, S3Settings, Secret};
use testkit::{HeldService, service_folder};
use tokio::runtime::Runtime;

/// The user of the servers here, and the password.
pub(crate) const LOGIN: (&str, &str) = ("spotlight", "spotlight-secret");

/// A server that this process started.
pub(crate) struct MinIo {
    pub(crate) folder: PathBuf,
    pub(crate) address: String,
    service: HeldService,
}

#[expect(clippy::disallowed_methods, reason = "how much is tested is said by whoever runs the tests")]
pub(crate) fn all_is_asked_for() -> bool {
    std::env::var("SPOTLIGHT_TEST_MINIO").is_ok_and(|what| what == "all")
}

/// Whether there is a MinIO. Says so where there is none, past the harness, which would swallow it.
pub(crate) fn there(test: &str) -> bool {
    let have = Command::new(script()).arg("have").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let there = have.expect("services/minio.sh runs").success();
    assert!(there || !all_is_asked_for(), "MinIO was not built: services/minio.sh fetch");
    if !there {
        let _ = writeln!(std::io::stderr(), "NOT RUN, for want of a MinIO: {test} (services/test-minio builds it)");
    }
    there
}

/// The server that the tests share.
pub(crate) fn shared() -> &'static MinIo {
    static SERVER: OnceLock<MinIo> = OnceLock::new();
    SERVER.get_or_init(|| MinIo::start("shared", &[]))
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../services/minio.sh")
}

impl MinIo {
    /// Starts a server on a free port, in a folder of this run.
    pub(crate) fn start(name: &str, options: &[&str]) -> Self {
        let folder = service_folder(Path::new(env!("CARGO_TARGET_TMPDIR")), "minio").join(name);
        let service = HeldService::start("minio.sh", &folder, options);
        let address = service.address().to_owned();
        Self { folder, address, service }
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&self) {
        self.service.kill();
    }

    /// Asks it to end, and waits.
    pub(crate) fn stop(&self) {
        self.service.run("down", &[]);
    }

    /// Starts it again, on the same port, with its data; returns when it serves.
    pub(crate) fn start_again(&self) {
        self.service.start_again();
    }

    /// Lets it hang: it takes connections and answers nothing.
    pub(crate) fn pause(&self) {
        self.service.run("pause", &[]);
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        self.service.run("resume", &[]);
    }

    /// A bucket of its own, empty.
    pub(crate) fn bucket(&self) -> Bucket {
        let bucket = Bucket { settings: settings(&self.address, &name()), outside: outside(&self.address) };
        bucket.make();
        bucket
    }
}

/// A name that no bucket here has.
pub(crate) fn name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("bucket-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Settings of a bucket, with little patience.
pub(crate) fn settings(address: &str, bucket: &str) -> S3Settings {
    let mut settings = S3Settings::new(bucket, "us-east-1");
    settings.prefix = "documents/of us/".to_owned();
    settings.endpoint = Some(address.to_owned());
    settings.addressing = Addressing::PathStyle;
    settings.credentials = keys(LOGIN.0, LOGIN.1);
    settings.patience = Patience {
        connect: Duration::from_secs(5),
        attempt: Duration::from_secs(20),
        attempts: 3,
        backoff: Duration::from_millis(20),
    };
    settings
}

pub(crate) fn keys(name: &str, key: &str) -> Credentials {
    Credentials::Keys { access_key_id: Secret::new(name), secret_access_key: Secret::new(key), session_token: None }
}

/// A bucket, and a client of it that is not the one under test.
pub(crate) struct Bucket {
    pub(crate) settings: S3Settings,
    outside: (Runtime, Client),
}

fn outside(address: &str) -> (Runtime, Client) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let config = Builder::new()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .endpoint_url(address)
        .force_path_style(true)
        .credentials_provider(Keys::new(LOGIN.0, LOGIN.1, None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    (runtime, Client::from_conf(config.build()))
}

impl Bucket {
    pub(crate) fn make(&self) {
        let (runtime, client) = &self.outside;
        runtime.block_on(client.create_bucket().bucket(&self.settings.bucket).send()).expect("a bucket");
    }

    /// Puts an object as somebody else would.
    pub(crate) fn put(&self, reference: &str, content: &[u8]) {
        let (runtime, client) = &self.outside;
        let key = format!("{}{reference}", self.settings.prefix);
        let put = client.put_object().bucket(&self.settings.bucket).key(key).body(content.to_vec().into());
        runtime.block_on(put.send()).expect("put");
    }

    pub(crate) fn remove(&self, reference: &str) {
        let (runtime, client) = &self.outside;
        let key = format!("{}{reference}", self.settings.prefix);
        runtime.block_on(client.delete_object().bucket(&self.settings.bucket).key(key).send()).expect("removed");
    }

    /// Keys of all objects.
    pub(crate) fn objects(&self) -> Vec<String> {
        let (runtime, client) = &self.outside;
        let listed = runtime.block_on(client.list_objects_v2().bucket(&self.settings.bucket).send()).expect("a list");
        listed.contents().iter().map(|object| object.key().unwrap_or_default().to_owned()).collect()
    }

    /// How many uploads in parts were begun to this object and not ended.
    pub(crate) fn open_uploads(&self, reference: &str) -> usize {
        let (runtime, client) = &self.outside;
        // MinIO lists only those of a whole key.
        let key = format!("{}{reference}", self.settings.prefix);
        let list = client.list_multipart_uploads().bucket(&self.settings.bucket).prefix(key);
        runtime.block_on(list.send()).expect("a list").uploads().len()
    }
}
