//! One real registry for all tests of this binary, with a login.
//!
//! It is held by a pipe: `services/registry.sh hold` kills it when the pipe closes, and the system closes the pipe when
//! this process ends, however it ends. So nothing is left behind, and nothing else is stopped.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use schema_registry_connector::{Login, Registry, RegistrySettings};

const USER: &str = "feeds";
const PASSWORD: &str = "right";

/// The registry that this process started.
pub(crate) struct Service {
    folder: PathBuf,
    pub(crate) url: String,
    _script: Child,
    _pipe: Option<ChildStdin>,
}

fn service() -> &'static RwLock<Service> {
    static SERVICE: OnceLock<RwLock<Service>> = OnceLock::new();
    SERVICE.get_or_init(|| RwLock::new(Service::start()))
}

/// The registry, while it runs.
pub(crate) fn running() -> RwLockReadGuard<'static, Service> {
    service().read().unwrap_or_else(PoisonError::into_inner)
}

/// The registry for a test that stops it: no other test uses it meanwhile.
pub(crate) fn alone() -> RwLockWriteGuard<'static, Service> {
    service().write().unwrap_or_else(PoisonError::into_inner)
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../services/registry.sh")
}

impl Service {
    fn start() -> Self {
        let folder = scratch();
        let mut command = Command::new(script());
        command.arg("hold").arg(&folder).args(["--login", &format!("{USER}:{PASSWORD}")]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut script = command.spawn().expect("services/registry.sh runs");
        let pipe = script.stdin.take();
        let mut line = String::new();
        let mut output = BufReader::new(script.stdout.take().expect("piped"));
        output.read_line(&mut line).expect("readable");
        if line.trim().is_empty() {
            let mut reason = String::new();
            let _ = script.stderr.take().expect("piped").read_to_string(&mut reason);
            panic!("these tests need a real schema registry, which did not start: {reason}");
        }
        Self { folder, url: line.trim().to_owned(), _script: script, _pipe: pipe }
    }

    fn run(&self, command: &str) {
        let status = Command::new(script()).arg(command).arg(&self.folder).stdout(Stdio::null()).status();
        assert!(status.expect("services/registry.sh runs").success(), "registry.sh {command}");
    }

    /// Kills it as a power cut would end its process.
    pub(crate) fn kill(&self) {
        self.run("kill");
    }

    /// Starts it again, on the same port, with its data; returns when it serves.
    pub(crate) fn start_again(&self) {
        self.run("up");
    }

    /// A client that logs in rightly.
    pub(crate) fn client(&self) -> Registry {
        self.client_as(Some(PASSWORD))
    }

    /// A client with this password, or without a login.
    pub(crate) fn client_as(&self, password: Option<&str>) -> Registry {
        let mut settings = RegistrySettings::new(&self.url);
        settings.login = password.map(|password| Login { user: USER.to_owned(), password: password.to_owned() });
        Registry::new(&settings).expect("good settings")
    }
}

/// A subject that nobody has used.
pub(crate) fn subject(name: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{name}{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A folder of this run below the build's own; those of runs that have ended are removed.
fn scratch() -> PathBuf {
    let base = Path::new(env!("CARGO_TARGET_TMPDIR")).join("registry");
    std::fs::create_dir_all(&base).expect("folder");
    for entry in std::fs::read_dir(&base).expect("folder").flatten() {
        let ended = entry.file_name().to_str().is_some_and(|process| !Path::new("/proc").join(process).exists());
        if ended {
            // Another run may be removing it too.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    base.join(std::process::id().to_string())
}
