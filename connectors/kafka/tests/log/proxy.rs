//! A loopback proxy between the client and a broker that loses chosen requests or answers of Kafka's protocol.
//!
//! A request begins with its length (4 bytes), its kind (2), its version (2) and a number (4); its answer with a length
//! and that number. See <https://kafka.apache.org/protocol>.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Kind of the request that commits or aborts.
const END_TRANSACTION: i16 = 26;
/// Kind of the request with which a producer starts.
const START_PRODUCER: i16 = 22;

/// Kinds of the requests with which a member of a group shows that it is alive: join, heartbeat, leave, synchronise.
const MEMBERSHIP: [i16; 4] = [11, 12, 13, 14];
/// The client whose signs of life may be lost.
pub(crate) const SILENCED: &str = "silenced";

/// What is lost: of commits until the next producer starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loses {
    Nothing,
    CommitRequests,
    CommitAnswers,
    /// All signs of life of the client [`SILENCED`].
    SignsOfLife,
}

#[derive(Debug)]
struct State {
    target: Option<SocketAddr>,
    loses: Loses,
    lost: u32,
}

/// A proxy on a free port.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn spawn(work: impl FnOnce() + Send + 'static) {
    // It ends with its connection, or with this process.
    drop(std::thread::Builder::new().spawn(work).expect("a thread"));
}

impl Proxy {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(State { target: None, loses: Loses::Nothing, lost: 0 }));
        let shared = Arc::clone(&state);
        spawn(move || {
            for client in listener.incoming().flatten() {
                let target = locked(&shared).target;
                let Some(Ok(server)) = target.map(TcpStream::connect) else { continue };
                connect(client, server, &shared);
            }
        });
        Self { address, state }
    }

    /// Where connections go.
    pub(crate) fn forward_to(&self, servers: &str) {
        locked(&self.state).target = Some(servers.parse().expect("an address"));
    }

    pub(crate) fn lose(&self, loses: Loses) {
        let mut state = locked(&self.state);
        (state.loses, state.lost) = (loses, 0);
    }

    /// How much was lost since it was told to.
    pub(crate) fn lost(&self) -> u32 {
        locked(&self.state).lost
    }
}

fn connect(client: TcpStream, server: TcpStream, state: &Arc<Mutex<State>>) {
    let unanswered = Arc::new(Mutex::new(HashSet::new()));
    let clones = (client.try_clone().expect("a socket"), server.try_clone().expect("a socket"));
    let (state, asked) = (Arc::clone(state), Arc::clone(&unanswered));
    spawn(move || {
        each_message(client, server, &mut |message| {
            let kind = i16::from_be_bytes([message[0], message[1]]);
            let number = [message[4], message[5], message[6], message[7]];
            let mut state = locked(&state);
            match (kind, state.loses) {
                (kind, Loses::SignsOfLife) => {
                    let silenced = MEMBERSHIP.contains(&kind) && message[10..].starts_with(SILENCED.as_bytes());
                    state.lost += u32::from(silenced);
                    return !silenced;
                }
                (START_PRODUCER, _) => state.loses = Loses::Nothing,
                (END_TRANSACTION, Loses::CommitRequests) => {
                    state.lost += 1;
                    return false;
                }
                (END_TRANSACTION, Loses::CommitAnswers) => {
                    state.lost += 1;
                    asked.lock().unwrap_or_else(PoisonError::into_inner).insert(number);
                }
                _ => {}
            }
            true
        });
    });
    spawn(move || {
        each_message(clones.1, clones.0, &mut |message| {
            let number = [message[0], message[1], message[2], message[3]];
            !unanswered.lock().unwrap_or_else(PoisonError::into_inner).remove(&number)
        });
    });
}

/// Passes messages on that `passes` lets through, until one side closes.
fn each_message(mut from: TcpStream, mut to: TcpStream, passes: &mut dyn FnMut(&[u8]) -> bool) {
    let mut length = [0; 4];
    while from.read_exact(&mut length).is_ok() {
        let mut message = vec![0; u32::from_be_bytes(length) as usize];
        if from.read_exact(&mut message).is_err() {
            break;
        }
        if passes(&message) && to.write_all(&[&length[..], &message].concat()).is_err() {
            break;
        }
    }
    // The other direction ends with it.
    let _ = (from.shutdown(std::net::Shutdown::Both), to.shutdown(std::net::Shutdown::Both));
}
