//! Shares the files of one folder out among sources, for `run --documents DIR`.
//!
//! The folder stands in for the publishers' calendars and pages, and each source claims files by its patterns. All of
//! it is decided by names alone before anything is read: a file that two sources claim is a mistake in the patterns,
//! and reading the others first would leave work to undo.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use connect::listed::{Claim, Round, claim, skipped};
use connect::{Discovery, Fields, Source, SourceError};
use pattern::Pattern;

use crate::file::FileOnDisk;
use crate::listing::{Listed, list_folder};

/// One file and the key that its name gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Its name.
    pub name: String,
    /// What the name says.
    pub fields: Fields,
}

/// Who reads what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assigned {
    /// Files of each source in order of name. Every source stands here, also one without files.
    pub per_source: BTreeMap<String, Vec<ClaimedFile>>,
    /// Files that no source claims, in order of name.
    pub not_claimed: Vec<PathBuf>,
    /// What lies in the folder and is no file: folders, links that lead nowhere, devices. In order of name.
    pub no_files: Vec<PathBuf>,
    /// Files that would be claimed, but for what their names say of them: unfinished, a copy, hidden. Each with the
    /// reason, as people are told of it.
    pub skipped: Vec<String>,
}

/// Why the files of a folder could not be shared out.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Two sources claim one file.
    #[error("`{file}` is claimed by {}", sources.join(" and "))]
    Twice {
        /// Name of the file.
        file: String,
        /// Names of the sources.
        sources: Vec<String>,
    },
    /// The folder cannot be listed.
    #[error("the folder `{folder}` cannot be listed")]
    Folder {
        /// The folder.
        folder: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A file that several sources claim.
#[derive(Debug)]
pub(crate) struct Twice {
    pub(crate) file: String,
    pub(crate) sources: Vec<String>,
}

/// Files as they were shared out, and those that could not be.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) assigned: Assigned,
    pub(crate) twice: Vec<Twice>,
}

/// Shares out files.
#[derive(Clone, Copy, Debug)]
pub struct Claims;

impl Claims {
    /// Gives each file of `folder` to the one source whose patterns match its name. Sub-folders are ignored, and so are
    /// hidden files unless a pattern spells the dot. Within one source the first pattern that matches gives the fields.
    ///
    /// # Errors
    /// [`ClaimError`]: nothing was assigned then.
    pub fn assign(folder: &Path, sources: &[(String, Vec<Pattern>)]) -> Result<Assigned, ClaimError> {
        let shared = Self::share(folder, sources)
            .map_err(|source| ClaimError::Folder { folder: folder.display().to_string(), source })?;
        match shared.twice.into_iter().next() {
            Some(Twice { file, sources }) => Err(ClaimError::Twice { file, sources }),
            None => Ok(shared.assigned),
        }
    }

    /// The same, where a file that two sources claim is no reason to leave the others.
    pub(crate) fn share(folder: &Path, sources: &[(String, Vec<Pattern>)]) -> io::Result<Shared> {
        let Listed { files, no_files, hidden } = list_folder(folder)?;
        let mut twice = Vec::new();
        let mut assigned = Assigned {
            per_source: sources.iter().map(|(source, _)| (source.clone(), Vec::new())).collect(),
            not_claimed: Vec::new(),
            no_files,
            skipped: Vec::new(),
        };
        let hidden = hidden.into_iter().map(|path| (path, true));
        for (path, hidden) in files.into_iter().map(|path| (path, false)).chain(hidden) {
            let Some(name) = path.file_name().and_then(|name| name.to_str()).map(str::to_owned) else {
                assigned.not_claimed.push(path);
                continue;
            };
            let (mut claims, mut aside) = (Vec::new(), None);
            for (source, patterns) in sources {
                match claim(patterns, &name) {
                    Claim::Taken(fields) => claims.push((source, fields)),
                    Claim::Skipped(why) => aside = Some(why),
                    Claim::No => {}
                }
            }
            let mut claims = claims.into_iter();
            let Some((source, fields)) = claims.next() else {
                match aside {
                    Some(why) => assigned.skipped.push(skipped(&path.to_string_lossy(), &why)),
                    None if hidden => {}
                    None => assigned.not_claimed.push(path),
                }
                continue;
            };
            let others: Vec<String> = claims.map(|(other, _)| other.clone()).collect();
            if !others.is_empty() {
                let sources = std::iter::once(source.clone()).chain(others).collect();
                twice.push(Twice { file: name, sources });
                continue;
            }
            assigned.per_source.entry(source.clone()).or_default().push(ClaimedFile { path, name, fields });
        }
        Ok(Shared { assigned, twice })
    }
}

