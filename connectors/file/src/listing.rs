//! Which files a path means: a folder, a glob, or one file. Nothing is opened here.
//!
//! Order is by the bytes of the name, then of the path, so that several files of one key become versions in the order
//! that their names say. Hidden files (names that start with `.`) stand apart, and what a folder's sub-folders hold is
//! left out; a glob enters sub-folders where it says so.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use batch::{Code, bounded};
use connect::{SourceError, version_order};

use crate::explanations::{FILE_REFUSED, NOT_A_GLOB, NOT_THERE};

/// What a path means now, in order.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    /// Files.
    pub(crate) files: Vec<PathBuf>,
    /// What is none: folders, links that lead nowhere, devices.
    pub(crate) no_files: Vec<PathBuf>,
    /// Hidden files of a folder.
    pub(crate) hidden: Vec<PathBuf>,
}

/// What is no file, with the reason, as people are told of it.
#[must_use]
pub fn no_file(path: &Path) -> String {
    format!("{} (no file: a folder, a broken link or a device)", path.display())
}

/// The files that `path` means now.
pub(crate) fn list(path: &str) -> Result<Listed, SourceError> {
    let place = Path::new(path);
    match fs::metadata(place) {
        Ok(metadata) if metadata.is_dir() => list_folder(place).map_err(|error| refused(place, &error)),
        Ok(metadata) if metadata.is_file() => Ok(Listed { files: vec![place.to_owned()], ..Listed::default() }),
        // Nobody knows when such a one ends, or whether it ever begins.
        Ok(_) => Err(operator(FILE_REFUSED, place, "is a pipe or a device, and no file", NAMES)),
        Err(error) if error.kind() == io::ErrorKind::NotFound && path.contains(['*', '?', '[']) => list_glob(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(missing(place)),
        Err(error) => Err(refused(place, &error)),
    }
}

/// What a path of a source may name.
const NAMES: &str = "name a folder, a glob or a file";

/// What lies in `folder` itself, in order of name.
pub(crate) fn list_folder(folder: &Path) -> io::Result<Listed> {
    let mut listed = Listed::default();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !is_hidden(&entry.file_name()) {
            listed.add(entry.path())?;
        } else if is_file(&entry.path())? {
            listed.hidden.push(entry.path());
        }
    }
    Ok(listed.sorted())
}

impl Listed {
    fn add(&mut self, path: PathBuf) -> io::Result<()> {
        let list = if is_file(&path)? { &mut self.files } else { &mut self.no_files };
        list.push(path);
        Ok(())
    }

    fn sorted(mut self) -> Self {
        sort(&mut self.files);
        sort(&mut self.no_files);
        sort(&mut self.hidden);
        self
    }
}

fn list_glob(glob: &str) -> Result<Listed, SourceError> {
    let base = fixed_part(glob);
    if !base.is_dir() {
        return Err(missing(&base));
    }
    let options =
        glob::MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };
    let found = glob::glob_with(glob, options).map_err(|error| SourceError::Operator {
        code: NOT_A_GLOB,
        what: bounded(&format!("`{glob}` is no valid glob: {error}")),
        remedy: "write `*` for any part of a name, and `[[]` for the bracket itself".to_owned(),
    })?;
    let mut listed = Listed::default();
    for entry in found {
        let path = entry.map_err(|error| refused(error.path(), error.error()))?;
        listed.add(path.clone()).map_err(|error| refused(&path, &error))?;
    }
    Ok(listed.sorted())
}

/// The folder above the first part of a glob that is not literal.
fn fixed_part(glob: &str) -> PathBuf {
    let base: PathBuf =
        Path::new(glob).iter().take_while(|part| !part.to_string_lossy().contains(['*', '?', '['])).collect();
    if base.as_os_str().is_empty() { PathBuf::from(".") } else { base }
}

/// Follows links. A link that leads nowhere, or a file that went away meanwhile, is no file.
fn is_file(path: &Path) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.is_file()),
        // One that leads to itself hides no other file either.
        Err(error) if error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(LOOP) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Linux's number for a link that leads to itself (`ELOOP`). The library's own name for it is not stable yet.
const LOOP: i32 = 40;

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

fn sort(paths: &mut [PathBuf]) {
    paths.sort_by(|left, right| compare(left, right));
}

/// By name as versions follow each other, then by the whole path.
fn compare(left: &Path, right: &Path) -> Ordering {
    let name = |path: &Path| path.file_name().map(|name| name.as_encoded_bytes().to_vec()).unwrap_or_default();
    version_order(&name(left), &name(right))
        .then_with(|| left.as_os_str().as_encoded_bytes().cmp(right.as_os_str().as_encoded_bytes()))
}

