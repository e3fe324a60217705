//! The places of the listener's connections. There are few, and no client can keep them from others: where all are taken,
//! the one that has been idle longest gives its place to the next that comes. Answers in the making are fewer than places,
//! so one is always idle.
//!
//! A connection is idle while it waits for a head, and from when its answer was handed over: who does not read it is idle.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

/// Connections at once. Larger: more memory and descriptors for who wastes them.
const PLACES: usize = 64;
/// Longest time that a connection may be idle: without a head, or with an answer that is not read.
const IDLE: Duration = Duration::from_secs(10);

/// What a connection does: since when it is idle, as a number that grows with each change of any; `None` while an answer
/// to it is in the making.
#[derive(Clone, Debug)]
pub(super) struct Place {
    idle: Arc<watch::Sender<Option<u64>>>,
    changes: Arc<AtomicU64>,
}

impl Place {
    fn new(changes: &Arc<AtomicU64>) -> Self {
        let place = Self { idle: Arc::new(watch::Sender::new(None)), changes: Arc::clone(changes) };
        place.rests();
        place
    }

    /// An answer is in the making from now on.
    pub(super) fn works(&self) {
        self.idle.send_replace(None);
    }

    /// It is idle from now on.
    pub(super) fn rests(&self) {
        self.idle.send_replace(Some(self.changes.fetch_add(1, Ordering::Relaxed)));
    }

    /// Returns once it has been idle for too long.
    async fn idle_too_long(&self) {
        let mut changes = self.idle.subscribe();
        loop {
            let is_idle = changes.borrow_and_update().is_some();
            if !is_idle {
                // The sender lives as long as this.
                let _ = changes.changed().await;
            } else if timeout(IDLE, changes.changed()).await.is_err() {
                return;
            }
        }
    }
}

/// All connections.
#[derive(Debug, Default)]
pub(super) struct Places {
    tasks: JoinSet<()>,
    taken: Vec<(AbortHandle, Place)>,
    changes: Arc<AtomicU64>,
}

impl Places {
    /// Gives a place to what `connection` makes of it, until that ends or has been idle for too long. Where none is free
    /// the connection that has been idle longest is ended.
    pub(super) fn give<Connection>(&mut self, connection: impl FnOnce(Place) -> Connection)
    where
        Connection: Future<Output = ()> + Send + 'static,
    {
        self.taken.retain(|(task, _)| !task.is_finished());
        if self.taken.len() >= PLACES
            && let Some(oldest) = self.idle_longest()
        {
            self.taken.swap_remove(oldest).0.abort();
        }
        let place = Place::new(&self.changes);
        let connection = connection(place.clone());
        let of_task = place.clone();
        let task = self.tasks.spawn(async move {
            tokio::select! {
                () = connection => {}
                () = of_task.idle_too_long() => {}
            }
        });
        self.taken.push((task, place));
    }

    fn idle_longest(&self) -> Option<usize> {
        let idle =
            self.taken.iter().enumerate().filter_map(|(index, (_, place))| Some(((*place.idle.borrow())?, index)));
        idle.min().map(|(_, index)| index)
    }

    /// Waits for the end of one; for ever if there is none.
    pub(super) async fn ended(&mut self) {
        if self.tasks.join_next().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PLACES, Places};

    #[tokio::test]
    async fn the_connection_that_has_been_idle_longest_gives_its_place_away() {
        let (mut places, mut given) = (Places::default(), Vec::new());
        for _ in 0..PLACES {
            places.give(|place| {
                given.push(place);
                std::future::pending()
            });
        }
        // The first has an answer in the making, the second has just got one.
        given[0].works();
        given[1].works();
        given[1].rests();
        let oldest = places.idle_longest().expect("all but one are idle");
        assert_eq!(*places.taken[oldest].1.idle.borrow(), *given[2].idle.borrow());
        places.give(|_| std::future::pending());
        assert_eq!(places.taken.len(), PLACES);
        places.ended().await;
        let left =
            |place: &super::Place| places.taken.iter().any(|(_, it)| std::sync::Arc::ptr_eq(&it.idle, &place.idle));
        assert!(left(&given[0]) && left(&given[1]) && !left(&given[2]) && left(&given[3]));
    }
}
