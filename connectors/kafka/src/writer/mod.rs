//! One thread that writes: all transactions of this process, through one transactional producer. The client's reports of
//! where records went come on a thread of its own.
//!
//! ```text
//!   commit() ──job──▶ queue ──all that wait──▶ begin, produce, drain, positions, commit ──▶ an answer to each job
//!                                                 │ refused                  │ no answer
//!                                                 ▼                          ▼
//!                                       purge, drain, abort         discard the producer: "unknown"; the next
//!                                       "nothing happened"          question makes another of the same name
//! ```
//!
//! Jobs that wait go into one transaction of Kafka together: a commit costs the same for one job or for fifty. If such a
//! transaction is refused, each job is tried again in one of its own, so that a bad one does not take others along.
//!
//! A producer whose commit, abort or positions got no answer is discarded, as its client may still have a request
//! under way that would hit the next transaction. The one that replaces it has the same transactional id: Kafka settles
//! or aborts what the old one left, and refuses its late requests. The callers are told at once that their outcome is
//! unknown; but nobody reads anything before the next producer stands ([`Writer::settled`]), so what they read next is
//! settled.
//!
//! A claim is looked at before its transaction begins. While the transaction goes on, the membership cannot join again,
//! as it waits for the work on what it lost to end; so a claim that fails meanwhile fails by the group's generation.
//!
//! A producer that another process of its name has fenced stays fenced; so does the whole writer.

mod attempt;
mod reports;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use log::{LogError, Position, Signal, Written};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{Producer, ThreadedProducer};

use self::attempt::{Attempt, Outcome};
use self::reports::Reports;
use crate::failure::KafkaFailure;
use crate::membership::Members;
use crate::settings::KafkaSettings;
use crate::statistics::{Clients, EVERY};
use crate::visibility::{Place, Visibility};
use crate::watchdog::{Stuck, Watchdog};

/// Most bytes of jobs that go into one transaction together. More makes each of them wait longer.
const MOST_TOGETHER: usize = 64 * 1024 * 1024;

/// Longest wait for a producer. A caller that was told to stop waits no longer than this.
const LONGEST_START: Duration = Duration::from_secs(10);

/// What one commit wants written.
pub(crate) struct Job {
    pub(crate) appends: Vec<Written>,
    pub(crate) positions: Vec<(String, Place, Position)>,
    /// Groups, by their names outside, and partitions that must be owned.
    pub(crate) claims: Vec<(String, Place)>,
    /// Bytes of all records.
    pub(crate) bytes: usize,
}

/// Offset of the first record of each append; `None` for one without records that has none after it to tell by.
pub(crate) type Firsts = Vec<Option<i64>>;

struct Request {
    job: Job,
    answer: SyncSender<Result<Firsts, LogError>>,
}

enum Asked {
    Commit(Request),
    /// Make a producer, so that what the last one left is settled.
    Settle(SyncSender<Result<(), LogError>>),
}

/// The side of the callers.
pub(crate) struct Writer {
    requests: Option<Sender<Asked>>,
    thread: Option<JoinHandle<()>>,
    /// True while the outcome of a transaction is not settled.
    unsettled: Arc<AtomicBool>,
}

/// What the thread works with.
struct Work {
    settings: KafkaSettings,
    visibility: Arc<Visibility>,
    committed: Arc<Signal>,
    members: Arc<Members>,
    figures: Arc<Clients>,
    watchdog: Watchdog,
    producer: Option<ThreadedProducer<Reports>>,
    unsettled: Arc<AtomicBool>,
    fenced: bool,
}

