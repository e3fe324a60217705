//! The control socket: how commands reach the run that owns a data folder.
//!
//! One connection, one question: a line of JSON each way, or many lines where rows are shown. Only the folder's owner can open the socket.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::access::Access;
use crate::exit::{Exit, Failure, as_failure, failure};
use crate::show;

/// What a command asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "ask")]
pub(crate) enum Question {
    /// How to reach ClickHouse.
    ClickHouse,
    /// All flows and holds.
    Status,
    /// The flows of a run as they are at this moment: what is known without reading ledgers.
    Moment,
    /// Pause flows, or let them go on.
    Pause {
        /// `topology/flow` or a topology.
        flow: String,
        /// True to pause.
        paused: bool,
    },
    /// All receipts.
    Receipts,
    /// Documents that are not there.
    Absent,
    /// Names of all topics.
    Topics,
    /// Dead letters that are open, or wait to be replayed: all of them whole.
    DeadLetters {
        /// Only those that are meant.
        #[serde(flatten)]
        only: Only,
    },
    /// The same in groups.
    ListDeadLetters {
        /// Each by itself instead.
        each: bool,
        /// Only those that are meant.
        #[serde(flatten)]
        only: Only,
    },
    /// Records that the schemas of these topologies cannot read.
    Earlier {
        /// Topology files and folders, as absolute paths.
        files: Vec<PathBuf>,
    },
    /// One of them, whole.
    DeadLetter {
        /// A unique beginning or end of its id.
        id: String,
    },
    /// Ledger against tables.
    Reconcile,
    /// Send dead letters back, by the topologies as these files are now.
    Replay {
        /// Topology files and folders, as absolute paths.
        files: Vec<PathBuf>,
        /// Only those with this code.
        code: Option<String>,
        /// If there are any, only those with these ids.
        ids: Vec<String>,
        /// Only try.
        dry: bool,
    },
    /// Close dead letters for good.
    GiveUp {
        /// `topology/flow`, or a topology; without it ids say which.
        flow: Option<String>,
        /// Only those with this code.
        code: Option<String>,
        /// If there are any, only those with these ids.
        ids: Vec<String>,
    },
    /// Give up refused documents.
    GiveUpDocuments {
        /// `topology/flow`, or a topology.
        flow: String,
        /// Names of their files, or their keys.
        documents: Vec<String>,
    },
    /// End holds.
    Release {
        /// `topology/flow` or a topology.
        flow: String,
    },
    /// Read all once more beside the live table, or take that back; without a flow those that are at it.
    Rebuild {
        /// `topology/flow`.
        flow: Option<String>,
        /// What is said of it.
        said: crate::rebuild::Said,
    },
    /// A key in the store of a step.
    State {
        /// `topology/flow.step`.
        place: String,
        /// The key's values, as text.
        key: Vec<String>,
    },
    /// Live rows of a flow.
    Tap {
        /// `topology/flow` or `topology/flow.step`.
        place: String,
        /// Rows after which it ends.
        limit: Option<u64>,
        /// One JSON object a row.
        json: bool,
    },
    /// Records of a topic.
    TapTopic {
        /// Its name.
        topic: String,
        /// True to wait for what comes from now on.
        from_end: bool,
        /// Records after which it ends.
        limit: Option<u64>,
        /// One JSON object a record.
        json: bool,
    },
}

/// Which dead letters are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Only {
    /// Of this `topology/flow` or topology.
    pub(crate) flow: Option<String>,
    /// With this code.
    pub(crate) code: Option<String>,
}

/// What is answered.
pub(crate) enum Reply {
    /// A value.
    Value(Value),
    /// What takes long or comes bit by bit, on a thread of its own, until it ends or nobody listens.
    Stream(Box<dyn FnOnce(UnixStream) -> Result<()> + Send>),
}

/// Writes an answer.
pub(crate) fn write_answer(stream: &mut UnixStream, answer: &Value) -> Result<()> {
    Ok(writeln!(stream, "{}", serde_json::json!({ "answer": answer }))?)
}

/// What answers.
type Answer = dyn Fn(&Question) -> Result<Reply> + Send + Sync;

/// The listening socket; removed when dropped.
#[derive(Debug)]
struct Listening {
    place: PathBuf,
}

impl Drop for Listening {
    fn drop(&mut self) {
        // Best effort: a socket that nobody listens on is replaced by the next run.
        let _removed = std::fs::remove_file(&self.place);
    }
}

/// Answers through one socket, by whoever answers now: passes of a run follow each other, and nobody who asks in between
/// is to find no run.
#[derive(Default)]
pub(crate) struct Answering {
    by: Arc<Mutex<Option<Arc<Access>>>>,
    listening: Mutex<Option<Listening>>,
}

