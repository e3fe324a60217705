//! One transaction of Kafka, from its begin to its outcome.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::time::Duration;

use arrow::array::Array;
use log::{Position, Written};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, Producer, PurgeConfig, ThreadedProducer};
use telemetry::{Stopwatch, list as metrics};

use super::reports::{Reports, Span};
use super::{Firsts, Job, fences};
use crate::columns::{has_headers, headers_of};
use crate::failure::KafkaFailure;
use crate::membership::Members;
use crate::native::{ProducedTopic, flush, send_offsets};
use crate::settings::KafkaSettings;
use crate::visibility::{Ending, Place, Visibility};
use crate::watchdog::Watchdog;

/// How often a transaction that waits for its reports looks whether one was a refusal.
const LOOK_UP: Duration = Duration::from_millis(50);
/// How long to wait for room, or for the client to finish with a report that it has given.
const A_MOMENT: Duration = Duration::from_micros(50);
/// Records that are handed over in one call.
const AT_ONCE: usize = 4096;

/// What became of a transaction.
pub(super) enum Outcome {
    /// All of it can be seen or will be; for each job where its appends lie.
    Committed(Vec<Firsts>),
    /// Nothing happened.
    Nothing(KafkaFailure),
    /// The answer to the commit is missing.
    Unknown(KafkaFailure),
    /// Another process of this name has taken over.
    Fenced,
}

/// What an attempt works with.
pub(super) struct Attempt<'a> {
    pub(super) settings: &'a KafkaSettings,
    pub(super) visibility: &'a Visibility,
    pub(super) watchdog: &'a Watchdog,
    pub(super) members: &'a Members,
    pub(super) producer: &'a ThreadedProducer<Reports>,
    pub(super) jobs: &'a [&'a Job],
}

