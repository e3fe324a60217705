//! What another crate needs to have its own YAML files read, judged and explained as topology files are.
//!
//! It declares its keys once with [`Keys`], as `language` does: the reader takes them from there, and [`schema_of`] makes
//! the JSON Schema for editors. [`Reading`] holds what is found wrong; a [`Walk`] goes through the tree by hand.
//! Structure is judged here, with this crate's codes; what values mean is the other crate's matter, with its own.
//!
//! Deliberately absent: templates. No `param.NAME` stands for a value in such a file.

use std::time::Duration;

use crate::diagnostic::{Diagnostic, Findings};
use crate::parameters::Parameters;
use crate::reader;
use crate::scalars;

pub use crate::fields::{Fields, Walk};
pub use crate::language::{Form, Key, Keys, Named, Names, Rule, Written, may, must, schema_of, topology_keys, written};
pub use crate::reader::{Entry, Node};

/// A duration as people write it: `500ms`, `1s`, `15m`, `30h`, `20d`.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    scalars::duration(text)
}

/// What is found while one file is read.
#[derive(Debug, Default)]
pub struct Reading {
    findings: Findings,
    parameters: Parameters,
}

impl Reading {
    /// Reads a file's bytes into a tree. `None` after at least one finding.
    #[must_use]
    pub fn read(&self, path: &str, bytes: &[u8]) -> Option<Node> {
        reader::read(path, bytes, &self.findings)
    }

    /// What goes through the tree.
    #[must_use]
    pub fn walk(&self) -> Walk<'_> {
        Walk { findings: &self.findings, parameters: &self.parameters }
    }

    /// All findings by place.
    #[must_use]
    pub fn findings(self) -> Vec<Diagnostic> {
        self.findings.sorted()
    }
}
