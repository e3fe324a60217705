//! One round: hands files to the discovery, and gathers what goes wrong so that one bad file does not keep the others
//! away. At its end it looks for documents whose newest version has gone from the folder.
//!
//! Several files of one document are its versions in the order in which they are offered, and none is read again while all
//! lie there. If the
//! file with the newest content is gone (a stray copy that was deleted, say), the last of those that are still there is
//! offered in its place. That is decided by what the discovery remembers and by this round's files alone, so that it
//! comes out the same after a crash; and it is done once, because the file that is there is then the newest.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use crate::{Discovery, Fields, Found, Known, SourceError, tell_one_document};

/// A file that was listed, or an object.
pub trait Listed {
    /// Its bytes.
    type Content: Content;

    /// Its name, the last part of its address.
    fn name(&self) -> &str;

    /// Its address, as the discovery remembers it.
    fn url(&self) -> Cow<'_, str>;

    /// True if what had this address lay in the same folder, and that folder is there.
    fn lies_beside(&self, url: &str) -> bool;

    /// Opens it; `None` if it went away after it was listed.
    ///
    /// # Errors
    /// What keeps it from being read. The round goes on with the others.
    fn open(&self) -> Result<Option<Self::Content>, SourceError>;
}

/// The bytes of what was listed.
pub trait Content: Read {
    /// What is remembered of it as [`Found::validators`].
    fn validators(&self) -> Option<String>;

    /// True if its bytes are those of this fetch.
    fn is(&self, known: &Known) -> bool;

    /// Why it could not be read to its end, where that is no matter of the engine's.
    fn trouble(&mut self) -> Option<SourceError>;
}

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
pub struct Round<'a, Item> {
    discovery: &'a mut dyn Discovery,
    troubles: Troubles,
    /// What is there of each document, in the order in which it was offered.
    there: BTreeMap<Key, Vec<Item>>,
    /// Documents of which something could not be read.
    troubled: BTreeSet<Key>,
}

/// What tells documents of one source apart: what their names say, or the name itself where that is nothing.
type Key = (Fields, String);

impl<'a, Item: Listed> Round<'a, Item> {
    /// Begins a round.
    pub fn begin(discovery: &'a mut dyn Discovery) -> Self {
        Self { discovery, troubles: Troubles::default(), there: BTreeMap::new(), troubled: BTreeSet::new() }
    }

    /// Offers one file unless it is known not to have changed.
    ///
    /// # Errors
    /// Errors of the file are kept for the end of the round; what is returned is an error of the engine's own.
    pub fn offer(&mut self, item: Item, fields: &Fields) -> Result<(), SourceError> {
        let key = (fields.clone(), if fields.is_empty() { item.name().to_owned() } else { String::new() });
        let is_there = self.hand_over(&item, &key, None)?;
        if is_there {
            self.there.entry(key).or_default().push(item);
        }
        Ok(())
    }

    /// False if it is not there any more, or cannot be opened.
    fn hand_over(&mut self, item: &Item, key: &Key, instead_of: Option<String>) -> Result<bool, SourceError> {
        if self.discovery.stopping() {
            return Err(SourceError::Stopping);
        }
        let mut content = match item.open() {
            Ok(Some(content)) => content,
            // It went away after it was listed, so there is nothing to miss.
            Ok(None) => return Ok(false),
            Err(error) => {
                self.trouble(key, error);
                return Ok(false);
            }
        };
        let url = item.url();
        if instead_of.is_none() && self.discovery.known(&url).is_some_and(|known| content.is(&known)) {
            self.discovery.unchanged(&url)?;
            return Ok(true);
        }
        let found = self.discovery.found(Found {
            name: item.name().to_owned(),
            url: url.into_owned(),
            fields: key.0.clone(),
            validators: content.validators(),
            instead_of,
            content: &mut content,
        });
        match found.map_err(|error| (content.trouble(), error)) {
            Ok(_is_new) => {}
            Err((Some(trouble), _)) => self.trouble(key, trouble),
            Err((None, error)) => return Err(error),
        }
        Ok(true)
    }

    fn trouble(&mut self, key: &Key, error: SourceError) {
        self.troubled.insert(key.clone());
        self.troubles.note(error);
    }

    /// Looks for documents whose newest version is gone, and ends the round.
    ///
    /// # Errors
    /// The gravest of what went wrong.
    pub fn finish(mut self) -> Result<(), SourceError> {
        for (key, items) in std::mem::take(&mut self.there) {
            let Some(last) = items.last() else { continue };
            // What could not be read may be what is looked for.
            if self.troubled.contains(&key) {
                continue;
            }
            let urls: Vec<String> = items.iter().map(|item| item.url().into_owned()).collect();
            tell_one_document(self.discovery, last.name(), &key.0, &urls);
            if let Some(gone) = gone(self.discovery, &key.0, &items) {
                self.hand_over(last, &key, Some(gone))?;
            }
        }
        self.troubles.finish()
    }
}

/// The address of a document's newest version, if it was in the folder of these files of the document and none of them
/// has its content any more.
fn gone<Item: Listed>(discovery: &dyn Discovery, fields: &Fields, items: &[Item]) -> Option<String> {
    let newest = discovery.newest(items.first()?.name(), fields)?;
    let name = newest.url.rsplit('/').next();
    // By far the most documents: what is there is the newest.
    let is_there = |item: &Item| item.url() == newest.url || name == Some(item.name());
    let has_it = |item: &Item| discovery.known(&item.url()).is_some_and(|known| known.sha256 == newest.sha256);
    if items.iter().any(|item| is_there(item) || has_it(item)) {
        return None;
    }
    // A folder that is not there, as that of a disk which is not mounted, says nothing of its files.
    items.iter().any(|item| item.lies_beside(&newest.url)).then_some(newest.url)
}