impl Attempt<'_> {
    /// Does it. Beside the outcome: whether the producer can be used again.
    pub(super) fn run(&self) -> (Outcome, bool) {
        let watch = Stopwatch::start();
        let (outcome, usable) = match self.prepare() {
            Err(Prepared::Refused(failure)) => self.abort(failure),
            Err(Prepared::Broken(failure)) => (self.or_fenced(Outcome::Nothing(failure)), false),
            Ok(spans) => self.commit(&spans),
        };
        metrics::KAFKA_TRANSACTION_SECONDS.observe(&[], watch.seconds());
        let result = match &outcome {
            Outcome::Committed(_) => "ok",
            Outcome::Nothing(_) => "aborted",
            Outcome::Unknown(_) => "unknown",
            Outcome::Fenced => "fenced",
        };
        metrics::KAFKA_TRANSACTIONS.add(&[result], 1);
        (outcome, usable)
    }

    /// Everything but the commit itself: until here nothing can have happened.
    fn prepare(&self) -> Result<Vec<Option<Span>>, Prepared> {
        self.producer.begin_transaction().map_err(|error| Prepared::of("beginning a transaction", &error))?;
        self.producer.context().start(self.jobs.iter().map(|job| job.appends.len()).sum());
        self.produce()?;
        self.drain();
        if let Some(error) = self.producer.context().refusal() {
            let cause = self.producer.context().last_said();
            return Err(Prepared::Refused(KafkaFailure::of("writing records", &error).because(cause)));
        }
        let mut groups: BTreeMap<&str, BTreeMap<&Place, &Position>> = BTreeMap::new();
        for (group, place, position) in self.jobs.iter().flat_map(|job| &job.positions) {
            groups.entry(group).or_default().insert(place, position);
        }
        for (group, positions) in groups {
            let positions: Vec<(String, i32, &Position)> = positions
                .into_iter()
                .map(|((topic, partition), position)| (self.settings.topic_outside(topic), *partition, position))
                .collect();
            let _watched = self.watchdog.watch("send_offsets_to_transaction");
            let group = self.settings.outside(group);
            let member = self.members.find(&group);
            let owner = (group.as_str(), member.as_deref());
            let sent = send_offsets(self.producer.client(), owner, &positions, self.settings.transaction_timeout);
            sent.map_err(|(failure, abortable)| match abortable {
                true => Prepared::Refused(failure),
                false => Prepared::Broken(failure),
            })?;
        }
        Ok(self.producer.context().spans())
    }

    /// Hands all records to the client, in order.
    fn produce(&self) -> Result<(), Prepared> {
        let appends = self.jobs.iter().flat_map(|job| &job.appends).enumerate();
        for (number, append) in appends {
            let name = self.settings.topic_outside(&append.topic);
            let topic = ProducedTopic::new(self.producer.client(), &name).map_err(Prepared::Refused)?;
            let mut next = 0;
            while next < append.records.len() {
                let rest = next..append.records.len().min(next + AT_ONCE);
                // A record with headers needs a call of its own.
                let plain = rest.take_while(|index| !has_headers(&append.records, *index)).count();
                let (taken, refused) = match plain {
                    0 => self.hand_over_one(&name, append, next, number),
                    plain => self.hand_over(&topic, append, next..next + plain, number),
                };
                next += taken;
                match refused {
                    None => {}
                    Some(RDKafkaErrorCode::QueueFull) => std::thread::sleep(A_MOMENT),
                    Some(code) => return Err(Prepared::Refused(KafkaFailure::coded("writing a record", code, ""))),
                }
            }
        }
        Ok(())
    }

    /// Hands over records without headers. Gives how many were taken, and why the next one was not.
    fn hand_over(
        &self,
        topic: &ProducedTopic<'_, Reports>,
        append: &Written,
        range: Range<usize>,
        number: usize,
    ) -> (usize, Option<RDKafkaErrorCode>) {
        let (reports, count) = (self.producer.context(), range.len());
        reports.expect(count);
        let (taken, refused) = topic.hand_over(append.partition, &append.records, range, number);
        reports.unexpect(count - taken);
        (taken, refused)
    }

    /// Hands over one record with its headers.
    fn hand_over_one(
        &self,
        topic: &str,
        append: &Written,
        index: usize,
        number: usize,
    ) -> (usize, Option<RDKafkaErrorCode>) {
        let (reports, records) = (self.producer.context(), &append.records);
        let record = BaseRecord::<[u8], [u8], usize> {
            topic,
            partition: Some(append.partition),
            payload: records.values.is_valid(index).then(|| records.values.value(index)),
            key: records.keys.is_valid(index).then(|| records.keys.value(index)),
            timestamp: None,
            headers: headers_of(records, index),
            delivery_opaque: number,
        };
        reports.expect(1);
        let Err((error, _)) = self.producer.send(record) else { return (1, None) };
        reports.unexpect(1);
        (0, Some(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)))
    }

    /// Waits until each record has been reported. Each is, at the latest when its time is over.
    fn drain(&self) {
        let reports = self.producer.context();
        loop {
            flush(self.producer.client(), LOOK_UP);
            if reports.wait(LOOK_UP) {
                break;
            }
            if reports.refusal().is_some() {
                // What is left would only be waited for.
                self.producer.purge(PurgeConfig::default().queue().inflight());
            }
        }
        // The client counts a record until it has finished with its report; a commit meanwhile takes 100 ms longer.
        while self.producer.in_flight_count() > 0 {
            std::thread::sleep(A_MOMENT);
        }
    }

    fn commit(&self, spans: &[Option<Span>]) -> (Outcome, bool) {
        let (firsts, ends, ending) = self.places(spans);
        self.visibility.begin(ending);
        let committed = {
            let _watched = self.watchdog.watch("commit_transaction");
            // Without a limit the client asks for ever while answers are lost, though nothing is open any more by then.
            self.producer.commit_transaction(self.settings.transaction_timeout)
        };
        match committed {
            Ok(()) => {
                self.visibility.settle(ends);
                (Outcome::Committed(firsts), true)
            }
            Err(error) => {
                self.visibility.settle(HashMap::new());
                let failure = KafkaFailure::of("committing a transaction", &error);
                let cause = self.producer.context().last_said();
                (self.or_fenced(Outcome::Unknown(failure.because(cause))), false)
            }
        }
    }

    /// Where the appends of each job lie, where each partition ends after them, and what is about to be seen.
    fn places(&self, spans: &[Option<Span>]) -> (Vec<Firsts>, HashMap<Place, i64>, Ending) {
        let mut ending = Ending::default();
        let mut ends: HashMap<Place, i64> = HashMap::new();
        let mut firsts = Vec::with_capacity(self.jobs.len());
        let mut spans = spans.iter();
        for job in self.jobs {
            let own: Vec<Option<Span>> = job.appends.iter().map(|_| spans.next().copied().flatten()).collect();
            for (append, span) in job.appends.iter().zip(&own) {
                let Some(span) = span else { continue };
                let place = (std::sync::Arc::clone(&append.topic), append.partition);
                let first = ending.firsts.entry(place.clone()).or_insert(span.first);
                *first = span.first.min(*first);
                let end = ends.entry(place).or_insert(0);
                *end = (span.last + 1).max(*end);
            }
            ending.positions.extend(job.positions.iter().map(|(group, place, _)| (group.clone(), place.clone())));
            firsts.push(with_empty_ones(job, &own));
        }
        (firsts, ends, ending)
    }

    /// Ends a transaction that was refused before its commit.
    fn abort(&self, failure: KafkaFailure) -> (Outcome, bool) {
        self.producer.purge(PurgeConfig::default().queue().inflight());
        self.drain();
        let aborted = {
            let _watched = self.watchdog.watch("abort_transaction");
            self.producer.abort_transaction(self.settings.transaction_timeout)
        };
        (self.or_fenced(Outcome::Nothing(failure)), aborted.is_ok())
    }

    /// The outcome, unless the client says that it was fenced.
    fn or_fenced(&self, outcome: Outcome) -> Outcome {
        let fatal = self.producer.client().fatal_error();
        if fatal.is_some_and(|(code, _)| fences(code)) { Outcome::Fenced } else { outcome }
    }
}

/// How a transaction failed before its commit.
enum Prepared {
    /// It can be aborted.
    Refused(KafkaFailure),
    /// The producer can do nothing more.
    Broken(KafkaFailure),
}

impl Prepared {
    fn of(call: &'static str, error: &KafkaError) -> Self {
        let abortable = matches!(error, KafkaError::Transaction(error) if error.txn_requires_abort());
        let failure = KafkaFailure::of(call, error);
        if abortable { Self::Refused(failure) } else { Self::Broken(failure) }
    }
}

/// First offsets of a job's appends. One without records lies where the next one in its partition does, or after the
/// last one.
fn with_empty_ones(job: &Job, spans: &[Option<Span>]) -> Firsts {
    let same = |left: usize, right: usize| {
        job.appends[left].topic == job.appends[right].topic
            && job.appends[left].partition == job.appends[right].partition
    };
    let first = |index: usize| {
        let after = (index..spans.len()).find_map(|other| spans[other].filter(|_| same(index, other)));
        let before = (0..index).rev().find_map(|other| spans[other].filter(|_| same(index, other)));
        after.map(|span| span.first).or_else(|| before.map(|span| span.last + 1))
    };
    (0..spans.len()).map(first).collect()
}
