//! One attempt that many wait for: a connection, a token.
//!
//! Whoever finds no attempt under way starts one; everybody is told its outcome, in the order in
//! which they came. The attempt is a task of its own, so that nobody's deadline ends it for the
//! others. It has to be bounded in time itself; waiters are bounded by whoever may wait.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::sync::oneshot;
use tokio::task::spawn_local;

/// The attempt, if there is one.
pub(super) struct Flight<T>(Rc<RefCell<Option<Waiters<T>>>>);

type Waiters<T> = Vec<oneshot::Sender<T>>;

impl<T> Default for Flight<T> {
    fn default() -> Self {
        Self(Rc::default())
    }
}

impl<T: Clone + 'static> Flight<T> {
    /// Joins the attempt that is under way, or starts this one.
    ///
    /// What it gives back needs not be waited for. It fails only when everything ends.
    pub(super) fn join<F>(&self, attempt: impl FnOnce() -> F) -> oneshot::Receiver<T>
    where
        F: Future<Output = T> + 'static,
    {
        let (waiter, landing) = oneshot::channel();
        if let Some(waiters) = &mut *self.0.borrow_mut() {
            waiters.push(waiter);
            return landing;
        }
        self.0.replace(Some(vec![waiter]));
        let (waiting, attempt) = (Rc::clone(&self.0), attempt());
        spawn_local(async move {
            let outcome = attempt.await;
            for waiter in waiting.take().into_iter().flatten() {
                // Whoever has gone does not want to know.
                let _ = waiter.send(outcome.clone());
            }
        });
        landing
    }

    /// Whether there is an attempt.
    pub(super) fn is_under_way(&self) -> bool {
        self.0.borrow().is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::task::{LocalSet, yield_now};

    use super::*;

    #[tokio::test]
    async fn everybody_waits_for_one_attempt_and_is_told_in_order() {
        let attempts = Rc::new(Cell::new(0));
        let told = Rc::new(RefCell::new(Vec::new()));
        let tasks = LocalSet::new();
        let waiting = tasks.run_until(async {
            let flight = Flight::default();
            let landings: Vec<_> = (0..8)
                .map(|waiter| {
                    let attempts = Rc::clone(&attempts);
                    let landing = flight.join(|| async move {
                        attempts.set(attempts.get() + 1);
                        yield_now().await;
                        7
                    });
                    let told = Rc::clone(&told);
                    spawn_local(async move {
                        let outcome = landing.await;
                        told.borrow_mut().push((waiter, outcome));
                    })
                })
                .collect();
            assert!(flight.is_under_way());
            for landing in landings {
                landing.await.expect("no panic");
            }
            assert!(!flight.is_under_way());
            assert_eq!(flight.join(|| async { 8 }).await, Ok(8), "the next is another");
        });
        waiting.await;
        assert_eq!(attempts.get(), 1);
        assert_eq!(*told.borrow(), (0..8).map(|waiter| (waiter, Ok(7))).collect::<Vec<_>>());
    }
}
