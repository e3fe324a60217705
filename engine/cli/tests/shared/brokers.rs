//! Three brokers, three copies of each topic of which two must have a record: one broker after another is killed while
//! two processes work. The work goes on meanwhile, and each row is there once.
//!
//! Two deaths are part of every run. More, up to four:
//!
//! ```sh
//! SPOTLIGHT_SHARED_DEATHS=4 cargo test --test shared brokers -- --nocapture
//! ```

use testkit::Random;

use crate::independent;
use crate::program::{until, variable};
use crate::seeds;
use crate::services::Services;
use crate::world::{Size, World};

#[test]
fn one_broker_of_three_after_another_dies_and_each_row_is_there_once() {
    let deaths = variable("SPOTLIGHT_SHARED_DEATHS").map_or(2, |text| text.parse::<u32>().expect("a number of deaths"));
    let services = Services::with_brokers("brokers", "3");
    let scratch = tempfile::Builder::new().prefix("brokers").tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    // Kept if the test fails: what the processes said is the only witness.
    let folder = scratch.keep();
    for seed in seeds(1) {
        let mut world = World::new(&services, &folder, ("brokers", seed), Size { rows: 3_000, at_once: false });
        let mut random = Random::new(seed);
        world.start("one");
        world.start("two");
        let mut before = 0;
        for _ in 0..deaths {
            world.publish(&mut random);
            let broker = [1, 2, 3].into_iter().filter(|one| *one != before).nth(random.below(2) as usize);
            let broker = broker.expect("two others");
            // A copy that lags behind is none: with it and the dead one gone, one is left, and records want two.
            until("all copies to have caught up", || independent::in_sync(services.kafka()).then_some(()));
            let rows = world.rows();
            services.kill_broker(broker);
            world.wait_for_published();
            world.note(format!("broker {broker} dead from {rows} to {} of {} rows", world.rows(), world.wanted()));
            services.start_brokers();
            before = if before == 0 { broker } else { 0 };
        }
        world.publish_all();
        world.finish();
        println!("seed {seed}: {}", world.history());
    }
    std::fs::remove_dir_all(&folder).expect("a folder of this test");
}
