//! One real registry for all tests of this binary, with a login.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use schema_registry_connector::{Login, Registry, RegistrySettings};
use testkit::{HeldService, service_folder};

const USER: &str = "feeds";
const PASSWORD: &str = "right";

/// The registry that this process started.
pub(crate) struct Service {
    service: HeldService,
    pub(crate) url: String,
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

impl Service {
    fn start() -> Self {
        let folder = service_folder(Path::new(env!("CARGO_TARGET_TMPDIR")), "registry");
        let service = HeldService::start("registry.sh", &folder, &["--login", &format!("{USER}:{PASSWORD}")]);
        let url = service.address().to_owned();
        Self { service, url }
    }

    /// Kills it as a power cut would end its process.
    pub(crate) fn kill(&self) {
        self.service.kill();
    }

    /// Starts it again, on the same port, with its data; returns when it serves.
    pub(crate) fn start_again(&self) {
        self.service.start_again();
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