impl Writer {
    /// Fences other processes of this name, settles what they left open, and starts the thread.
    pub(crate) fn start(
        settings: KafkaSettings,
        (visibility, committed): (Arc<Visibility>, Arc<Signal>),
        members: Arc<Members>,
        figures: Arc<Clients>,
        stuck: Stuck,
    ) -> Result<Self, LogError> {
        let no_thread = |error: std::io::Error| LogError::Store(Box::new(error));
        let watchdog = Watchdog::start(settings.stuck_after, stuck).map_err(no_thread)?;
        let unsettled = Arc::<AtomicBool>::default();
        let mut work = Work {
            settings,
            visibility,
            committed,
            members,
            figures,
            watchdog,
            producer: None,
            unsettled: Arc::clone(&unsettled),
            fenced: false,
        };
        work.connect()?;
        let (sender, receiver) = channel();
        let thread = std::thread::Builder::new().name("kafka transactions".to_owned());
        let thread = thread.spawn(move || work.run(&receiver)).map_err(no_thread)?;
        Ok(Self { requests: Some(sender), thread: Some(thread), unsettled })
    }

    /// Commits a job and waits for the outcome.
    pub(crate) fn commit(&self, job: Job) -> Result<Firsts, LogError> {
        let (answer, answered) = sync_channel(1);
        let gone = || KafkaFailure::new("committing", "the thread of transactions has ended");
        let requests = self.requests.as_ref().ok_or_else(gone)?;
        requests.send(Asked::Commit(Request { job, answer })).map_err(|_| gone())?;
        // The thread answers each job that it has taken, or has died with it: then nobody knows.
        answered.recv().unwrap_or_else(|_| Err(LogError::Unknown(Box::new(gone()))))
    }

