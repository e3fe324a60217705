//! Seeded faults, services held for tests, conformance suites, and the rules of the house as tests.

mod held_service;
mod hooked_log;
mod kafka_proxy;
pub mod landing_suite;
pub mod log_suite;
pub mod loopback;
mod model_table;
mod random;
pub mod raw_suite;

pub use held_service::{HeldService, service_folder};
pub use hooked_log::{CommitHook, HookedLog};
pub use kafka_proxy::{KafkaProxy, Loses, SILENCED};
pub use model_table::{Call, MODEL_TROUBLE, ModelRow, ModelTable, Trouble};
pub use random::Random;
