//! Serves a world on loopback: `/{host}/{path}` answers as `https://{host}/{path}` would.
//!
//! The publishers' habits are played too: validators and 304, 403 for a file that is not there, a page for people
//! answered as 200, and the SEC's refusal of clients that name no contact. Whether the one document has been published
//! again lies in a small file in the state folder, so that the next run meets the same world:
//!
//! ```text
//! publishers.json   {"form": 1, "republished": true}
//! ```

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH, USER_AGENT};
use axum::http::{HeaderMap, HeaderName, Response, Uri};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use crate::chance::fingerprint;
use crate::pages;
use crate::world::{INDEX_PAGE, World};

const STATE_FILE: &str = "publishers.json";
const FORM: u32 = 1;

/// Why the publishers could not be played.
#[derive(Debug, thiserror::Error)]
pub enum PublishersError {
    /// The state file cannot be read or written.
    #[error("the publishers' state at {path} cannot be kept")]
    State {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The state file is not ours.
    #[error("the publishers' state at {path} is of another form")]
    Form {
        /// The file.
        path: PathBuf,
    },
    /// No port of loopback can be had.
    #[error("the publishers cannot listen on loopback")]
    Listen(#[source] io::Error),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    form: u32,
    republished: bool,
}

/// One address.
#[derive(Debug)]
struct Page {
    status: u16,
    content_type: &'static str,
    first: Content,
    second: Option<Content>,
}

/// Bytes and their validator.
#[derive(Clone, Debug)]
struct Content {
    bytes: Bytes,
    etag: String,
}

#[derive(Debug)]
struct Served {
    /// By `/host/path`.
    pages: HashMap<String, Page>,
    republished: AtomicBool,
}

/// Publishers on loopback. They stop when this is dropped.
#[derive(Debug)]
pub struct Publishers {
    address: String,
    state: PathBuf,
    world: World,
    served: Arc<Served>,
    runtime: Option<Runtime>,
}

impl Publishers {
    /// Serves `world` on a free port. The state folder is made if it is not there.
    ///
    /// # Errors
    /// [`PublishersError`].
    pub fn start(state_folder: &Path, world: World) -> Result<Self, PublishersError> {
        let state = state_folder.join(STATE_FILE);
        fs::create_dir_all(state_folder).map_err(|source| PublishersError::State { path: state.clone(), source })?;
        let republished = read_state(&state)?;
        let served = Arc::new(Served { pages: pages_of(&world), republished: AtomicBool::new(republished) });
        let runtime =
            Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(PublishersError::Listen)?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).map_err(PublishersError::Listen)?;
        let address = format!("http://{}", listener.local_addr().map_err(PublishersError::Listen)?);
        let router = Router::new().fallback(answer).with_state(Arc::clone(&served));
        // It ends with the runtime; an error of one connection is that connection's.
        runtime.spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, state, world, served, runtime: Some(runtime) })
    }

    /// What stands before `/{host}/{path}`, such as `http://127.0.0.1:40123`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What is published, and what is true of it.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    /// True once the one document has been published again, in this run or an earlier one.
    #[must_use]
    pub fn is_republished(&self) -> bool {
        self.served.republished.load(Ordering::SeqCst)
    }

    /// Publishes the one document again. Doing it twice changes nothing.
    ///
    /// # Errors
    /// If that cannot be remembered; then it has not happened.
    pub fn republish(&self) -> Result<(), PublishersError> {
        write_state(&self.state).map_err(|source| PublishersError::State { path: self.state.clone(), source })?;
        self.served.republished.store(true, Ordering::SeqCst);
        Ok(())
    }
}

