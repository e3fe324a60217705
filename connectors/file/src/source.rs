//! The `files:` source: a folder, a glob, or one file.

use std::sync::Arc;

use connect::{Discovery, Fields, Source, SourceError};
use pattern::Pattern;

use crate::listing::{Listed, list, no_file};
use crate::offer::{Troubles, offer};

/// What a topology file says of a source of files.
#[derive(Clone, Debug, PartialEq)]
pub struct FileSettings {
    /// A folder, a glob, or one file. Relative paths are the caller's to resolve.
    pub path: Arc<str>,
    /// What names of files must look like; the first that matches gives the fields. Empty: every file is taken, and
    /// its key is the field `name`, so that no file is mistaken for a version of another.
    pub file_names: Vec<Pattern>,
}

/// Offers files in order of name. Each round looks anew; the runtime says when.
#[derive(Debug)]
pub struct FileSource {
    settings: FileSettings,
}

impl FileSource {
    /// A source with these settings. Nothing is touched before the first round.
    #[must_use]
    pub fn new(settings: FileSettings) -> Self {
        Self { settings }
    }

    fn fields(&self, name: &str) -> Option<Fields> {
        if self.settings.file_names.is_empty() {
            return Some(Fields::from([("name".to_owned(), name.to_owned())]));
        }
        self.settings.file_names.iter().find_map(|pattern| pattern.matches(name))
    }
}

impl Source for FileSource {
    fn round(&mut self, discovery: &mut dyn Discovery) -> Result<(), SourceError> {
        let mut troubles = Troubles::default();
        let Listed { files, no_files } = list(&self.settings.path)?;
        for path in no_files {
            let name = path.file_name().and_then(|name| name.to_str());
            // Others lie in the folder for other reasons; this one was meant to be read.
            if name.is_some_and(|name| !self.settings.file_names.is_empty() && self.fields(name).is_some()) {
                discovery.not_claimed(&no_file(&path));
            }
        }
        let mut fitting = 0;
        for path in files {
            if discovery.stopping() {
                return Err(SourceError::Stopping);
            }
            let name = path.file_name().and_then(|name| name.to_str());
            match name.and_then(|name| self.fields(name).map(|fields| (name, fields))) {
                Some((name, fields)) => {
                    fitting += 1;
                    offer(discovery, &path, name, fields, &mut troubles)?;
                }
                None => discovery.not_claimed(&path.to_string_lossy()),
            }
        }
        discovery.looked(&self.settings.path, fitting);
        troubles.finish()
    }

    fn describe(&self) -> Arc<str> {
        Arc::clone(&self.settings.path)
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
