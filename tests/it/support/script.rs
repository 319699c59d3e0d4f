//! The Python programs of `tests/amqp` as processes: other implementations of AMQP 1.0 than the
//! server's.
//!
//! [`Script`] is one that runs: it prints lines of JSON, which are kept, and may take orders. Lines
//! about messages become [`Message`]s. The virtual environment is made when it is missing or older
//! than `requirements.txt`; the libraries are built from source where there is no wheel, which
//! takes a C compiler and a minute.

mod message;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::deadline::PATIENCE;
use crate::sdk_python;
pub(crate) use message::Message;

/// What a script has said so far.
#[derive(Default)]
struct Heard {
    messages: Vec<Arc<Message>>,
    /// How many messages were handed out by [`Script::next`].
    taken: usize,
    /// Everything else.
    lines: Vec<Value>,
    is_over: bool,
}

#[derive(Default)]
struct Ear {
    heard: Mutex<Heard>,
    news: Condvar,
}

/// A script while it runs. It ends with its standard input, that is, with this value or with the
/// process of the tests, however that ends.
pub(crate) struct Script {
    child: Child,
    orders: Mutex<ChildStdin>,
    ear: Arc<Ear>,
}

impl Script {
    pub(crate) fn start(name: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(python())
            .arg(name)
            .args(arguments)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .current_dir(directory())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the environment has a Python");
        let orders = Mutex::new(child.stdin.take().expect("piped"));
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let ear = Arc::new(Ear::default());
        let listening = ear.clone();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                listening.hear(&line);
            }
            listening.heard.lock().expect("no panic inside").is_over = true;
            listening.news.notify_all();
        });
        Self { child, orders, ear }
    }

    /// Sends an order and waits until it is carried out.
    pub(crate) fn order(&self, order: &Value) {
        let mut orders = self.orders.lock().expect("no panic inside");
        let done =
            |heard: &Heard| heard.lines.iter().filter(|line| line["event"] == "done").count();
        let before = done(&self.ear.heard.lock().expect("no panic inside"));
        writeln!(orders, "{order}").expect("the script reads");
        self.wait(&format!("the end of {order}"), |heard| (done(heard) > before).then_some(()));
    }

    /// Waits for a line of this kind that fits, and hands out the first one.
    pub(crate) fn await_line(&self, event: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let is_it = |line: &&Value| line["event"] == event && fits(line);
        self.wait(event, |heard| heard.lines.iter().find(is_it).cloned())
    }

    /// All lines of this kind so far.
    pub(crate) fn lines(&self, event: &str) -> Vec<Value> {
        let heard = self.ear.heard.lock().expect("no panic inside");
        heard.lines.iter().filter(|line| line["event"] == event).cloned().collect()
    }

    /// The next message that was not taken before.
    pub(crate) fn next(&self) -> Arc<Message> {
        self.wait("a message", |heard| {
            let message = heard.messages.get(heard.taken)?.clone();
            heard.taken += 1;
            Some(message)
        })
    }

    /// The next message, which has to be of this event.
    pub(crate) fn next_of(&self, event: &str) -> Arc<Message> {
        let message = self.next();
        assert_eq!(message.event(), event, "{message:?}");
        message
    }

    /// Waits until so many messages have come in all, and hands out all there are.
    pub(crate) fn await_messages(&self, count: usize) -> Vec<Arc<Message>> {
        self.wait(&format!("{count} messages"), |heard| {
            (heard.messages.len() >= count).then(|| heard.messages.clone())
        })
    }

    /// The messages so far, taken or not.
    pub(crate) fn messages(&self) -> Vec<Arc<Message>> {
        self.ear.heard.lock().expect("no panic inside").messages.clone()
    }

    /// The event names of all messages so far.
    pub(crate) fn event_names(&self) -> Vec<String> {
        self.messages().iter().map(|message| message.event().to_owned()).collect()
    }

    fn wait<T>(&self, what: &str, mut probe: impl FnMut(&mut Heard) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut heard = self.ear.heard.lock().expect("no panic inside");
        loop {
            if let Some(found) = probe(&mut heard) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let (messages, lines) = (heard.messages.len(), heard.lines.len());
            assert!(
                !heard.is_over,
                "{what}: the script has ended; {messages} messages, {lines} lines"
            );
            if left == Duration::ZERO {
                let last: Vec<_> = heard.lines.iter().rev().take(5).collect();
                panic!(
                    "{what}: not within {PATIENCE:?}; {messages} messages, and before: {last:?}"
                );
            }
            heard = self.ear.news.wait_timeout(heard, left).expect("no panic inside").0;
        }
    }
}

impl Ear {
    fn hear(&self, line: &str) {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e} in {line:?}"));
        let mut heard = self.heard.lock().expect("no panic inside");
        if line["event"] == "message" {
            heard.messages.push(Arc::new(Message::new(line)));
        } else {
            heard.lines.push(line);
        }
        self.news.notify_all();
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // Fails if it has ended, which is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/amqp")
}

/// The Python of the environment, which is made once per run if need be.
fn python() -> PathBuf {
    static MADE: OnceLock<()> = OnceLock::new();
    MADE.get_or_init(|| sdk_python::install(&directory()));
    directory().join(".venv/bin/python")
}

/// Runs a script to its end, and hands out its lines.
pub(crate) fn output_of_script(name: &str, arguments: &[&str]) -> Vec<Value> {
    let output = Command::new(python())
        .arg(name)
        .args(arguments)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(directory())
        .stdin(Stdio::null())
        .output()
        .expect("the environment has a Python");
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}
