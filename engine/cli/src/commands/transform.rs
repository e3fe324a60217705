//! `transform`: one document from standard input, its rows to standard output. No data folder, no table, no network.
//!
//! The document is proven before its first row is written: of a refused one nothing is. Dead rows are told on standard
//! error, one line each. A reader that goes away, as `head` does, ends it quietly.

use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use driver::{Document, TransformError};
use operators::{DocumentBytes, Outcome, Proof, ReadError, Worked, WorkingMemory};
use runtime::ScratchFolder;
use topology::plan::{self, Flow, Topology};

use super::check::load_without_warnings;
use crate::arguments::{RowFormat, Transform};
use crate::data;
use crate::exit::{Exit, failure};
use crate::letters::at_line;
use crate::rows::Rows;
use crate::{environment, show};

pub(crate) fn transform(arguments: &Transform) -> Result<Exit> {
    let topologies = load_without_warnings(std::slice::from_ref(&arguments.topology))?;
    let (topology, flow, documents) = chosen(&topologies, arguments)?;
    let name = match &arguments.name {
        Some(name) => name.as_str(),
        None => return Err(nameless(documents)),
    };
    let kept = received()?;
    let open = || -> Result<Box<dyn DocumentBytes>, ReadError> {
        Ok(Box::new(io::BufReader::new(kept.reopen().map_err(ReadError::Bytes)?)))
    };
    let mut sink = Sink::new(arguments.format, driver::columns(flow).into());
    let document = Document { topology, flow, name, arrival: environment::now() };
    let mut ended = Ok(());
    let scratch = ScratchFolder::new(kept.path().parent().unwrap_or(Path::new(".")));
    let memory = WorkingMemory::new(Arc::new(scratch));
    let proof = driver::transform(document, &memory, &open, &mut |worked| {
        tell_dead(&worked);
        ended = worked.rows.map_or(Ok(()), |rows| sink.write(rows.columns()));
        ended.is_ok()
    });
    let proof = proof.map_err(|error| mistake(error, documents))?;
    if !is_refused(&proof) && ended.is_ok() {
        ended = sink.finish();
    }
    match ended {
        Ok(()) => Ok(said(&proof, name)),
        Err(error) if is_broken_pipe(&error) => Ok(Exit::Fine),
        Err(error) => show::unwritten(&io::Error::other(error)),
    }
}

/// The flow that reads the document.
fn chosen<'a>(
    topologies: &'a [Topology],
    arguments: &Transform,
) -> Result<(&'a Topology, &'a Flow, &'a plan::Documents)> {
    let mut flows = Vec::new();
    for (topology, flow) in topologies.iter().flat_map(|one| one.flows.iter().map(move |flow| (one, flow))) {
        if let plan::From::Documents(documents) = &flow.from {
            flows.push((topology, flow, &**documents));
        }
    }
    let names: Vec<String> =
        flows.iter().map(|(topology, flow, _)| format!("{}/{}", topology.name, flow.name)).collect();
    let Some(wanted) = &arguments.flow else {
        return match flows.as_slice() {
            [only] => Ok(*only),
            [] => Err(failure(Exit::Usage, "no flow of the topology reads documents", "name another topology file")),
            _ => {
                let remedy = format!("name one with --flow: {}", names.join(", "));
                Err(failure(Exit::Usage, "several flows read documents", remedy))
            }
        };
    };
    let fits = |(topology, flow, _): &&(&Topology, &Flow, &plan::Documents)| {
        **wanted == *flow.name || *wanted == format!("{}/{}", topology.name, flow.name)
    };
    flows.iter().find(fits).copied().ok_or_else(|| {
        let short = |name: &'_ str| name.split_once('/').map_or(0, |(topology, _)| topology.len() + 1);
        let known: Vec<&str> =
            names.iter().map(|name| if wanted.contains('/') { name } else { &name[short(name)..] }).collect();
        let what = format!("no flow `{wanted}` reads documents{}", show::meant(wanted, &known));
        failure(Exit::Usage, what, format!("these do: {}", names.join(", ")))
    })
}

/// What was published has a name, and the name says what its rows do not.
fn nameless(documents: &plan::Documents) -> anyhow::Error {
    let what = "the document has no name, which says its date and the like";
    failure(Exit::Usage, what, format!("give it with --name; it must fit {}", patterns(documents)))
}

fn patterns(documents: &plan::Documents) -> String {
    let patterns: Vec<String> = documents.file_names.iter().map(|pattern| format!("`{}`", pattern.text())).collect();
    patterns.join(" or ")
}

fn mistake(error: TransformError, documents: &plan::Documents) -> anyhow::Error {
    match error {
        TransformError::Name(_) => {
            failure(Exit::Usage, error.to_string(), format!("a name must fit {}", patterns(documents)))
        }
        TransformError::NotDocuments => failure(Exit::Usage, error.to_string(), "name another flow with --flow"),
        error => anyhow::anyhow!("{}", data::chain(&error)),
    }
}

/// Standard input as a file: an archive is read from its end, and a large document twice.
fn received() -> Result<tempfile::NamedTempFile> {
    if environment::typed() {
        show::note("reading the document from the terminal; spotlight transform --help shows how to give it a file");
    }
    let mut kept = tempfile::Builder::new().prefix("spotlight-").tempfile().context("no temporary file")?;
    io::copy(&mut io::stdin().lock(), &mut kept).map_err(|error| match error.kind() {
        ErrorKind::IsADirectory => failure(Exit::Usage, "standard input is a folder", "give a file: < FILE"),
        _ => anyhow::Error::from(error).context("standard input cannot be read"),
    })?;
    kept.flush().context("the temporary file cannot be written")?;
    Ok(kept)
}

