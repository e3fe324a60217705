//! One round: hands files to the discovery, and gathers what goes wrong so that one bad file does not keep the others
//! away. At its end it looks for documents whose newest version has gone from the folder.
//!
//! Several files of one document are its versions in order of name, and none is read again while all lie there. If the
//! file with the newest content is gone (a stray copy that was deleted, say), the last of those that are still there is
//! offered in its place. That is decided by what the discovery remembers and by this round's files alone, so that it
//! comes out the same after a crash; and it is done once, because the file that is there is then the newest.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use connect::{Discovery, Fields, Found, SourceError, tell_one_document};

use crate::listing::refused;
use crate::steady::{Stamp, SteadyFile};

/// A file whose last change is not older than this when it was fetched may have changed again within the same tick of
/// its file system's clock. Smaller misses such changes on coarse file systems; larger reads files again needlessly.
const TICK_MILLIS: i64 = 2_000;

/// What went wrong in a round. The round goes on; the gravest is its result.
#[derive(Debug, Default)]
struct Troubles {
    operator: Option<SourceError>,
    transient: Option<SourceError>,
}

impl Troubles {
    fn note(&mut self, error: SourceError) {
        match error {
            SourceError::Operator { .. } => self.operator.get_or_insert(error),
            _ => self.transient.get_or_insert(error),
        };
    }

    /// The result of the round: a person's matter before what mends itself.
    fn finish(self) -> Result<(), SourceError> {
        self.operator.or(self.transient).map_or(Ok(()), Err)
    }
}

/// A round that is going on.
pub(crate) struct Round<'a> {
    discovery: &'a mut dyn Discovery,
    troubles: Troubles,
    /// The files of each document that are there, in the order in which they were offered.
    there: BTreeMap<Key, Vec<File>>,
    /// Documents of which a file could not be read.
    troubled: BTreeSet<Key>,
}

/// What tells documents of one source apart: what their names say, or the name itself where that is nothing.
type Key = (Fields, String);

/// A file that is there.
struct File {
    path: PathBuf,
    name: String,
}

impl<'a> Round<'a> {
    pub(crate) fn begin(discovery: &'a mut dyn Discovery) -> Self {
        Self { discovery, troubles: Troubles::default(), there: BTreeMap::new(), troubled: BTreeSet::new() }
    }

    /// Offers one file unless it is known not to have changed.
    ///
    /// Errors of the file are kept for the end of the round; what is returned is an error of the engine's own.
    pub(crate) fn offer(&mut self, path: &Path, name: &str, fields: &Fields) -> Result<(), SourceError> {
        self.hand_over(path, name, fields, None)
    }

    fn hand_over(
        &mut self,
        path: &Path,
        name: &str,
        fields: &Fields,
        instead_of: Option<String>,
    ) -> Result<(), SourceError> {
        if self.discovery.stopping() {
            return Err(SourceError::Stopping);
        }
        let url = path.to_string_lossy().into_owned();
        let key = (fields.clone(), if fields.is_empty() { name.to_owned() } else { String::new() });
        let mut file = match SteadyFile::open(path) {
            Ok(file) => file,
            // It went away after it was listed, so there is nothing to miss.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                self.troubled.insert(key);
                self.troubles.note(refused(path, &error));
                return Ok(());
            }
        };
        if instead_of.is_none() {
            let there = File { path: path.to_owned(), name: name.to_owned() };
            self.there.entry(key.clone()).or_default().push(there);
        }
        let stamp = file.stamp();
        if instead_of.is_none() && is_known(self.discovery, &url, stamp) {
            return self.discovery.unchanged(&url);
        }
        let found = self.discovery.found(Found {
            name: name.to_owned(),
            url,
            fields: fields.clone(),
            validators: stamp.text(),
            instead_of,
            content: &mut file,
        });
        match found {
            Err(_) if file.unsteady => {
                self.troubled.insert(key);
                self.troubles.note(SourceError::Transient {
                    what: format!("`{}` changed while it was read; it is taken when it is at rest", path.display()),
                    retry_after: None,
                });
                Ok(())
            }
            other => other.map(|_is_new| ()),
        }
    }

    /// Looks for documents whose newest version is gone, and ends the round.
    pub(crate) fn finish(mut self) -> Result<(), SourceError> {
        for ((fields, name), files) in std::mem::take(&mut self.there) {
            let Some(last) = files.last() else { continue };
            // What could not be read may be what is looked for.
            if self.troubled.contains(&(fields.clone(), name)) {
                continue;
            }
            let urls: Vec<String> = files.iter().map(|file| file.path.to_string_lossy().into_owned()).collect();
            tell_one_document(self.discovery, &last.name, &fields, &urls);
            if let Some(gone) = gone(self.discovery, &fields, &files) {
                self.hand_over(&last.path, &last.name, &fields, Some(gone))?;
            }
        }
        self.troubles.finish()
    }
}

/// The address of a document's newest version, if it was in the folder of these files of the document and none of them
/// has its content any more.
fn gone(discovery: &dyn Discovery, fields: &Fields, files: &[File]) -> Option<String> {
    let newest = discovery.newest(&files.first()?.name, fields)?;
    let was = Path::new(&newest.url);
    // By far the most documents: what is there is the newest.
    let is_there = |file: &File| file.path == was || was.file_name().is_some_and(|name| *name == *file.name);
    let has_it =
        |file: &File| discovery.known(&file.path.to_string_lossy()).is_some_and(|known| known.sha256 == newest.sha256);
    if files.iter().any(|file| is_there(file) || has_it(file)) {
        return None;
    }
    // A folder that is not there, as that of a disk which is not mounted, says nothing of its files.
    let folder = folder_of(was)?;
    files.iter().any(|file| folder_of(&file.path).as_ref() == Some(&folder)).then_some(newest.url)
}

/// The folder in which a file lies or lay, however its path was written.
fn folder_of(path: &Path) -> Option<PathBuf> {
    let parent = path.parent()?;
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    parent.canonicalize().ok()
}

fn is_known(discovery: &dyn Discovery, url: &str, stamp: Stamp) -> bool {
    let Some(known) = discovery.known(url) else { return false };
    let long_ago = |changed: i64| known.fetched_at.saturating_sub(changed) > TICK_MILLIS;
    let settled = stamp.changed_millis().is_some_and(long_ago) && long_ago(stamp.touched_millis());
    settled && known.validators.is_some() && known.validators == stamp.text()
}
