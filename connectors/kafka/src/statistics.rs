//! What the clients that read records and write transactions say of themselves, as metrics.
//!
//! The client tells its figures every few seconds (librdkafka's STATISTICS.md says what they are), each since that client
//! began. Clients come and go, and there are several: what is told is the sum over all of them, without a label, so that
//! neither brokers nor clients make more metrics. Clients that only ask, or are members of a group, are left out: they
//! send little.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::statistics::{Broker, Statistics};
use telemetry::list as metrics;

use crate::native::Reading;

/// How often a client tells its figures, in milliseconds. Larger: older figures. Smaller: more work for each client.
pub(crate) const EVERY: &str = "5000";
/// How often clients are listened to that have no thread of their own for it.
const LISTEN: Duration = Duration::from_secs(2);

/// What a client said last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Figures {
    bytes_in: u64,
    bytes_out: u64,
    errors: u64,
    /// Records that wait to be sent.
    queued: u64,
    /// Brokers with which there is a connection, by their ids.
    up: BTreeSet<i32>,
}

/// The figures of all clients of a log.
#[derive(Debug, Default)]
pub(crate) struct Clients(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    next: u64,
    clients: BTreeMap<u64, Figures>,
}

/// One client of them, which is forgotten when this is dropped.
#[derive(Debug)]
pub(crate) struct OneClient {
    all: Arc<Clients>,
    number: u64,
}

impl Clients {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client more.
    pub(crate) fn one(self: &Arc<Self>) -> OneClient {
        let mut known = self.known();
        known.next += 1;
        OneClient { all: Arc::clone(self), number: known.next }
    }
}

impl Known {
    fn tell(&self) {
        let up: BTreeSet<i32> = self.clients.values().flat_map(|figures| figures.up.iter().copied()).collect();
        metrics::KAFKA_BROKERS_UP.set(&[], up.len() as f64);
        metrics::KAFKA_QUEUE.set(&[], self.clients.values().map(|figures| figures.queued).sum::<u64>() as f64);
    }
}

impl OneClient {
    /// Takes over what the client says.
    pub(crate) fn says(&self, said: &Statistics) {
        let figures = Figures::of(said);
        let mut known = self.all.known();
        let before = known.clients.insert(self.number, figures.clone()).unwrap_or_default();
        // A broker that left the cluster takes its part of the sums along.
        metrics::KAFKA_BYTES_IN.add(&[], figures.bytes_in.saturating_sub(before.bytes_in));
        metrics::KAFKA_BYTES_OUT.add(&[], figures.bytes_out.saturating_sub(before.bytes_out));
        metrics::KAFKA_REQUEST_ERRORS.add(&[], figures.errors.saturating_sub(before.errors));
        known.tell();
        // Who reads asks a broker to wait until there is something: how long that takes says nothing of the way.
        if said.client_type == "producer"
            && let Some(microseconds) = slowest(said)
        {
            metrics::KAFKA_ROUND_TRIP.set(&[], microseconds as f64 / 1e6);
        }
    }
}

impl Drop for OneClient {
    fn drop(&mut self) {
        let mut known = self.all.known();
        if known.clients.remove(&self.number).is_some() {
            known.tell();
        }
    }
}

impl Figures {
    fn of(said: &Statistics) -> Self {
        // Those that the client was told to start from, and coordinators, stand there a second time without an id.
        let up = said.brokers.values().filter(|broker| broker.nodeid >= 0 && is_up(broker)).map(|broker| broker.nodeid);
        let errors = |broker: &Broker| broker.txerrs + broker.rxerrs + broker.req_timeouts;
        Self {
            bytes_in: said.rx_bytes.unsigned_abs(),
            bytes_out: said.tx_bytes.unsigned_abs(),
            errors: said.brokers.values().map(errors).sum(),
            queued: said.msg_cnt,
            up: up.collect(),
        }
    }
}

