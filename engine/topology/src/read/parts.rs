//! The named parts of a publisher's documents. `file-names` reads them from the files of `--documents`, `matching` or `url`
//! from the address of what is found: what only the first knows is null in every document of the publisher.

use pattern::{FieldKind, Pattern};

use super::decode::verb;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::fields::Walk;
use crate::plan::Discover;
use crate::reader::Node;

/// Reports a part that each of the names has, and the way in which documents are found has not. One that only some have is
/// known to be null in others.
pub(super) fn are_found(walk: &Walk<'_>, discover: &Node, way: &Discover, file_names: &[Pattern]) {
    let (place, key, found) = match way {
        Discover::Links { matching, .. } => {
            (verb(discover, "links").and_then(|links| verb(links, "matching")), "matching", matching)
        }
        Discover::Calendar { url, .. } => (verb(discover, "url"), "url", url),
    };
    let (Some(place), Some(first)) = (place, file_names.first()) else { return };
    let has = |pattern: &Pattern, part: &str, kind: Option<FieldKind>| {
        pattern.fields().iter().any(|(name, of)| **name == *part && kind.is_none_or(|kind| kind == *of))
    };
    let everywhere = |part: &str| file_names.iter().all(|pattern| has(pattern, part, None));
    let lacking = |(part, kind): &&(_, FieldKind)| {
        let part: &std::sync::Arc<str> = part;
        everywhere(part) && !has(found, part, Some(*kind)) && !walk.parameters.is_broken(part)
    };
    let parts = first.fields();
    let Some((part, _)) = parts.iter().find(lacking) else { return };
    let what = match has(found, part, None) {
        true => format!("`{part}` has another form in `{key}` than in `file-names`"),
        false => format!("`{key}` has no part `{part}`, and `file-names` have it"),
    };
    let finding = Diagnostic::new(codes::PATTERN, place, what).because(
        "A document that was found is named by its address: its parts are those of `matching` or `url`, and `file-names` \
         only read files of `--documents`. A part that only they have would be null, and one document be two.",
    );
    walk.push(finding.remedy(match (way, file_names) {
        (Discover::Links { .. }, [only]) => format!(
            "write the part as there; the last part of an address will do: `matching: \"{}\"`",
            batch::bounded(only.text())
        ),
        (Discover::Links { .. }, _) => "write the part into `matching` as it stands in `file-names`".to_owned(),
        (Discover::Calendar { .. }, _) => {
            "a calendar fills `{date:...}` alone: write the other as a text, or `*`, in `file-names`".to_owned()
        }
    }));
}