/// Offers the files that one source was given, in their order, and nothing else.
#[derive(Debug)]
pub struct ClaimedFiles {
    folder: Arc<str>,
    files: Vec<ClaimedFile>,
}

impl ClaimedFiles {
    /// A source of these files. `folder` is for people.
    #[must_use]
    pub fn new(folder: &Path, files: Vec<ClaimedFile>) -> Self {
        Self { folder: folder.to_string_lossy().into(), files }
    }
}

impl Source for ClaimedFiles {
    fn round(&mut self, discovery: &mut dyn Discovery) -> Result<(), SourceError> {
        let mut round = Round::begin(discovery);
        for file in &self.files {
            round.offer(FileOnDisk { path: file.path.clone(), name: file.name.clone() }, &file.fields)?;
        }
        round.finish()
    }

    fn describe(&self) -> Arc<str> {
        Arc::clone(&self.folder)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use connect::listed::Aside;

    use super::*;

    fn sources(list: &[(&str, &[&str])]) -> Vec<(String, Vec<Pattern>)> {
        let patterns = |texts: &[&str]| texts.iter().map(|text| Pattern::parse(text).unwrap()).collect();
        list.iter().map(|(name, texts)| ((*name).to_owned(), patterns(texts))).collect()
    }

    fn folder_of(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        folder
    }

    #[test]
    fn each_file_goes_to_the_source_whose_pattern_matches() {
        let folder = folder_of(&[
            "cnsfails202105b.zip",
            "cnsfails202105a.trailers-stripped.txt",
            "NYSEshvol20210127.txt",
            "readme.md",
            ".cnsfails202105a.swp",
            "cnsfails202105a.zip.part",
        ]);
        fs::create_dir(folder.path().join("cnsfails202106a")).unwrap();
        let assigned = Claims::assign(
            folder.path(),
            &sources(&[
                ("sec-ftd/load", &["cnsfails{period:%Y%m}{half:[ab]}*"]),
                ("short/load", &["{market}shvol{date:%Y%m%d}.txt", "other*"]),
                ("none/load", &["nothing*"]),
            ]),
        )
        .unwrap();
        let ftd = &assigned.per_source["sec-ftd/load"];
        let names: Vec<&str> = ftd.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["cnsfails202105a.trailers-stripped.txt", "cnsfails202105b.zip"]);
        assert_eq!(ftd[0].fields["period"], "2021-05");
        assert_eq!(ftd[0].fields["half"], "a");
        assert_eq!(assigned.per_source["short/load"][0].fields["date"], "2021-01-27");
        assert!(assigned.per_source["none/load"].is_empty());
        assert_eq!(assigned.not_claimed, [folder.path().join("readme.md")]);
        assert_eq!(
            assigned.skipped,
            [skipped(&folder.path().join("cnsfails202105a.zip.part").to_string_lossy(), &Aside::Marked(".part"))]
        );
    }

    #[test]
    fn a_file_that_two_sources_claim_is_refused() {
        let folder = folder_of(&["a1.csv", "b1.csv"]);
        let error = Claims::assign(folder.path(), &sources(&[("one", &["a*", "b*"]), ("two", &["b1*"])])).unwrap_err();
        assert_eq!(error.to_string(), "`b1.csv` is claimed by one and two");
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = Claims::assign(&folder.path().join("gone"), &[]).unwrap_err();
        assert!(matches!(error, ClaimError::Folder { .. }));
    }

    #[cfg(unix)]
    #[test]
    fn a_name_that_is_not_utf8_is_not_claimed() {
        use std::os::unix::ffi::OsStrExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9.csv"));
        fs::write(&path, "x").unwrap();
        let assigned = Claims::assign(folder.path(), &sources(&[("all", &["*"])])).unwrap();
        assert_eq!(assigned.not_claimed, [path]);
    }
}
