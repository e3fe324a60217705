//! The client of a registry against a real one, which `services/registry.sh` starts, and against answers that a real one
//! cannot be made to give. Where Java or Maven are missing, the tests with the real one fail and say so.

mod outage;
mod real;
mod stub;
mod support;
