//! A loopback proxy between the client and a server that cuts connections, or does something else, after so many bytes.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// To the server.
    Up,
    /// To the client.
    Down,
}

/// What happens, and when.
pub(crate) struct Fault {
    pub(crate) way: Way,
    /// Bytes until the first time.
    pub(crate) after: usize,
    /// Bytes from one time to the next.
    pub(crate) again: usize,
    /// How often.
    pub(crate) times: u32,
    /// What is done then, before the connection is cut.
    pub(crate) deed: Option<Box<dyn FnMut() + Send>>,
}

struct State {
    target: SocketAddr,
    fault: Option<Fault>,
    done: u32,
}

/// A proxy on a free port.
pub(crate) struct Proxy {
    pub(crate) address: String,
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
    /// Forwards to a server at `http://ADDRESS`.
    pub(crate) fn start(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let target = server.strip_prefix("http://").expect("plain").parse().expect("an address");
        let state = Arc::new(Mutex::new(State { target, fault: None, done: 0 }));
        let shared = Arc::clone(&state);
        spawn(move || {
            for client in listener.incoming().flatten() {
                let target = locked(&shared).target;
                // Where nobody listens the client's connection ends here.
                let Ok(server) = TcpStream::connect(target) else { continue };
                let ways = [(Way::Up, &client, &server), (Way::Down, &server, &client)];
                for (way, from, to) in ways {
                    let (from, to) = (from.try_clone().expect("a socket"), to.try_clone().expect("a socket"));
                    let shared = Arc::clone(&shared);
                    spawn(move || forward(way, from, to, &shared));
                }
            }
        });
        Self { address, state }
    }

    pub(crate) fn inject(&self, fault: Fault) {
        let mut state = locked(&self.state);
        (state.fault, state.done) = (Some(fault), 0);
    }

    /// How often it happened.
    pub(crate) fn done(&self) -> u32 {
        locked(&self.state).done
    }
}

fn forward(way: Way, mut from: TcpStream, mut to: TcpStream, state: &Mutex<State>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if strikes(way, count, state) || to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

/// Counts bytes, and says whether it is time.
fn strikes(way: Way, count: usize, state: &Mutex<State>) -> bool {
    let mut state = locked(state);
    let Some(fault) = state.fault.as_mut().filter(|fault| fault.way == way && fault.times > 0) else { return false };
    fault.after = fault.after.saturating_sub(count);
    if fault.after > 0 {
        return false;
    }
    (fault.after, fault.times) = (fault.again, fault.times - 1);
    if let Some(deed) = &mut fault.deed {
        deed();
    }
    state.done += 1;
    true
}
