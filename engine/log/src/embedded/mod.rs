//! The log that is embedded on one machine.