impl Drop for Publishers {
    fn drop(&mut self) {
        // Waiting for connections could block for ever, and is forbidden inside another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn read_state(path: &Path) -> Result<bool, PublishersError> {
    match fs::read(path) {
        Ok(bytes) => match serde_json::from_slice::<Kept>(&bytes) {
            Ok(kept) if kept.form == FORM => Ok(kept.republished),
            _ => Err(PublishersError::Form { path: path.to_owned() }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(PublishersError::State { path: path.to_owned(), source }),
    }
}

fn write_state(path: &Path) -> io::Result<()> {
    let part = path.with_extension("part");
    fs::write(&part, serde_json::to_vec(&Kept { form: FORM, republished: true })?)?;
    fs::rename(&part, path)
}

fn pages_of(world: &World) -> HashMap<String, Page> {
    let mut pages = HashMap::new();
    for feed in &world.feeds {
        for document in &feed.documents {
            let name = &document.first.name;
            let content_type = if name.ends_with(".zip") { "application/zip" } else { "text/plain" };
            let first = body(document.first.bytes.clone());
            let second = document.second.as_ref().map(|made| body(made.bytes.clone()));
            pages.insert(place(&document.url), Page { status: 200, content_type, first, second });
        }
        for absent in &feed.absent {
            let first = body(pages::NOT_FOUND.into());
            let page = Page { status: absent.status, content_type: "text/html", first, second: None };
            pages.insert(place(&absent.url), page);
        }
    }
    if let Some(feed) = world.feed("sec-ftd") {
        let urls = feed.absent.iter().map(|absent| &absent.url).chain(feed.documents.iter().map(|found| &found.url));
        let paths: Vec<&str> = urls.map(|url| url.trim_start_matches("https://www.sec.gov")).collect();
        let first = body(pages::index(paths.into_iter()).into());
        pages.insert(place(INDEX_PAGE), Page { status: 200, content_type: "text/html", first, second: None });
    }
    pages
}

fn body(bytes: Vec<u8>) -> Content {
    let etag = format!("\"{:016x}\"", fingerprint(&bytes));
    Content { bytes: bytes.into(), etag }
}

/// `/host/path` of an address.
fn place(url: &str) -> String {
    url.replacen("https:/", "", 1)
}

async fn answer(State(served): State<Arc<Served>>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let path = uri.path();
    if path.starts_with("/www.sec.gov/") && !text(USER_AGENT).contains('@') {
        return respond(403, "text/html", None, Bytes::from_static(pages::NOT_FOUND.as_bytes()));
    }
    let Some(page) = served.pages.get(path) else {
        return respond(404, "text/html", None, Bytes::from_static(pages::NOT_FOUND.as_bytes()));
    };
    let republished = served.republished.load(Ordering::SeqCst);
    let body = page.second.as_ref().filter(|_| republished).unwrap_or(&page.first);
    let etag = (page.status == 200).then_some(body.etag.as_str());
    if etag.is_some_and(|etag| etag == text(IF_NONE_MATCH)) {
        return respond(304, page.content_type, etag, Bytes::new());
    }
    respond(page.status, page.content_type, etag, body.bytes.clone())
}

fn respond(status: u16, content_type: &str, etag: Option<&str>, bytes: Bytes) -> Response<Body> {
    let mut response = Response::builder().status(status).header(CONTENT_TYPE, content_type);
    if let Some(etag) = etag {
        response = response.header(ETAG, etag);
    }
    // Statuses and headers are ours; were one of them wrong, an empty answer would tell.
    response.body(Body::from(bytes)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;
    use crate::world::Sizes;

    fn small() -> World {
        World::new(1, Sizes { ftd: 100, short_volume: 20, dtcc: 40 })
    }

    /// Status, validator and body of an answer.
    fn ask(publishers: &Publishers, url: &str, headers: &str) -> (u16, String, Vec<u8>) {
        let mut stream = TcpStream::connect(publishers.address().trim_start_matches("http://")).unwrap();
        let path = place(url);
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n").unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let etag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap_or("").to_owned();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), etag, bytes[end + 4..].to_vec())
    }

    const CONTACT: &str = "User-Agent: spotlight/1 (you@example.org)\r\n";

    #[test]
    fn everything_in_the_catalogue_is_served_as_it_says() {
        let folder = tempfile::tempdir().unwrap();
        let publishers = Publishers::start(folder.path(), small()).unwrap();
        for feed in &publishers.world().feeds {
            for document in &feed.documents {
                let (status, _, bytes) = ask(&publishers, &document.url, CONTACT);
                assert_eq!((status, &bytes), (200, &document.first.bytes), "{}", document.url);
            }
            for absent in &feed.absent {
                let (status, _, bytes) = ask(&publishers, &absent.url, CONTACT);
                assert_eq!(status, absent.status, "{}", absent.url);
                assert!(bytes.starts_with(b"<!DOCTYPE"));
            }
        }
        assert_eq!(ask(&publishers, "https://cdn.finra.org/other.txt", "").0, 404);
    }

    #[test]
    fn the_index_links_to_every_file_and_wants_a_contact() {
        let folder = tempfile::tempdir().unwrap();
        let publishers = Publishers::start(folder.path(), small()).unwrap();
        assert_eq!(ask(&publishers, INDEX_PAGE, "").0, 403);
        let (status, _, page) = ask(&publishers, INDEX_PAGE, CONTACT);
        let page = String::from_utf8(page).unwrap();
        assert_eq!(status, 200);
        assert_eq!(page.matches("href=\"/files/data/fails-deliver-data/cnsfails2025").count(), 7);
    }

    #[test]
    fn a_republication_is_seen_by_validator_and_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let publishers = Publishers::start(folder.path(), small()).unwrap();
        let documents = &publishers.world().feed("sec-ftd").unwrap().documents;
        let document = documents.iter().find(|document| document.second.is_some()).unwrap();
        let etag = ask(&publishers, &document.url, CONTACT).1;
        let conditional = format!("{CONTACT}If-None-Match: {etag}\r\n");
        assert_eq!(ask(&publishers, &document.url, &conditional), (304, etag, Vec::new()));
        publishers.republish().unwrap();
        let (status, _, bytes) = ask(&publishers, &document.url, &conditional);
        assert_eq!((status, &bytes), (200, &document.second.as_ref().unwrap().bytes));
        drop(publishers);

        let again = Publishers::start(folder.path(), small()).unwrap();
        assert!(again.is_republished());
        drop(again);
        fs::write(folder.path().join(STATE_FILE), "{}").unwrap();
        assert!(matches!(Publishers::start(folder.path(), small()), Err(PublishersError::Form { .. })));
    }
}
