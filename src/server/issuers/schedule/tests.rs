//! The order of fetches and answers, on a clock that stands still unless everybody waits.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use tokio::task::{LocalSet, spawn_local};
use tokio::time::sleep;

use super::*;
use crate::auth::oidc::test_issuer::{TestKey, key_set};

/// An issuer whose answers are written beforehand, and what became of them.
#[derive(Default)]
struct Scene {
    /// `Ok` is the pause until the next fetch by schedule. When empty: an hour.
    answers: RefCell<VecDeque<Result<Duration, u16>>>,
    /// How long a fetch takes.
    duration: Cell<Duration>,
    is_asked: Cell<bool>,
    wake: Notify,
    /// Seconds since the start, and what happened.
    log: RefCell<Vec<(u64, &'static str)>>,
    start: Cell<Option<Instant>>,
}

impl Scene {
    fn play(answers: impl IntoIterator<Item = Result<Duration, u16>>) -> Rc<Self> {
        let scene = Rc::new(Self::default());
        scene.answers.borrow_mut().extend(answers);
        scene.start.set(Some(Instant::now()));
        let actor = Rc::clone(&scene);
        spawn_local(async move {
            let is_asked = || actor.is_asked.take();
            let refresh = Refresh { issuer: "i", is_asked: &is_asked, wake: &actor.wake };
            let publish = |keys: Option<_>, is_answer| {
                actor.note(match (keys.is_some(), is_answer) {
                    (true, true) => "answer with keys",
                    (true, false) => "keys",
                    (false, true) => "answer without keys",
                    (false, false) => "nothing at all",
                });
            };
            keep_fresh(refresh, async || actor.fetch().await, publish).await;
        });
        scene
    }

    async fn fetch(&self) -> Result<Fetched, FetchError> {
        self.note("fetch");
        sleep(self.duration.get()).await;
        let answer = self.answers.borrow_mut().pop_front();
        let pause = answer.unwrap_or(Ok(Duration::from_secs(3600))).map_err(FetchError::Status)?;
        let keys = KeySet::parse(&key_set(&[TestKey::P256.public("1")])).unwrap();
        Ok(Fetched { keys: Arc::new(keys), pause })
    }

    fn ask(&self) {
        self.is_asked.set(true);
        self.wake.notify_one();
    }

    fn note(&self, what: &'static str) {
        let passed = self.start.get().unwrap().elapsed();
        self.log.borrow_mut().push((passed.as_secs(), what));
    }

    /// What happened until this many seconds from now, and since the last call.
    async fn log_of(&self, seconds: u64) -> Vec<(u64, &'static str)> {
        sleep(Duration::from_secs(seconds)).await;
        self.log.take()
    }
}

fn run(test: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    LocalSet::new().block_on(&runtime, test);
}

const FIVE_MINUTES: Result<Duration, u16> = Ok(Duration::from_secs(300));

#[test]
fn keys_are_fetched_again_when_they_are_due() {
    run(async {
        let scene = Scene::play([FIVE_MINUTES, FIVE_MINUTES]);
        assert_eq!(
            scene.log_of(700).await,
            [
                (0, "fetch"),
                (0, "keys"),
                (300, "fetch"),
                (300, "keys"),
                (600, "fetch"),
                (600, "keys")
            ]
        );
        assert_eq!(scene.log_of(3499).await, []);
    });
}

#[test]
fn an_issuer_that_is_down_is_tried_with_growing_pauses() {
    run(async {
        let down = [FIVE_MINUTES, Err(503), Err(503), Err(503), FIVE_MINUTES];
        let scene = Scene::play(down);
        assert_eq!(
            scene.log_of(310).await,
            [
                (0, "fetch"),
                (0, "keys"),
                (300, "fetch"),
                (301, "fetch"),
                (303, "fetch"),
                (307, "fetch"),
                (307, "keys"),
            ]
        );
        assert_eq!(scene.log_of(300).await, [(607, "fetch"), (607, "keys")]);
    });
}

#[test]
fn the_first_request_is_served_at_once_and_the_next_ones_not_too_soon() {
    run(async {
        let scene = Scene::play([]);
        scene.log_of(100).await;
        scene.ask();
        scene.ask();
        assert_eq!(scene.log_of(1).await, [(100, "fetch"), (100, "answer with keys")]);
        // A whole crowd: one fetch for all of them, when it may be.
        for _ in 0..5 {
            scene.ask();
            assert_eq!(scene.log_of(1).await, []);
        }
        assert_eq!(scene.log_of(5).await, [(108, "fetch"), (108, "answer with keys")]);
        assert_eq!(scene.log_of(1000).await, []);
        scene.ask();
        assert_eq!(scene.log_of(1).await, [(1111, "fetch"), (1111, "answer with keys")]);
    });
}

#[test]
fn a_fetch_by_schedule_delays_no_request() {
    run(async {
        let scene = Scene::play([FIVE_MINUTES]);
        scene.log_of(301).await;
        scene.ask();
        assert_eq!(scene.log_of(1).await, [(301, "fetch"), (301, "answer with keys")]);
    });
}

#[test]
fn a_request_during_a_fetch_that_brings_keys_may_be_repeated() {
    run(async {
        let scene = Scene::play([]);
        scene.duration.set(Duration::from_secs(4));
        assert_eq!(scene.log_of(2).await, [(0, "fetch")]);
        scene.ask();
        assert_eq!(scene.log_of(3).await, [(4, "keys")]);
        // They were not the keys of the request: the shard has seen them and asks again.
        scene.ask();
        assert_eq!(scene.log_of(9).await, [(5, "fetch"), (9, "answer with keys")]);
    });
}

#[test]
fn a_request_is_answered_when_the_issuer_is_down_too() {
    run(async {
        let scene = Scene::play([FIVE_MINUTES, Err(503), Err(503), Err(503), Err(503)]);
        scene.log_of(100).await;
        scene.ask();
        // On request, then by schedule, then eight seconds after the last answer.
        let answer = [(100, "fetch"), (100, "answer without keys"), (101, "fetch"), (103, "fetch")];
        assert_eq!(scene.log_of(4).await, answer);
        scene.ask();
        assert_eq!(scene.log_of(10).await, [(108, "fetch"), (108, "answer without keys")]);
    });
}

#[test]
fn a_request_during_a_fetch_that_fails_is_answered_by_it() {
    run(async {
        let scene = Scene::play([Err(503)]);
        scene.ask();
        assert_eq!(
            scene.log_of(5).await,
            [(0, "fetch"), (0, "answer without keys"), (1, "fetch"), (1, "keys")]
        );
    });
}
