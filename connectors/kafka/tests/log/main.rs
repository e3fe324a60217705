//! The log on a real Kafka. `services/kafka.sh` starts it; where Java or Maven are missing, these tests fail and say so.

#![expect(clippy::panic, reason = "a test that cannot go on says why")]

mod conformance;
mod damage;
mod elsewhere;
mod faults;
mod membership;
mod model;
mod silence;
mod support;
mod unknown;
