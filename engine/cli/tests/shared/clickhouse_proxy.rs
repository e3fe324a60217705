//! A loopback proxy before ClickHouse that spoils answers to inserts: what came and what became of it are two things.
//!
//! A client has one request on a connection at a time, so a request is an insert until the next one begins.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use testkit::loopback::{beside, listen};

/// What happens to the next insert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Insert {
    /// It never reaches ClickHouse; a balancer answers 503.
    TurnedAway,
    /// It is done, and the connection is cut before the answer.
    Unanswered,
    /// It is done, and the answer is 500 with a code of ClickHouse's.
    SaidToHaveFailed,
    /// It is done, and the answer comes when nobody waits for it any more.
    AnsweredTooLate,
}

type Next = Mutex<Option<Insert>>;

/// A proxy on a free port.
pub(crate) struct ClickHouseProxy {
    pub(crate) address: String,
    state: Arc<Next>,
}

fn locked(state: &Next) -> MutexGuard<'_, Option<Insert>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ClickHouseProxy {
    /// Forwards to a server at `http://ADDRESS`.
    pub(crate) fn start(server: &str) -> Self {
        let target = server.strip_prefix("http://").expect("plain").parse().expect("an address");
        let state = Arc::new(Mutex::new(None));
        let shared = Arc::clone(&state);
        let address = listen(
            move || Some(target),
            move |client, server| {
                let inserting = Arc::new(AtomicBool::new(false));
                let clones = (client.try_clone().expect("a socket"), server.try_clone().expect("a socket"));
                let (state, flag, (hung_up, until)) = (Arc::clone(&shared), Arc::clone(&inserting), channel());
                beside(move || ask(client, server, &state, &flag, hung_up));
                let state = Arc::clone(&shared);
                beside(move || answer(clones.1, clones.0, &state, &inserting, &until));
            },
        );
        Self { address: format!("http://{address}"), state }
    }

    /// What happens to the next insert.
    pub(crate) fn spoil(&self, insert: Insert) {
        *locked(&self.state) = Some(insert);
    }

    /// True once it has happened.
    pub(crate) fn happened(&self) -> bool {
        locked(&self.state).is_none()
    }
}

fn refusal(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()).into_bytes()
}

/// Passes requests on. `hung_up` is dropped when the client has.
fn ask(mut client: TcpStream, mut server: TcpStream, state: &Next, inserting: &AtomicBool, hung_up: Sender<()>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = client.read(&mut buffer) {
        let bytes = &buffer[..count];
        if bytes.starts_with(b"POST ") {
            let head = String::from_utf8_lossy(&bytes[..count.min(2000)]).into_owned();
            inserting.store(head.lines().next().is_some_and(|line| line.contains("query=INSERT")), Ordering::SeqCst);
        }
        if inserting.load(Ordering::SeqCst) && locked(state).take_if(|next| *next == Insert::TurnedAway).is_some() {
            let _ = client.write_all(&refusal("503 Service Unavailable", "<html>no server</html>"));
            break;
        }
        if server.write_all(bytes).is_err() {
            break;
        }
    }
    drop(hung_up);
    let _ = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
}

/// Passes answers on, but for that of an insert which is to be spoilt.
fn answer(mut server: TcpStream, mut client: TcpStream, state: &Next, inserting: &AtomicBool, until: &Receiver<()>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = server.read(&mut buffer) {
        let spoilt = inserting.load(Ordering::SeqCst).then(|| locked(state).take()).flatten();
        match spoilt {
            Some(Insert::Unanswered) => break,
            Some(Insert::SaidToHaveFailed) => {
                let body = "Code: 159. DB::Exception: Timeout exceeded. (TIMEOUT_EXCEEDED)";
                let _ = client.write_all(&refusal("500 Internal Server Error", body));
                break;
            }
            // Nothing is ever sent; it ends with the other direction.
            Some(Insert::AnsweredTooLate) => drop(until.recv()),
            Some(Insert::TurnedAway) | None => {}
        }
        if client.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
}