/// One line for each dead row.
fn tell_dead(worked: &Worked) {
    for bad in &worked.bad {
        let row = batch::excerpt(&bad.raw, 160);
        show::note(&format!("dead: {}{}: {} {}: {row}", bad.member, at_line(bad.line), bad.code, bad.message));
    }
    for failed in &worked.failed {
        let (_, _, members, lines) = failed.origins.place.spread(failed.origins.len());
        for failure in &failed.failures {
            let field = failure.field.as_deref().map(|field| format!(", {field}")).unwrap_or_default();
            let row = batch::excerpt(failed.origins.raw.value(failure.row), 160);
            show::note(&format!(
                "dead: {}{}: {} at {}{field}: {}: {row}",
                members.value(failure.row),
                at_line(lines.value(failure.row)),
                failure.code,
                failed.step,
                failure.message
            ));
        }
    }
}

/// True if nothing is written. A page instead of data, which a run waits to see replaced, is here no document either:
/// whoever reads the rows must not take it for one without rows.
fn is_refused(proof: &Proof) -> bool {
    proof.outcome.refused() || proof.outcome == Outcome::Absent
}

/// What there is to say beside the rows.
fn said(proof: &Proof, name: &str) -> Exit {
    let Proof { outcome, code, message, counts, .. } = proof;
    if is_refused(proof) {
        let code = if code.is_empty() { String::new() } else { format!(" {code}") };
        show::note(&format!("refused: {name}: {}{code}: {message}", outcome.word()));
        return Exit::Refused;
    }
    if *outcome != Outcome::Rows {
        show::note(format!("{name}: {} {message}", outcome.word()).trim_end());
    }
    for (output, rows) in &counts.outputs {
        let (rows, are) = (show::counted(*rows, "row"), if *rows == 1 { "is" } else { "are" });
        show::note(&format!("{rows} left by the output `{output}` and {are} not shown"));
    }
    if environment::watched() {
        let [written, dead] = [counts.landed, counts.dead].map(show::count);
        let read = show::counted(counts.rows_in, "row");
        let dropped = show::count(counts.dropped.values().sum());
        show::note(&format!("{read} read, {written} written, {dropped} dropped, {dead} dead"));
    }
    // As a run ends that accepts a document with dead rows.
    Exit::Fine
}

fn is_broken_pipe(error: &ArrowError) -> bool {
    matches!(error, ArrowError::IoError(_, cause) if cause.kind() == ErrorKind::BrokenPipe)
}

/// Where rows go, in one of the forms.
enum Sink {
    Json(Stdout),
    Csv { to: Stdout, columns: SchemaRef, begun: bool },
    Arrow { to: Option<Stdout>, columns: SchemaRef, writer: Option<Box<StreamWriter<Stdout>>> },
}

type Stdout = BufWriter<io::Stdout>;

impl Sink {
    fn new(format: RowFormat, columns: SchemaRef) -> Self {
        let to = BufWriter::with_capacity(64 * 1024, io::stdout());
        match format {
            RowFormat::Json => Self::Json(to),
            RowFormat::Csv => Self::Csv { to, columns, begun: false },
            RowFormat::Arrow => Self::Arrow { to: Some(to), columns, writer: None },
        }
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let rows = || Rows::new(batch).map_err(|error| ArrowError::CastError(format!("{error:#}")));
        match self {
            Self::Json(to) => {
                let rows = rows()?;
                (0..rows.len()).try_for_each(|row| writeln!(to, "{}", rows.json(row)))?;
            }
            Self::Csv { to, begun, .. } => {
                let rows = rows()?;
                if !std::mem::replace(begun, true) {
                    writeln!(to, "{}", rows.csv_header())?;
                }
                (0..rows.len()).try_for_each(|row| writeln!(to, "{}", rows.csv(row)))?;
            }
            Self::Arrow { to, columns, writer } => {
                *columns = batch.schema();
                begun(to, columns, writer)?.write(batch)?;
            }
        }
        Ok(())
    }

    /// Ends the output; also one without rows says its columns.
    fn finish(&mut self) -> Result<(), ArrowError> {
        match self {
            Self::Json(to) => to.flush()?,
            Self::Csv { to, columns, begun } => {
                if !*begun {
                    let empty = RecordBatch::new_empty(columns.clone());
                    let rows = Rows::new(&empty).map_err(|error| ArrowError::CastError(format!("{error:#}")))?;
                    writeln!(to, "{}", rows.csv_header())?;
                }
                to.flush()?;
            }
            Self::Arrow { to, columns, writer } => {
                let writer = begun(to, columns, writer)?;
                writer.finish()?;
                writer.get_mut().flush()?;
            }
        }
        Ok(())
    }
}

/// The writer of a stream, which begins with its columns.
fn begun<'a>(
    to: &mut Option<Stdout>,
    columns: &SchemaRef,
    writer: &'a mut Option<Box<StreamWriter<Stdout>>>,
) -> Result<&'a mut StreamWriter<Stdout>, ArrowError> {
    if let Some(to) = to.take() {
        *writer = Some(Box::new(StreamWriter::try_new(to, columns)?));
    }
    writer.as_deref_mut().ok_or_else(|| ArrowError::IpcError("the stream did not begin".to_owned()))
}
