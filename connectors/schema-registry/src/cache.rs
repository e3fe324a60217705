//! What was fetched once, for ever, and one request at a time for each id.
//!
//! The first thread that wants an id asks; others that want it meanwhile wait for that answer, good or bad. Who comes
//! after a bad one asks again.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::error::RegistryError;
use crate::registry::Schema;
use crate::wire::SchemaId;

type Answer = Result<Arc<Schema>, RegistryError>;

/// Schemas by id. Grows with the schemas that exist, which are few.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    known: Mutex<HashMap<SchemaId, Slot>>,
}

#[derive(Debug)]
enum Slot {
    Known(Arc<Schema>),
    Asked(Arc<Question>),
}

/// A request that is under way.
#[derive(Debug, Default)]
struct Question {
    answer: Mutex<Option<Answer>>,
    answered: Condvar,
}

/// A panic elsewhere leaves maps and answers whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cache {
    /// The schema of an id; `ask` is called if nobody knows it or is asking for it.
    pub(crate) fn get(&self, id: SchemaId, ask: impl FnOnce() -> Answer) -> Answer {
        let mut known = lock(&self.known);
        match known.get(&id) {
            Some(Slot::Known(schema)) => return Ok(Arc::clone(schema)),
            Some(Slot::Asked(question)) => {
                let question = Arc::clone(question);
                drop(known);
                return question.wait();
            }
            None => {}
        }
        let question = Arc::new(Question::default());
        known.insert(id, Slot::Asked(Arc::clone(&question)));
        drop(known);
        // Whatever becomes of the request, nobody may wait for ever.
        let mut open = Open { cache: self, id, question, answer: None };
        let answer = ask();
        open.answer = Some(answer.clone());
        answer
    }
}

impl Question {
    fn wait(&self) -> Answer {
        let answer = lock(&self.answer);
        let answer =
            self.answered.wait_while(answer, |answer| answer.is_none()).unwrap_or_else(PoisonError::into_inner);
        answer.clone().unwrap_or_else(|| Err(given_up()))
    }
}

fn given_up() -> RegistryError {
    RegistryError::Unavailable { what: "the request was given up".to_owned() }
}

/// Tells those who wait, when the request ends.
struct Open<'a> {
    cache: &'a Cache,
    id: SchemaId,
    question: Arc<Question>,
    answer: Option<Answer>,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let answer = self.answer.take().unwrap_or_else(|| Err(given_up()));
        let mut known = lock(&self.cache.known);
        match &answer {
            Ok(schema) => drop(known.insert(self.id, Slot::Known(Arc::clone(schema)))),
            Err(_) => drop(known.remove(&self.id)),
        }
        drop(known);
        *lock(&self.question.answer) = Some(answer);
        self.question.answered.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::channel;

    use super::{Cache, Slot, lock};
    use crate::error::RegistryError;
    use crate::registry::{Kind, Schema};
    use crate::wire::SchemaId;

    const ID: SchemaId = SchemaId(7);

    fn schema() -> Arc<Schema> {
        Arc::new(Schema { kind: Kind::Avro, text: "\"long\"".into(), references: Vec::new() })
    }

    /// Several threads want one id while the request is under way; returns what they got, and how many requests it took.
    fn at_once(
        cache: &Cache,
        answer: &Result<Arc<Schema>, RegistryError>,
    ) -> (Vec<Result<Arc<Schema>, RegistryError>>, usize) {
        let count = AtomicUsize::new(0);
        let (started, wait_started) = channel();
        let (go, wait_go) = channel::<()>();
        let got = std::thread::scope(|scope| {
            let (count, first) = (&count, answer.clone());
            let leader = scope.spawn(move || {
                cache.get(ID, || {
                    count.fetch_add(1, Ordering::SeqCst);
                    started.send(()).expect("heard");
                    wait_go.recv().expect("told");
                    first
                })
            });
            wait_started.recv().expect("the request is under way");
            let others: Vec<_> = (0..4)
                .map(|_| {
                    let answer = answer.clone();
                    scope.spawn(move || {
                        cache.get(ID, || {
                            count.fetch_add(1, Ordering::SeqCst);
                            answer
                        })
                    })
                })
                .collect();
            // Each of them holds the question once it waits; the map and the leader hold it too.
            let waiting = || match lock(&cache.known).get(&ID) {
                Some(Slot::Asked(question)) => Arc::strong_count(question) - 2,
                _ => 0,
            };
            while waiting() < others.len() && others.iter().all(|other| !other.is_finished()) {
                std::thread::yield_now();
            }
            go.send(()).expect("heard");
            let mut got = vec![leader.join().expect("no panic")];
            got.extend(others.into_iter().map(|other| other.join().expect("no panic")));
            got
        });
        (got, count.into_inner())
    }

    #[test]
    fn many_who_want_one_id_ask_once() {
        let cache = Cache::default();
        let (got, requests) = at_once(&cache, &Ok(schema()));
        assert_eq!((got.len(), requests), (5, 1));
        assert!(got.iter().all(Result::is_ok));
        // Known from now on.
        let again = cache.get(ID, || Err(RegistryError::UnknownId { id: ID }));
        assert_eq!(again, Ok(schema()));
    }

    #[test]
    fn a_failure_is_shared_by_those_who_waited_and_not_kept() {
        let cache = Cache::default();
        let failure = RegistryError::Unavailable { what: "down".to_owned() };
        let (got, requests) = at_once(&cache, &Err(failure.clone()));
        assert_eq!((got, requests), (vec![Err(failure); 5], 1));
        assert_eq!(cache.get(ID, || Ok(schema())), Ok(schema()));
    }
}
