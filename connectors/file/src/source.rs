//! The `files:` source: a folder, a glob, or one file.

use std::path::PathBuf;
use std::sync::Arc;

use connect::listed::{Aside, Claim, Misfits, Round, claim, mark, skipped, spells};
use connect::{Discovery, Fields, Source, SourceError};
use pattern::Pattern;

use crate::file::FileOnDisk;
use crate::listing::{Listed, list, no_file};

/// What a topology file says of a source of files.
#[derive(Clone, Debug, PartialEq)]
pub struct FileSettings {
    /// A folder, a glob, or one file. Relative paths are the caller's to resolve.
    pub path: Arc<str>,
    /// What names of files must look like; the first that matches gives the fields. Empty: every file is taken, and
    /// its key is the field `name`, so that no file is mistaken for a version of another.
    pub file_names: Vec<Pattern>,
    /// What the other sources of the run take from the same path. Their files are not named as those of nobody.
    pub of_others: Vec<Pattern>,
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

    fn claim(&self, name: &str) -> Claim {
        // Who names the file, or a glob that ends so, means it.
        let mark = mark(name).filter(|mark| !spells(&self.settings.path, mark));
        match (self.settings.file_names.is_empty(), mark) {
            (true, None) => Claim::Taken(Fields::from([("name".to_owned(), name.to_owned())])),
            (true, Some(mark)) => Claim::Skipped(Aside::Marked(mark)),
            (false, _) => claim(&self.settings.file_names, name),
        }
    }

    fn is_of_others(&self, name: &str) -> bool {
        claim(&self.settings.of_others, name) != Claim::No
    }

    /// What lies in the folder for other reasons is named only if it was meant to be read.
    fn name_others(&self, no_files: &[PathBuf], hidden: &[PathBuf], discovery: &mut dyn Discovery) {
        let patterns = &self.settings.file_names;
        for path in no_files {
            let name = path.file_name().and_then(|name| name.to_str());
            if name.is_some_and(|name| claim(patterns, name) != Claim::No) {
                discovery.not_claimed(&no_file(path));
            }
        }
        for path in hidden {
            let claim = path.file_name().and_then(|name| name.to_str()).map(|name| claim(patterns, name));
            if let Some(Claim::Skipped(aside)) = claim {
                discovery.not_claimed(&skipped(&path.to_string_lossy(), &aside));
            }
        }
    }
}

impl Source for FileSource {
    fn round(&mut self, discovery: &mut dyn Discovery) -> Result<(), SourceError> {
        let Listed { mut files, no_files, hidden } = list(&self.settings.path)?;
        self.name_others(&no_files, &hidden, discovery);
        // A pattern that begins with a dot means hidden files.
        let is_meant = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| matches!(claim(&self.settings.file_names, name), Claim::Taken(_)))
        };
        files.extend(hidden.into_iter().filter(is_meant));
        let (mut taken, mut misfits) = (Vec::new(), Misfits::default());
        for path in files {
            let name = path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
            match name.map(|name| (self.claim(&name), name)) {
                Some((Claim::Taken(fields), name)) => taken.push((path, name, fields)),
                Some((Claim::Skipped(aside), name)) => {
                    // Another source may mean it as it is, and tells it otherwise.
                    if !matches!(claim(&self.settings.of_others, &name), Claim::Taken(_)) {
                        discovery.not_claimed(&skipped(&path.to_string_lossy(), &aside));
                    }
                }
                Some((Claim::No, name)) if self.is_of_others(&name) => {}
                Some((Claim::No, _)) | None => {
                    misfits.add(path.file_name().unwrap_or_default().as_encoded_bytes());
                    discovery.not_claimed(&path.to_string_lossy());
                }
            }
        }
        let misfit = if taken.is_empty() { misfits.told(&self.settings.file_names) } else { None };
        discovery.looked(&self.settings.path, taken.len(), misfit.as_deref());
        let mut round = Round::begin(discovery);
        for (path, name, fields) in taken {
            round.offer(FileOnDisk { path, name }, &fields)?;
        }
        round.finish()
    }

    fn describe(&self) -> Arc<str> {
        Arc::clone(&self.settings.path)
    }
}

#[cfg(test)]
#[path = "tests.rs"]
pub(crate) mod tests;
