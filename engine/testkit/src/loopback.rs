//! What proxies of tests have in common: a port of loopback at which each connection gets one to the server behind it.

use std::net::{SocketAddr, TcpListener, TcpStream};

/// Does something beside the test, until its connection ends or this process does.
///
/// # Panics
/// If there is no thread to be had.
pub fn beside(work: impl FnOnce() + Send + 'static) {
    drop(std::thread::Builder::new().spawn(work).expect("a thread"));
}

/// Listens on a free port, and hands out each connection that comes together with one to where `target` says at that
/// moment. Where it says nothing, or nobody listens there, the connection ends.
///
/// # Panics
/// If there is no port to be had.
#[must_use]
#[track_caller]
pub fn listen(
    target: impl Fn() -> Option<SocketAddr> + Send + 'static,
    each: impl Fn(TcpStream, TcpStream) + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    beside(move || {
        for client in listener.incoming().flatten() {
            if let Some(Ok(server)) = target().map(TcpStream::connect) {
                each(client, server);
            }
        }
    });
    address
}