    /// Says that no transaction of this process has an unknown outcome any more; tries to make it so.
    ///
    /// # Errors
    /// If Kafka cannot be reached for that.
    pub(crate) fn settled(&self) -> Result<(), LogError> {
        if !self.unsettled.load(Ordering::Acquire) {
            return Ok(());
        }
        let (answer, answered) = sync_channel(1);
        let gone = || LogError::from(KafkaFailure::new("settling", "the thread of transactions has ended"));
        let requests = self.requests.as_ref().ok_or_else(gone)?;
        requests.send(Asked::Settle(answer)).map_err(|_| gone())?;
        answered.recv().unwrap_or_else(|_| Err(gone()))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Work {
    fn run(mut self, requests: &Receiver<Asked>) {
        while let Ok(first) = requests.recv() {
            let (mut bytes, mut together, mut asked) = (0, Vec::new(), Some(first));
            while let Some(Asked::Commit(request)) = asked {
                bytes += request.job.bytes;
                together.push(request);
                asked = if bytes < MOST_TOGETHER { requests.try_recv().ok() } else { None };
            }
            let refused = self.write(together);
            for request in refused {
                // Alone, so that what is wrong with one does not stop another.
                let left = self.write(vec![request]);
                debug_assert!(left.is_empty(), "a job of its own is always answered");
            }
            if let Some(Asked::Settle(answer)) = asked {
                // A caller that has gone needs no answer.
                let _ = answer.send(self.connect());
            }
        }
        self.discard();
    }

    /// Writes jobs in one transaction and answers them. Gives back several that were refused together.
    fn write(&mut self, requests: Vec<Request>) -> Vec<Request> {
        let requests: Vec<Request> = requests.into_iter().filter_map(|request| self.claims_hold(request)).collect();
        if requests.is_empty() {
            return Vec::new();
        }
        let jobs: Vec<&Job> = requests.iter().map(|request| &request.job).collect();
        let outcome = match self.connect() {
            Err(error) => {
                answer_all(requests, &mut || Err(again(&error)));
                return Vec::new();
            }
            Ok(()) => self.attempt(&jobs),
        };
        match outcome {
            Outcome::Committed(firsts) => {
                self.committed.raise();
                let mut firsts = firsts.into_iter();
                answer_all(requests, &mut || Ok(firsts.next().unwrap_or_default()));
            }
            Outcome::Nothing(failure) if requests.len() == 1 => {
                // The group may have refused because of a claim that is lost by now.
                let requests = requests.into_iter().filter_map(|request| self.claims_hold(request)).collect();
                let failure = Arc::new(failure);
                answer_all(requests, &mut || Err(LogError::Away(Box::new(Arc::clone(&failure)))));
            }
            Outcome::Nothing(_) => return requests,
            Outcome::Unknown(failure) => {
                let failure = Arc::new(failure);
                // Before anybody hears of it, so that nobody reads what is not settled.
                self.unsettled.store(true, Ordering::Release);
                // Waiters read again, in case it did happen.
                self.committed.raise();
                answer_all(requests, &mut || Err(LogError::Unknown(Box::new(Arc::clone(&failure)))));
            }
            Outcome::Fenced => {
                self.fenced = true;
                self.discard();
                answer_all(requests, &mut || Err(LogError::Fenced));
            }
        }
        Vec::new()
    }

    fn attempt(&mut self, jobs: &[&Job]) -> Outcome {
        let Some(producer) = &self.producer else {
            return Outcome::Nothing(KafkaFailure::new("committing", "there is no producer"));
        };
        let attempt = Attempt {
            settings: &self.settings,
            visibility: &self.visibility,
            watchdog: &self.watchdog,
            members: &self.members,
            producer,
            jobs,
        };
        let (outcome, usable) = attempt.run();
        if !usable {
            self.discard();
        }
        outcome
    }

    /// Gives a request back if this process owns what it claims, and answers it if not.
    fn claims_hold(&self, request: Request) -> Option<Request> {
        let lost = request.job.claims.iter().find(|(group, place)| !self.members.owns(group, place));
        let Some((_, (topic, partition))) = lost else { return Some(request) };
        let error = LogError::NotOwned { topic: Arc::clone(topic), partition: *partition };
        // A caller that has gone needs no answer.
        let _ = request.answer.send(Err(error));
        None
    }

    /// Makes a producer if there is none: fences others of its name and settles what they left.
    fn connect(&mut self) -> Result<(), LogError> {
        if self.fenced {
            return Err(LogError::Fenced);
        }
        if self.producer.is_some() {
            return Ok(());
        }
        let mut config = self.settings.writing();
        config.set_log_level(RDKafkaLogLevel::Emerg).set("statistics.interval.ms", EVERY);
        let failure = |error: KafkaError| KafkaFailure::of("making a producer", &error);
        let reports = Reports::new(self.figures.one());
        let producer: ThreadedProducer<Reports> = config.create_with_context(reports).map_err(failure)?;
        let initialised = {
            let _watched = self.watchdog.watch("init_transactions");
            // Kafka answers when the transaction before is settled.
            producer.init_transactions(self.settings.transaction_timeout.min(LONGEST_START))
        };
        if let Err(error) = initialised {
            if producer.client().fatal_error().is_some_and(|(code, _)| fences(code)) {
                // Another process of this name started at the same moment and was later.
                self.fenced = true;
                retire(producer);
                return Err(LogError::Fenced);
            }
            let failure = KafkaFailure::of("starting transactions", &error).because(producer.context().last_said());
            retire(producer);
            return Err(failure.into());
        }
        self.producer = Some(producer);
        self.unsettled.store(false, Ordering::Release);
        Ok(())
    }

    fn discard(&mut self) {
        if let Some(producer) = self.producer.take() {
            retire(producer);
        }
    }
}

/// Drops a producer on a thread of its own: it may wait for answers, or for ever.
fn retire(producer: ThreadedProducer<Reports>) {
    let thread = std::thread::Builder::new().name("kafka discard".to_owned());
    // Without a thread it is dropped here.
    let _ = thread.spawn(move || drop(producer));
}

fn answer_all(requests: Vec<Request>, outcome: &mut dyn FnMut() -> Result<Firsts, LogError>) {
    for request in requests {
        // A caller that has gone needs no answer.
        let _ = request.answer.send(outcome());
    }
}

/// The same failure once more, for another caller.
fn again(error: &LogError) -> LogError {
    match error {
        LogError::Fenced => LogError::Fenced,
        other => {
            let cause = std::error::Error::source(other).map_or_else(|| other.to_string(), ToString::to_string);
            KafkaFailure::new("committing", cause).into()
        }
    }
}

/// True if the code says that another producer of this name took over.
pub(super) fn fences(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch | Code::TransactionCoordinatorFenced
    )
}
