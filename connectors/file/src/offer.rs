//! Hands one file to the discovery, and gathers what goes wrong so that one bad file does not keep the others away.

use std::io;
use std::path::Path;

use connect::{Discovery, Fields, Found, SourceError};

use crate::listing::refused;
use crate::steady::{Stamp, SteadyFile};

/// A file whose last change is not older than this when it was fetched may have changed again within the same tick of
/// its file system's clock. Smaller misses such changes on coarse file systems; larger reads files again needlessly.
const TICK_MILLIS: i64 = 2_000;

/// What went wrong in a round. The round goes on; the gravest is its result.
#[derive(Debug, Default)]
pub(crate) struct Troubles {
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
    pub(crate) fn finish(self) -> Result<(), SourceError> {
        self.operator.or(self.transient).map_or(Ok(()), Err)
    }
}

/// Offers one file unless it is known not to have changed.
///
/// Errors of the file are noted in `troubles`; what is returned is an error of the engine's own.
pub(crate) fn offer(
    discovery: &mut dyn Discovery,
    path: &Path,
    name: &str,
    fields: Fields,
    troubles: &mut Troubles,
) -> Result<(), SourceError> {
    let url = path.to_string_lossy().into_owned();
    let mut file = match SteadyFile::open(path) {
        Ok(file) => file,
        // It went away after it was listed, so there is nothing to miss.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            troubles.note(refused(path, &error));
            return Ok(());
        }
    };
    let stamp = file.stamp();
    if is_known(discovery, &url, stamp) {
        return discovery.unchanged(&url);
    }
    let found =
        discovery.found(Found { name: name.to_owned(), url, fields, validators: stamp.text(), content: &mut file });
    match found {
        Err(_) if file.unsteady => {
            troubles.note(SourceError::Transient {
                what: format!("`{}` changed while it was read; it is taken when it is at rest", path.display()),
                retry_after: None,
            });
            Ok(())
        }
        other => other.map(|_is_new| ()),
    }
}

fn is_known(discovery: &dyn Discovery, url: &str, stamp: Stamp) -> bool {
    let Some(known) = discovery.known(url) else { return false };
    let settled = stamp.changed_millis().is_some_and(|changed| known.fetched_at.saturating_sub(changed) > TICK_MILLIS);
    settled && known.validators.is_some() && known.validators == stamp.text()
}
