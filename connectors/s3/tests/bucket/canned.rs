//! A server on loopback that gives answers made up by a test, one connection after the other.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Method and path.
    pub(crate) line: String,
    /// Headers, names in lower case, as `name: value`.
    pub(crate) headers: Vec<String>,
}

/// A server that ends with the value, and with the test if an answer could not be made.
pub(crate) struct Canned {
    pub(crate) address: String,
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    serving: Option<JoinHandle<()>>,
}

impl Canned {
    /// Serves the bytes of a whole answer of HTTP for each question.
    pub(crate) fn start(mut answer: impl FnMut(&Asked) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let work = move || {
            for client in listener.incoming().flatten() {
                let Some(question) = question(&client) else { continue };
                if question.line.starts_with("STOP") {
                    return;
                }
                // Remembered before it is answered, and so before the one who asked goes on.
                locked(&seen).push(question.clone());
                // Who has given up no longer listens.
                let _ = (&client).write_all(&answer(&question));
            }
        };
        let serving = std::thread::Builder::new().spawn(work).expect("a thread");
        Self { address: format!("http://127.0.0.1:{port}"), port, asked, serving: Some(serving) }
    }

    /// All questions so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        locked(&self.asked).clone()
    }
}

impl Drop for Canned {
    fn drop(&mut self) {
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            let _ = stream.write_all(b"STOP / HTTP/1.1\r\n\r\n");
        }
        let ended = self.serving.take().map(JoinHandle::join);
        assert!(ended.is_none_or(|ended| ended.is_ok()) || std::thread::panicking(), "an answer could not be made");
    }
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn question(client: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(client);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_owned());
    }
    let line = lines.first()?.clone();
    let headers: Vec<String> = lines[1..]
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| format!("{}: {value}", name.to_ascii_lowercase()))
        .collect();
    let asked = Asked { line, headers };
    let length = asked.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    std::io::copy(&mut reader.take(length), &mut std::io::sink()).ok()?;
    Some(asked)
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|header| header.strip_prefix(name)?.strip_prefix(": "))
    }

    /// First byte of the range that was asked for.
    pub(crate) fn from(&self) -> usize {
        let range = self.header("range").and_then(|range| range.strip_prefix("bytes="));
        range.and_then(|range| range.split_once('-')?.0.parse().ok()).unwrap_or(0)
    }
}

/// An answer with headers and a body.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status} said\r\nconnection: close\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !headers.iter().any(|(name, _)| *name == "content-length") {
        text.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    [text.as_bytes(), body].concat()
}

/// A refusal as S3 writes it.
pub(crate) fn refusal(status: u16, code: &str) -> Vec<u8> {
    let body = format!("<Error><Code>{code}</Code><Message>the words of the store</Message></Error>");
    answer(status, &[("content-type", "application/xml")], body.as_bytes())
}
