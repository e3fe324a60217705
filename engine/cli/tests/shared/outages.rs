//! Services that hang, die and come back while two processes work: the table and the topics end as if nothing had been.
//!
//! Each seed strikes every fault once, in an order and at moments of its own, each in the middle of a document that has
//! just been published. The services are not those of the other tests, which do not expect this. A fault is printed with
//! the rows before and after it, of all that must come.
//!
//! After a broker hung, a process may find its place in a group taken by its own request that it believed lost. It ends
//! with 75, which asks whoever started it to do so again; the test does, and says so.
//!
//! ```sh
//! SPOTLIGHT_SHARED_OUTAGE=60 cargo test --test shared outages -- --nocapture      # seconds that a broker is away; 20
//! SPOTLIGHT_SHARED_FAULT=hanging-broker SPOTLIGHT_SHARED_SEED=7 cargo test --test shared outages -- --nocapture
//! ```

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use testkit::Random;

use crate::program::variable;
use crate::seeds;
use crate::services::Services;
use crate::world::{Size, World};

/// Done to a service that is then away for so long.
type Fault = fn(&Services, Duration);

/// What happens to a service, by name. A broker is away for longer than a session and a transaction may last.
const FAULTS: [(&str, Fault); 4] = [
    ("hanging-broker", |services, time| services.hang_broker(time)),
    ("lost-broker", |services, time| services.lose_broker(time)),
    ("lost-registry", |services, time| services.lose_registry(time / 4)),
    ("lost-clickhouse", |services, time| services.lose_clickhouse(time / 10)),
];

/// Services that a test may stop, one test at a time.
pub(crate) fn troubled() -> MutexGuard<'static, Services> {
    static SERVICES: OnceLock<Mutex<Services>> = OnceLock::new();
    let services = SERVICES.get_or_init(|| Mutex::new(Services::start("outages")));
    services.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does something to a service, and notes it with the rows before and after.
pub(crate) fn strike(world: &mut World<'_>, name: &str, fault: impl FnOnce()) {
    let before = world.rows();
    fault();
    let after = world.rows();
    world.note(format!("{name} from {before} to {after} of {} rows", world.wanted()));
}

#[test]
fn whatever_happens_to_the_services_each_row_is_there_once() {
    let away = variable("SPOTLIGHT_SHARED_OUTAGE").map_or(20, |text| text.parse().expect("seconds"));
    let only = variable("SPOTLIGHT_SHARED_FAULT");
    let services = troubled();
    let scratch = tempfile::Builder::new().prefix("outages").tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    // Kept if the test fails: what the processes said is the only witness.
    let folder = scratch.keep();
    for seed in seeds(1) {
        let mut world = World::new(&services, &folder, ("outages", seed), Size { rows: 6_000, at_once: false });
        let mut random = Random::new(seed);
        let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
        let mut faults: Vec<_> = FAULTS.iter().filter(|(name, _)| wanted(name)).collect();
        assert!(!faults.is_empty(), "SPOTLIGHT_SHARED_FAULT is one of {:?}", FAULTS.map(|(name, _)| name));
        world.start("one");
        world.start("two");
        while !faults.is_empty() {
            world.publish(&mut random);
            let (name, fault) = faults.remove(random.below(faults.len() as u64) as usize);
            strike(&mut world, name, || fault(&services, Duration::from_secs(away)));
        }
        world.publish_all();
        world.finish();
        println!("seed {seed}: {}", world.history());
    }
    std::fs::remove_dir_all(&folder).expect("a folder of this test");
}
