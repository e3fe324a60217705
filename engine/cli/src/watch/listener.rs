//! Serves [`Watch`] over HTTP/1.1, on a thread of its own.
//!
//! Whoever can reach the port may send anything. So: few connections, each for a short time, and no client keeps their places
//! from others (`places`); a head of bounded size that must come soon; no body; two answers in the making at once, for which
//! few wait; and nothing that changes anything. `/live` and `/ready` wait for no turn.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use http_body_util::Full;
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderValue, WWW_AUTHENTICATE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::task::spawn_blocking;
use tokio::time::{interval, timeout};

use super::address::{Listen, is_own_name};
use super::places::{Place, Places};
use super::{Answer, TEXT, Token, Watch};
use crate::exit::{Exit, failure};
use crate::show;

/// Longest wait for the head of a request, the first or a further one.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// Longest life of a connection, however busy it is.
const CONNECTION_FOR: Duration = Duration::from_secs(120);
/// Largest head of a request.
const HEAD_BYTES: usize = 16 * 1024;
/// Answers in the making at once.
const ANSWERS: usize = 2;
/// Requests that wait for such a turn; more are told to ask again. With those it must stay below the places that there are.
const WAITING: usize = 16;
/// Longest wait for an answer's turn, and for the answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// How often histograms are settled. Larger: more memory where nobody scrapes.
const SETTLE: Duration = Duration::from_secs(5);

/// Listens until it is dropped.
pub(crate) struct Listener {
    address: SocketAddr,
    ending: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Takes the address and answers there. `None` if it was not named and is taken: then that is said, and the run goes on.
    pub(crate) fn start(listen: Listen, watch: Arc<Watch>) -> Result<Option<Self>> {
        let wanted = listen.address;
        let bound = TcpListener::bind(wanted).and_then(|bound| {
            bound.set_nonblocking(true)?;
            Ok((bound.local_addr()?, bound))
        });
        let (address, bound) = match bound {
            Ok(bound) => bound,
            Err(error) => {
                let what = format!("the run cannot listen at {wanted}: {error}");
                let free = "--listen 127.0.0.1:0 takes a free port, --listen off none";
                if listen.named {
                    return Err(failure(Exit::Environment, what, format!("name another address; {free}")));
                }
                show::note(&format!("{what}; nobody can watch this run over HTTP\n  to go on: {free}"));
                return Ok(None);
            }
        };
        let (ending, ended) = watch::channel(false);
        let [turns, queue] = [ANSWERS, ANSWERS + WAITING].map(|most| Arc::new(Semaphore::new(most)));
        let asked = Asked { watch, token: listen.token.map(Arc::new), turns, queue };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(ANSWERS)
            .build()
            .context("the listener does not start")?;
        let work = move || runtime.block_on(serve(bound, asked, ended));
        let thread =
            std::thread::Builder::new().name("http".to_owned()).spawn(work).context("the listener does not start")?;
        tracing::info!(address = %address, "listening");
        Ok(Some(Self { address, ending, thread: Some(thread) }))
    }

    /// Where.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Nobody hears it if the thread has ended.
        let _ = self.ending.send(true);
        if let Some(thread) = self.thread.take() {
            // A listener that failed is no reason to fail the run.
            let _ = thread.join();
        }
    }
}

/// What each connection needs.
#[derive(Clone)]
struct Asked {
    watch: Arc<Watch>,
    token: Option<Arc<Token>>,
    turns: Arc<Semaphore>,
    /// Those that have a turn, and those that wait for one.
    queue: Arc<Semaphore>,
}