impl Answering {
    /// Answers by this from now on.
    pub(crate) fn by(&self, place: &Path, access: Arc<Access>) -> Result<()> {
        *self.by.lock().unwrap_or_else(PoisonError::into_inner) = Some(access);
        let mut listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        if listening.is_none() {
            let by = Arc::clone(&self.by);
            let answer = move |question: &Question| {
                let access = by.lock().unwrap_or_else(PoisonError::into_inner).clone();
                access.context("the run has ended")?.reply(question)
            };
            *listening = Some(listen(place, Arc::new(answer))?);
        }
        Ok(())
    }

    /// Answers nobody any more.
    pub(crate) fn end(&self) {
        self.listening.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// Listens until the process ends.
fn listen(place: &Path, answer: Arc<Answer>) -> Result<Listening> {
    if place.exists() {
        std::fs::remove_file(place).context("an old control socket cannot be removed")?;
    }
    let listener = UnixListener::bind(place).map_err(|error| cannot_listen(place, error))?;
    std::fs::set_permissions(place, std::fs::Permissions::from_mode(0o600))?;
    let work = move || {
        for stream in listener.incoming().flatten() {
            if let Err(error) = serve(stream, &answer) {
                tracing::debug!(reason = %error, "a question could not be answered");
            }
        }
    };
    std::thread::Builder::new().name("control".to_owned()).spawn(work)?;
    Ok(Listening { place: place.to_owned() })
}

/// A socket that cannot be made. Its path is kept by the kernel in few bytes, which a deep folder passes.
fn cannot_listen(place: &Path, error: std::io::Error) -> anyhow::Error {
    let what = format!("cannot listen at {}: {error}", place.display());
    match error.kind() {
        std::io::ErrorKind::InvalidInput => {
            failure(Exit::Environment, what, "name a data folder with a shorter path with --data DIR: at most 90 bytes")
        }
        _ => anyhow::Error::from(error).context(format!("cannot listen at {}", place.display())),
    }
}

fn serve(mut stream: UnixStream, answer: &Arc<Answer>) -> Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut line = String::new();
    BufReader::new(stream.try_clone()?).read_line(&mut line)?;
    let said =
        match serde_json::from_str::<Question>(&line).map_err(anyhow::Error::from).and_then(|asked| answer(&asked)) {
            Ok(Reply::Value(value)) => serde_json::json!({ "answer": value }),
            Ok(Reply::Stream(work)) => {
                let work = move || {
                    if let Err(error) = work(stream) {
                        tracing::debug!(reason = %error, "an answer has ended before its end");
                    }
                };
                std::thread::Builder::new().name("answer".to_owned()).spawn(work)?;
                return Ok(());
            }
            Err(error) => serde_json::json!({ "error": as_failure(error) }),
        };
    writeln!(stream, "{said}")?;
    Ok(())
}

/// Puts a question to the run that owns the folder; `None` if none listens. The answer is read from the stream.
pub(crate) fn open(place: &Path, question: &Question) -> Result<Option<UnixStream>> {
    let Ok(mut stream) = UnixStream::connect(place) else {
        return Ok(None);
    };
    writeln!(stream, "{}", serde_json::to_string(question)?)?;
    Ok(Some(stream))
}

/// How long nobody is told that the run has not answered.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the run that owns the folder; `None` if none listens.
pub(crate) fn ask(place: &Path, question: &Question) -> Result<Option<Value>> {
    let Some(stream) = open(place, question)? else {
        return Ok(None);
    };
    let ended = || failure(Exit::Fenced, "the run ended before it answered", "ask again: the data folder is read then");
    stream.set_read_timeout(Some(PATIENCE))?;
    let (mut reader, mut line, mut told) = (BufReader::new(stream), Vec::new(), false);
    while let Err(error) = reader.read_until(b'\n', &mut line) {
        match error.kind() {
            // It may have much to read, so that is no error; a person only wants to know what is waited for.
            std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => {
                if !std::mem::replace(&mut told, true) {
                    show::note("the run has not answered yet: it is busy, or a signal has stopped it (kill -CONT PID)");
                }
            }
            std::io::ErrorKind::Interrupted => {}
            _ => return Err(ended()),
        }
    }
    if !line.ends_with(b"\n") {
        return Err(ended());
    }
    let mut said: Value = serde_json::from_slice(&line).context("the run did not answer")?;
    if let Some(error) = said.get_mut("error").map(Value::take) {
        return Err(serde_json::from_value::<Failure>(error)?.into());
    }
    Ok(said.get_mut("answer").map(Value::take))
}
