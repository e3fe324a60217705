//! Which file of `--documents` is whose, and why a folder is refused of which no file is anyone's.

use std::path::{Path, PathBuf};

use anyhow::Result;
use file_connector::{Assigned, ClaimError, Claims};
use pattern::Pattern;
use topology::plan::{self, Topology};

use crate::data;
use crate::exit::{Exit, failure};
use crate::wiring::DocumentsFrom;

/// Gives each file of a folder to the one source that claims it, before anything is read. A run that `ends` by itself and
/// could read none of the files would end as if all were done.
pub(super) fn claim(folder: &Path, topologies: &[Topology], ends: bool) -> Result<(DocumentsFrom, Vec<String>)> {
    let mut sources: Vec<(String, Vec<Pattern>)> = Vec::new();
    for topology in topologies {
        for flow in &topology.flows {
            if let plan::From::Documents(documents) = &flow.from {
                sources.push((format!("{}/{}", topology.name, flow.name), documents.file_names.clone()));
            }
        }
    }
    let Assigned { per_source, not_claimed, no_files, skipped } =
        Claims::assign(folder, &sources).map_err(|error| match error {
            ClaimError::Twice { .. } => failure(
                Exit::Usage,
                data::chain(&error),
                "run fewer topologies at once, or make their `file-names` patterns tell the files apart",
            ),
            error => failure(Exit::Usage, data::chain(&error), "name a folder of documents with --documents DIR"),
        })?;
    if ends && !sources.is_empty() && per_source.values().all(Vec::is_empty) {
        if let Some(first) = not_claimed.first() {
            return Err(nothing_claimed(folder, first, &not_claimed, &sources));
        }
        if let Some(first) = skipped.first() {
            return Err(failure(
                Exit::Usage,
                format!("nothing in {} is a whole document: {first}", folder.display()),
                "wait until the downloads are done, or give the files the names under which they were published",
            ));
        }
        if let Some(within) = no_files.iter().find(|path| path.is_dir()) {
            return Err(failure(
                Exit::Usage,
                format!("there is no file in {}, and folders within are not looked into", folder.display()),
                format!("give the folder in which the files are, as in `--documents {}`", within.display()),
            ));
        }
    }
    let no_files = no_files.iter().map(|path| file_connector::no_file(path));
    let others = not_claimed.iter().enumerate().map(|(index, path)| {
        if path.to_str().is_none() {
            let path = batch::excerpt(path.as_os_str().as_encoded_bytes(), 4096);
            return format!("{path} (its name is not UTF-8, so that no pattern can fit: give it another one)");
        }
        let near = (index < COMPARED).then(|| nearest(path, &sources)).flatten();
        near.map_or_else(|| path.display().to_string(), |why| format!("{} ({why})", path.display()))
    });
    let not_claimed = others.chain(skipped).chain(no_files).collect();
    let again = (!ends).then(|| sources.into());
    Ok((DocumentsFrom::Folder { folder: folder.to_owned(), files: per_source, again }, not_claimed))
}

/// Names that are compared with what is read. Larger: more of them are told with a reason. Smaller: less work at the start.
const COMPARED: usize = 100;
/// Characters of a reason.
const REASON: usize = 200;

/// The source whose pattern a name nearly fits, and what is at odds; `None` if it begins as no pattern does.
fn nearest(path: &Path, sources: &[(String, Vec<Pattern>)]) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let each = sources.iter().flat_map(|(source, patterns)| patterns.iter().map(move |pattern| (source, pattern)));
    let misfits = each.filter_map(|(source, pattern)| Some((source, pattern, pattern.misfit(name)?)));
    let near = misfits.filter(|(_, _, misfit)| misfit.fits > 0 || misfit.is_of_another_case);
    let (source, pattern, misfit) = near.reduce(|first, next| if next.2.fits > first.2.fits { next } else { first })?;
    let why = batch::excerpt(misfit.why.as_bytes(), REASON);
    Some(format!("{source} reads `{}`: {why}", pattern.text()))
}

/// Why not one of these files is read, with the names that would be.
fn nothing_claimed(
    folder: &Path,
    first: &Path,
    files: &[PathBuf],
    sources: &[(String, Vec<Pattern>)],
) -> anyhow::Error {
    let near = files.iter().take(COMPARED).find_map(|path| Some((path, nearest(path, sources)?)));
    let name = near.as_ref().map_or(first, |(path, _)| path).file_name().unwrap_or_default().to_string_lossy();
    let found = match files.len() {
        1 => format!("the only file in {}, `{name}`, has no name", folder.display()),
        more => format!("not one of the {more} files in {}, such as `{name}`, has a name", folder.display()),
    };
    let texts = |patterns: &[Pattern]| patterns.iter().map(|one| format!("`{}`", one.text())).collect::<Vec<_>>();
    let (told, more) = sources.split_at(sources.len().min(10));
    let mut expected: Vec<String> =
        told.iter().map(|(source, patterns)| format!("{source} reads {}", texts(patterns).join(" or "))).collect();
    expected.extend((!more.is_empty()).then(|| format!("and {} more", more.len())));
    expected.extend(near.as_ref().map(|(_, why)| format!("`{name}` is near: {why}")));
    failure(
        Exit::Usage,
        format!("{found} that a source of these topologies reads: {}", expected.join("; ")),
        "name another folder or topology, or give the files the names under which they were published",
    )
}
