//! What is told of documents that were refused or are no data: what stays of an earlier version, and whose files are gone.
//!
//! Who takes a refused file away has decided about it: if nothing of the document is in a table either, nothing is left to
//! do. It is told, and holds no status. Where rows of an earlier version stay it goes on to count as refused, as
//! those who read the table cannot see that a newer version was there.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use runtime::{FlowState, Refusal, Standing, names};

use crate::show;

/// What stays of an earlier version, as the end of a sentence.
pub(crate) fn stays(standing: Option<Standing>) -> String {
    standing.map_or(String::new(), |Standing { version, rows }| {
        let stay = if rows == 1 { "stays" } else { "stay" };
        format!("; {} of version {version} {stay}", show::counted(rows, "row"))
    })
}

/// The line of a refused document at the end of a run of a revision.
pub(crate) fn line(flow: &str, refusal: &Refusal, now: &str) -> String {
    let back = match is_gone(&refusal.url) {
        true => "; its file is gone: put it back into its folder, mended or as it was before",
        false => "",
    };
    // What waits on hold has tried nothing yet.
    let before = match now.is_empty() || refusal.revision.is_empty() || refusal.revision == now {
        true => "",
        false => "; by the topology file as it was before: that of now has not read it yet",
    };
    format!("refused: {}{}{}{back}{before}", told(flow, refusal), found_in(&refusal.url), stays(refusal.stays))
}

/// What can be done about a document that nobody will mend, by the first one that is refused.
pub(crate) fn way_out(flows: &BTreeMap<String, FlowState>) -> Option<String> {
    // What only a rebuild refuses is let go by `rebuild --accept-refused`, of which the rebuild speaks itself.
    let flows = || flows.iter().filter(|(name, _)| names::generation(name) == 1);
    let (flow, refusal) = flows().find_map(|(flow, state)| Some((flow, state.refused.values().next()?)))?;
    let name = show::argument(&show::foreign(&refusal.name));
    let others = flows().map(|(_, state)| state.refused.len() as u64).sum::<u64>() - 1;
    let likewise = match others {
        0 => String::new(),
        // The command gives up one flow's documents, so that they cannot all stand in one.
        _ => {
            format!("; {} more likewise, each by its flow and name: spotlight receipts --refused", show::count(others))
        }
    };
    Some(format!("  if its publisher will not mend it: spotlight dlq give-up {flow} --document {name}{likewise}"))
}

/// The folder of a file, as the end of a sentence: it may be another one than this run reads.
fn found_in(url: &str) -> String {
    let folder = Path::new(url).parent().filter(|folder| !url.contains("://") && !folder.as_os_str().is_empty());
    folder.map_or(String::new(), |folder| format!("; found in `{}`", show::foreign(&folder.display().to_string())))
}

/// The line of one that was set aside.
pub(crate) fn gone_line(flow: &str, refusal: &Refusal) -> String {
    format!(
        "gone: {}; its file is not there any more, and no row of it is anywhere: it counts no longer, until a file of it \
         is there again",
        told(flow, refusal)
    )
}

fn told(flow: &str, Refusal { name, outcome, code, message, .. }: &Refusal) -> String {
    let code = if code.is_empty() { String::new() } else { format!(" {code}") };
    format!("{} ({flow}): {outcome}{code}: {message}", show::foreign(name))
}

/// Sets those aside from `refused`, in all flows.
pub(crate) fn set_aside(flows: &mut BTreeMap<String, FlowState>) {
    for state in flows.values_mut() {
        let refused = std::mem::take(&mut state.refused).into_iter();
        (state.gone, state.refused) = refused.partition(|(_, one)| one.stays.is_none() && is_gone(&one.url));
    }
}

/// True for the path of a file that is not there, in a folder that is: one that is not mounted says nothing of its files.
pub(crate) fn is_gone(url: &str) -> bool {
    let path = Path::new(url);
    if url.is_empty() || url.contains("://") {
        return false;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    folder.is_dir() && std::fs::symlink_metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use super::is_gone;

    #[test]
    fn only_a_file_that_is_missing_in_a_folder_that_is_there_is_gone() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(place("there"), "x").expect("a file");
        std::os::unix::fs::symlink("nowhere", place("link")).expect("a link");
        for (url, gone) in [
            (place("there"), false),
            (place("missing"), true),
            (place("link"), false),
            (place("folder/missing"), false),
            (place("there/missing"), false),
            ("http://127.0.0.1/list.txt".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(is_gone(&url), gone, "{url}");
        }
    }
}