/// The error of a place that is not there.
pub(crate) fn missing(place: &Path) -> SourceError {
    let absolute = std::path::absolute(place).unwrap_or_else(|_| place.to_owned());
    if let Some(file) = absolute.ancestors().skip(1).find(|above| above.exists()).filter(|above| !above.is_dir()) {
        let what = format!("is not there: `{}` is a file, and no folder", file.display());
        return operator(NOT_THERE, &absolute, &what, "correct the path");
    }
    operator(NOT_THERE, &absolute, "is not there", "make it, mount its disk, or correct the path")
}

/// The error of a path that the operating system does not let us read.
pub(crate) fn refused(place: &Path, error: &io::Error) -> SourceError {
    let remedy = match error.kind() {
        // A part of the path is a file.
        io::ErrorKind::NotADirectory => return missing(place),
        io::ErrorKind::PermissionDenied => "give the user that runs Spotlight the right to read it",
        _ => "look at the path, and at the disk on which it lies",
    };
    operator(FILE_REFUSED, place, &format!("cannot be read: {error}"), remedy)
}

fn operator(code: Code, place: &Path, what: &str, remedy: &str) -> SourceError {
    SourceError::Operator { code, what: bounded(&format!("`{}` {what}", place.display())), remedy: remedy.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(paths: &[PathBuf], base: &Path) -> Vec<String> {
        paths.iter().map(|path| path.strip_prefix(base).unwrap().display().to_string()).collect()
    }

    #[test]
    fn later_versions_stand_after_earlier_ones() {
        let wanted = [
            "list_1.txt",
            "list_9.csv",
            "list_9.txt",
            "list_10.txt",
            "list_20260106.txt",
            "list_20260106 (corrected).txt",
            "list_20260106-v2.txt",
            "list_20260106-v10.txt",
            "list_20260106_0.txt",
            "list_20260106_corrected.txt",
            "list_99999999999999999999999999999999999999999.txt",
        ];
        let mut paths: Vec<PathBuf> = wanted.iter().rev().map(|name| PathBuf::from("in").join(name)).collect();
        sort(&mut paths);
        assert_eq!(paths, wanted.map(|name| PathBuf::from("in").join(name)));
    }

    #[test]
    fn a_path_means_a_folder_a_glob_or_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path();
        for name in
            ["b.csv", "a.csv", "B.csv", ".hidden.csv", "odd[1].csv", "sub/c.csv", "sub/deep/d.csv", "sub/.e.csv"]
        {
            fs::create_dir_all(base.join(name).parent().unwrap()).unwrap();
            fs::write(base.join(name), "x").unwrap();
        }
        let cases: &[(&str, &[&str])] = &[
            ("", &["B.csv", "a.csv", "b.csv", "odd[1].csv"]),
            ("a.csv", &["a.csv"]),
            ("odd[1].csv", &["odd[1].csv"]),
            ("[ab].csv", &["a.csv", "b.csv"]),
            ("*/*.csv", &["sub/c.csv"]),
            ("**/*.csv", &["B.csv", "a.csv", "b.csv", "sub/c.csv", "sub/deep/d.csv", "odd[1].csv"]),
            ("sub", &["sub/c.csv"]),
            ("*.txt", &[]),
        ];
        for (path, expected) in cases {
            let found = list(base.join(path).to_str().unwrap()).unwrap();
            assert_eq!(names(&found.files, base), *expected, "{path}");
        }
    }

    #[test]
    fn what_is_not_there_is_the_operators_to_mend() {
        let folder = tempfile::tempdir().unwrap();
        for (path, code) in [("gone", NOT_THERE), ("gone/*.csv", NOT_THERE), ("a[b", NOT_A_GLOB)] {
            let error = list(folder.path().join(path).to_str().unwrap()).unwrap_err();
            assert!(matches!(error, SourceError::Operator { code: found, .. } if found == code), "{path}: {error}");
        }
        fs::write(folder.path().join("a.csv"), "x").unwrap();
        for path in ["a.csv/in", "a.csv/in/*.csv", "a.csv/*.csv"] {
            let error = list(folder.path().join(path).to_str().unwrap()).unwrap_err();
            let SourceError::Operator { code, what, remedy } = error else { panic!("{path}: {error}") };
            let file = folder.path().join("a.csv");
            assert_eq!((code, &*remedy), (NOT_THERE, "correct the path"), "{path}: {what}");
            assert!(what.ends_with(&format!("is not there: `{}` is a file, and no folder", file.display())), "{what}");
        }
        let error = list("/dev/null").unwrap_err();
        let refused = SourceError::Operator {
            code: FILE_REFUSED,
            what: "`/dev/null` is a pipe or a device, and no file".to_owned(),
            remedy: "name a folder, a glob or a file".to_owned(),
        };
        assert_eq!(error.to_string(), refused.to_string());
    }
}
