//! A loopback proxy between clients and a broker that loses or delays chosen requests or answers of Kafka's protocol.
//!
//! A request begins with its length (4 bytes), its kind (2), its version (2) and a number (4); its answer with a length
//! and that number. See <https://kafka.apache.org/protocol>.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::loopback::{beside, listen};

/// Kind of the request that writes records.
const PRODUCE: i16 = 0;
/// Kind of the request that reads records.
const FETCH: i16 = 1;
/// Kind of the request that commits or aborts.
const END_TRANSACTION: i16 = 26;
/// Kind of the request with which a producer starts.
const START_PRODUCER: i16 = 22;

/// Kinds of the requests with which a member of a group shows that it is alive: join, heartbeat, leave, synchronise.
const MEMBERSHIP: [i16; 4] = [11, 12, 13, 14];
/// The client whose signs of life may be lost.
pub const SILENCED: &str = "silenced";

/// What is lost: of commits until the next producer starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loses {
    /// Nothing.
    Nothing,
    /// Requests that commit or abort.
    CommitRequests,
    /// Their answers.
    CommitAnswers,
    /// One answer to records of a transaction.
    ProduceAnswer,
    /// Nothing, but one request with records of a transaction arrives when its client has given it up and hung up.
    ProduceUntilGivenUp,
    /// All signs of life of the client [`SILENCED`].
    SignsOfLife,
    /// Answers with records, on the connections that are open when it is told to. Later ones get theirs.
    RecordsOfOpenConnections,
}

#[derive(Debug)]
struct State {
    target: Option<SocketAddr>,
    loses: Loses,
    lost: u32,
    /// Connections so far, and when it was told what to lose.
    connections: u64,
    connections_then: u64,
}

/// A proxy on a free port.
#[derive(Debug)]
pub struct KafkaProxy {
    /// Where it listens; a broker behind it has to advertise this.
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl KafkaProxy {
    /// Listens, and knows no broker yet.
    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        let state = Arc::new(Mutex::new(State {
            target: None,
            loses: Loses::Nothing,
            lost: 0,
            connections: 0,
            connections_then: 0,
        }));
        let (asked, shared) = (Arc::clone(&state), Arc::clone(&state));
        let address = listen(move || locked(&asked).target, move |client, server| connect(client, server, &shared));
        Self { address, state }
    }

    /// Where connections go.
    pub fn forward_to(&self, servers: &str) {
        locked(&self.state).target = Some(servers.parse().expect("an address"));
    }

    /// What is lost from now on.
    pub fn lose(&self, loses: Loses) {
        let mut state = locked(&self.state);
        (state.loses, state.lost, state.connections_then) = (loses, 0, state.connections);
    }

    /// How much was lost since it was told to.
    #[must_use]
    pub fn lost(&self) -> u32 {
        locked(&self.state).lost
    }
}

/// Numbers of requests whose answers are waited for.
type Numbers = Arc<Mutex<HashSet<[u8; 4]>>>;

fn connect(client: TcpStream, server: TcpStream, state: &Arc<Mutex<State>>) {
    // Those to lose the answer of, and those that read records: what of them is lost shows when the answer comes, as the
    // broker may hold a request for a while that came before anybody said what to lose.
    let (unanswered, reads) = (Numbers::default(), Numbers::default());
    let clones = (client.try_clone().expect("a socket"), server.try_clone().expect("a socket"));
    let (state, asked, reading) = (Arc::clone(state), Arc::clone(&unanswered), Arc::clone(&reads));
    let connection = {
        let mut state = locked(&state);
        state.connections += 1;
        state.connections
    };
    let answers = Arc::clone(&state);
    beside(move || {
        each_message(client, server, &mut |message| {
            let number = [message[4], message[5], message[6], message[7]];
            if kind(message) == FETCH {
                reading.lock().unwrap_or_else(PoisonError::into_inner).insert(number);
            }
            let fate = fate(message, &mut locked(&state));
            if matches!(fate, Fate::Unanswered) {
                asked.lock().unwrap_or_else(PoisonError::into_inner).insert(number);
            }
            fate
        });
    });
    beside(move || {
        each_message(clones.1, clones.0, &mut |message| {
            let number = [message[0], message[1], message[2], message[3]];
            let of = |numbers: &Numbers| numbers.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
            let deaf = of(&reads) && locked(&answers).loses_records(connection);
            match of(&unanswered) || deaf {
                true => Fate::Lost,
                false => Fate::Passes,
            }
        });
    });
}

impl State {
    /// True if an answer with records is lost on this connection, which is counted.
    fn loses_records(&mut self, connection: u64) -> bool {
        let lost = self.loses == Loses::RecordsOfOpenConnections && connection <= self.connections_then;
        self.lost += u32::from(lost);
        lost
    }
}

fn kind(request: &[u8]) -> i16 {
    i16::from_be_bytes([request[0], request[1]])
}

/// What becomes of a message.
enum Fate {
    Passes,
    Lost,
    Unanswered,
    Late,
}

fn fate(message: &[u8], state: &mut State) -> Fate {
    let lost = match (kind(message), state.loses) {
        (kind, Loses::SignsOfLife) if MEMBERSHIP.contains(&kind) && message[10..].starts_with(SILENCED.as_bytes()) => {
            Fate::Lost
        }
        (START_PRODUCER, Loses::CommitRequests | Loses::CommitAnswers) if is_transactional(message, 2) => {
            state.loses = Loses::Nothing;
            return Fate::Passes;
        }
        (END_TRANSACTION, Loses::CommitRequests) => Fate::Lost,
        (END_TRANSACTION, Loses::CommitAnswers) => Fate::Unanswered,
        (PRODUCE, Loses::ProduceAnswer) if is_transactional(message, 9) => {
            state.loses = Loses::Nothing;
            Fate::Unanswered
        }
        (PRODUCE, Loses::ProduceUntilGivenUp) if is_transactional(message, 9) => {
            state.loses = Loses::Nothing;
            Fate::Late
        }
        _ => return Fate::Passes,
    };
    state.lost += 1;
    lost
}

/// True if a request whose first field is the name of a transaction has one. From version `tagged` on the client's name and
/// the tags of the header come first, and the length of a text is one more than it is; before, the length is -1 for none.
fn is_transactional(message: &[u8], tagged: i16) -> bool {
    let version = i16::from_be_bytes([message[2], message[3]]);
    let name = usize::from(u16::from_be_bytes([message[8], message[9]]));
    match version >= tagged {
        true => message.get(10 + name + 1).is_some_and(|length| *length > 0),
        false => message.get(10 + name).is_some_and(|length| *length != 0xff),
    }
}

/// Passes messages on, each as its fate is, until one side closes.
fn each_message(mut from: TcpStream, mut to: TcpStream, fate: &mut dyn FnMut(&[u8]) -> Fate) {
    let mut length = [0; 4];
    while from.read_exact(&mut length).is_ok() {
        let mut message = vec![0; u32::from_be_bytes(length) as usize];
        if from.read_exact(&mut message).is_err() {
            break;
        }
        let fate = fate(&message);
        let mut bytes = [&length[..], &message].concat();
        if matches!(fate, Fate::Late) {
            // All that the client says until it hangs up comes behind it. The answer finds nobody, which ends the rest.
            let _ = from.read_to_end(&mut bytes);
            let _ = to.write_all(&bytes);
            return;
        }
        if !matches!(fate, Fate::Lost) && to.write_all(&bytes).is_err() {
            break;
        }
    }
    // The other direction ends with it.
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
