//! Synthetic publishers: files in the true formats, served on loopback, for the demonstration and for tests.
