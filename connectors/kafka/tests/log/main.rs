//! The log on a real Kafka. `services/kafka.sh` starts it; where Java or Maven are missing, these tests fail and say so.

mod conformance;
mod faults;
mod model;
mod support;