async fn serve(bound: TcpListener, asked: Asked, mut ended: watch::Receiver<bool>) {
    let Ok(bound) = tokio::net::TcpListener::from_std(bound) else { return };
    let (mut places, mut settle) = (Places::default(), interval(SETTLE));
    loop {
        tokio::select! {
            _ = ended.changed() => return,
            _ = settle.tick() => asked.watch.exporter.settle(),
            () = places.ended() => {}
            accepted = bound.accept() => match accepted {
                Ok((stream, _)) => places.give(|place| connection(stream, asked.clone(), place)),
                // Such as no descriptor being left: a pause, or it would ask for ever.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            },
        }
    }
}

async fn connection(stream: TcpStream, asked: Asked, place: Place) {
    let service = service_fn(move |request| {
        let (asked, place) = (asked.clone(), place.clone());
        async move {
            place.works();
            let answered = answer(request, asked).await;
            place.rests();
            answered
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    // What goes wrong with one connection is that connection's.
    let _ = timeout(CONNECTION_FOR, connection).await;
}

/// What is asked for.
#[derive(Clone, Copy)]
enum Page {
    Live,
    Ready,
    Metrics,
    Status,
    Topology,
}

impl Page {
    fn of(path: &str) -> Option<Self> {
        Some(match path {
            "/live" => Self::Live,
            "/ready" => Self::Ready,
            "/metrics" => Self::Metrics,
            "/status" => Self::Status,
            "/topology" => Self::Topology,
            _ => return None,
        })
    }
}

/// How one who asks stands with the token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// It is right, or none is needed.
    Enough,
    TooLittle,
}

async fn answer(request: Request<Incoming>, asked: Asked) -> Result<Response<Full<Bytes>>, Infallible> {
    let head_only = request.method() == Method::HEAD;
    let mut response = respond(decide(&request, &asked).await);
    if request.method() != Method::GET && !head_only {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    if head_only {
        *response.body_mut() = Full::default();
    }
    Ok(response)
}

async fn decide(request: &Request<Incoming>, asked: &Asked) -> Answer {
    let told = |status: u16, body: &str| Answer { status, content_type: TEXT, body: format!("{body}\n") };
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return told(405, "this listener changes nothing: GET or HEAD");
    }
    if !request.body().is_end_stream() {
        return told(413, "a request has no body here");
    }
    let Some(page) = Page::of(request.uri().path()) else {
        return told(404, "there are /live, /ready, /metrics, /status and /topology");
    };
    let shown = shown(request, asked.token.as_deref());
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if asked.token.is_none() && !is_own_name(host) {
        return told(403, "ask for localhost, or for a loopback address");
    }
    let watch = Arc::clone(&asked.watch);
    let make: Box<dyn FnOnce() -> Answer + Send> = match page {
        Page::Live => return Watch::live(),
        Page::Ready => {
            let ready = watch.ready();
            return match shown {
                Shown::Enough => ready,
                Shown::TooLittle => told(ready.status, if ready.status == 200 { "ready" } else { "not ready" }),
            };
        }
        _ if shown != Shown::Enough => return told(401, "show the token: Authorization: Bearer TOKEN"),
        Page::Metrics => Box::new(move || watch.metrics()),
        Page::Status => Box::new(move || watch.status()),
        Page::Topology => Box::new(move || watch.topology()),
    };
    let busy = || told(503, "busy: ask again");
    let Ok(_waits) = asked.queue.try_acquire() else { return busy() };
    let turns = Arc::clone(&asked.turns);
    let made = timeout(ANSWER_WITHIN, async {
        let turn = turns.acquire_owned().await.ok()?;
        // The turn is over with the work, also if nobody waits for it any more.
        let work = spawn_blocking(move || {
            let answer = make();
            drop(turn);
            answer
        });
        work.await.ok()
    });
    match made.await {
        Ok(Some(answer)) => answer,
        Ok(None) => told(500, "the answer failed"),
        Err(_) => busy(),
    }
}

fn shown(request: &Request<Incoming>, token: Option<&Token>) -> Shown {
    let Some(token) = token else { return Shown::Enough };
    let Some(shown) = request.headers().get(AUTHORIZATION) else { return Shown::TooLittle };
    let parts = shown.to_str().ok().and_then(|shown| shown.trim().split_once(' '));
    // A scheme may be written in letters of any size (RFC 9110, section 11.1).
    let right = parts.is_some_and(|(scheme, shown)| scheme.eq_ignore_ascii_case("bearer") && token.is(shown.trim()));
    if right { Shown::Enough } else { Shown::TooLittle }
}

fn respond(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = hyper::StatusCode::from_u16(answer.status).unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if answer.status == 401 {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}