fn is_up(broker: &Broker) -> bool {
    matches!(broker.state.as_str(), "UP" | "UPDATE")
}

/// The 99th percentile of the round trips to the slowest broker since the client said something last, in microseconds;
/// `None` if there were none.
fn slowest(said: &Statistics) -> Option<i64> {
    let windows = said.brokers.values().filter_map(|broker| broker.rtt.as_ref());
    windows.filter(|window| window.cnt > 0).map(|window| window.p99).max()
}

/// A thread that listens to clients that read. What they say waits until somebody takes it, and a client may rest for days.
pub(crate) struct Listening {
    clients: Arc<Mutex<Vec<Weak<Reading>>>>,
    ending: Option<Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl Listening {
    /// Starts the thread. It ends when this is dropped.
    pub(crate) fn start() -> std::io::Result<Self> {
        let (clients, (ending, ended)) = (Arc::default(), channel());
        let heard = Arc::clone(&clients);
        let thread = std::thread::Builder::new().name("kafka statistics".to_owned());
        let thread = Some(thread.spawn(move || listen(&heard, &ended))?);
        Ok(Self { clients, ending: Some(ending), thread })
    }

    /// Listens to a client until it is dropped.
    pub(crate) fn to(&self, client: &Arc<Reading>) {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(client));
    }
}

fn listen(clients: &Mutex<Vec<Weak<Reading>>>, ended: &Receiver<Infallible>) {
    while ended.recv_timeout(LISTEN) == Err(RecvTimeoutError::Timeout) {
        let alive: Vec<Arc<Reading>> = {
            let mut clients = clients.lock().unwrap_or_else(PoisonError::into_inner);
            clients.retain(|client| client.strong_count() > 0);
            clients.iter().filter_map(Weak::upgrade).collect()
        };
        alive.iter().for_each(|client| client.listen());
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.ending = None;
        if let Some(thread) = self.thread.take() {
            // It only tells figures.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rdkafka::statistics::{Broker, Statistics, Window};

    use super::{Clients, Figures, slowest};

    fn broker(nodeid: i32, state: &str, errors: u64, round_trips: (i64, i64)) -> Broker {
        let (cnt, p99) = round_trips;
        let rtt = Some(Window { cnt, p99, ..Window::default() });
        Broker { nodeid, state: state.to_owned(), txerrs: errors, req_timeouts: 1, rtt, ..Broker::default() }
    }

    fn said(bytes: i64, brokers: Vec<Broker>) -> Statistics {
        let brokers = brokers.into_iter().enumerate().map(|(number, broker)| (number.to_string(), broker)).collect();
        Statistics { rx_bytes: bytes, tx_bytes: 2 * bytes, msg_cnt: 3, brokers, ..Statistics::default() }
    }

    #[test]
    fn a_client_is_summed_over_its_brokers() {
        let brokers = vec![
            broker(-1, "UP", 0, (0, 900)),
            broker(1, "UP", 4, (2, 500)),
            broker(2, "DOWN", 0, (1, 700)),
            broker(3, "UPDATE", 0, (0, 0)),
        ];
        let said = said(10, brokers);
        let up = [1, 3].into();
        assert_eq!(Figures::of(&said), Figures { bytes_in: 10, bytes_out: 20, errors: 8, queued: 3, up });
        assert_eq!(slowest(&said), Some(700), "of those to which something was sent");
        assert_eq!(slowest(&Statistics::default()), None);
    }

    #[test]
    fn who_is_gone_is_counted_no_more() {
        let all = Arc::<Clients>::default();
        let (one, two) = (all.one(), all.one());
        one.says(&said(10, vec![broker(1, "UP", 0, (0, 0))]));
        two.says(&said(10, vec![broker(2, "UP", 0, (0, 0))]));
        assert_eq!(all.known().clients.len(), 2);
        drop(one);
        assert_eq!(all.known().clients.values().flat_map(|figures| figures.up.clone()).collect::<Vec<_>>(), [2]);
    }
}
