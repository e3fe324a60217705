//! The folder of an endless `run --documents DIR`: shared out anew in each round, as files come while the run goes on.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use batch::bounded;
use connect::listed::Round;
use connect::{Discovery, Source, SourceError};
use pattern::Pattern;

use crate::claims::{Claims, Shared};
use crate::explanations::CLAIMED_TWICE;
use crate::file::FileOnDisk;
use crate::listing::{missing, refused};

/// The sources of a run, by name, and the patterns of the names that each claims.
pub type Sources = Arc<[(String, Vec<Pattern>)]>;

/// Offers to one source the files that it claims at the time of the round. A file that another source of the run claims
/// too is offered to neither: it is a mistake in the patterns, or in the file's name, and both wait for its end.
#[derive(Debug)]
pub struct WatchedFolder {
    folder: PathBuf,
    source: String,
    sources: Sources,
}

impl WatchedFolder {
    /// What `source` gets of `folder`, which all `sources` of the run share.
    #[must_use]
    pub fn new(folder: &Path, source: &str, sources: Sources) -> Self {
        Self { folder: folder.to_owned(), source: source.to_owned(), sources }
    }
}

impl Source for WatchedFolder {
    fn round(&mut self, discovery: &mut dyn Discovery) -> Result<(), SourceError> {
        let shared = Claims::share(&self.folder, &self.sources).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => missing(&self.folder),
            _ => refused(&self.folder, &error),
        })?;
        let Shared { mut assigned, twice } = shared;
        for path in &assigned.not_claimed {
            discovery.not_claimed(&path.to_string_lossy());
        }
        assigned.skipped.iter().for_each(|skipped| discovery.not_claimed(skipped));
        let mut round = Round::begin(discovery);
        for file in assigned.per_source.remove(&self.source).unwrap_or_default() {
            round.offer(FileOnDisk { path: file.path, name: file.name }, &file.fields)?;
        }
        let finished = round.finish();
        match twice.iter().find(|twice| twice.sources.contains(&self.source)) {
            None => finished,
            Some(twice) => Err(SourceError::Operator {
                code: CLAIMED_TWICE,
                what: bounded(&format!(
                    "`{}` is claimed by {}: none of them reads it",
                    self.folder.join(&twice.file).display(),
                    twice.sources.join(" and ")
                )),
                remedy:
                    "give the file the name under which it was published, or take it out of the folder; or stop the \
                         run and make the `file-names` patterns tell the files apart"
                        .to_owned(),
            }),
        }
    }

    fn describe(&self) -> Arc<str> {
        self.folder.to_string_lossy().into()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::source::tests::Notebook;

    #[test]
    fn what_comes_later_is_offered_and_what_two_claim_holds_both_until_it_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        let patterns = |texts: &[&str]| texts.iter().map(|text| Pattern::parse(text).unwrap()).collect();
        let sources: Sources = [("one", &["a{n}.csv", "both{n}.csv"][..]), ("two", &["b{n}.csv"])]
            .map(|(name, texts)| (name.to_owned(), patterns(texts)))
            .into();
        let mut one = WatchedFolder::new(folder.path(), "one", Arc::clone(&sources));
        let mut two = WatchedFolder::new(folder.path(), "two", sources);

        fs::write(file("a1.csv"), "x").unwrap();
        let mut notebook = Notebook::default();
        one.round(&mut notebook).unwrap();
        two.round(&mut notebook).unwrap();
        assert_eq!(notebook.lines, [r#"a1.csv {"n": "1"} x"#]);

        for (name, text) in [("a2.csv", "y"), ("both1.csv", "z"), ("b1.csv", "w"), ("other.csv", "v")] {
            fs::write(file(name), text).unwrap();
        }
        let mut notebook = Notebook::default();
        for source in [&mut one, &mut two] {
            match source.round(&mut notebook).unwrap_err() {
                SourceError::Operator { code, what, .. } => {
                    assert_eq!(code.0, "E5424");
                    assert!(what.contains("both1.csv` is claimed by one and two"), "{what}");
                }
                other => panic!("{other}"),
            }
        }
        let offered = notebook.lines.iter().filter(|line| !line.starts_with("not claimed"));
        assert_eq!(
            offered.collect::<Vec<_>>(),
            [r#"a1.csv {"n": "1"} x"#, r#"a2.csv {"n": "2"} y"#, r#"b1.csv {"n": "1"} w"#]
        );
        assert!(notebook.lines.iter().any(|line| line.contains("other.csv")), "{:?}", notebook.lines);

        fs::remove_file(file("both1.csv")).unwrap();
        one.round(&mut Notebook::default()).unwrap();
        two.round(&mut Notebook::default()).unwrap();
        fs::remove_dir_all(folder.path()).unwrap();
        let error = one.round(&mut Notebook::default()).unwrap_err();
        assert!(matches!(error, SourceError::Operator { code, .. } if code.0 == "E5421"), "{error}");
    }
}
