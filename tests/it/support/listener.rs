//! Configuration of event listeners (events-listener.md, section 2.1).

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use super::server::{Endpoint, Server, Setup};

/// Counts events by `listener` and `result`.
const LISTENER_EVENTS: &str = "corecast_listener_events_total";

/// Everything that listeners may get.
pub(crate) const ALL: &str =
    "systemEvents = [\"connected\", \"disconnected\"], userEventPattern = \"*\"";
/// User events.
pub(crate) const USER: &str = "userEventPattern = \"*\"";
/// How connections begin and end.
pub(crate) const SYSTEM: &str = "systemEvents = [\"connected\", \"disconnected\"]";

/// A listener of the hub `chat`, so the last table of a configuration or before another table.
pub(crate) fn listener(name: &str, filter: &str, endpoint: &str) -> String {
    listener_of("chat", name, filter, endpoint)
}

/// A listener of another hub.
pub(crate) fn listener_of(hub: &str, name: &str, filter: &str, endpoint: &str) -> String {
    format!(
        "[[hubs.{hub}.eventListeners]]\nname = \"{name}\"\n\
         filter = {{ type = \"EventName\", {filter} }}\nendpoint = {endpoint}\n"
    )
}

/// A directory that goes away with the test.
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("it-{}-{number}.d", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).expect("a writable target directory");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The line of a listener that makes it spool here; comes right after [`listener`].
    pub(crate) fn spool(&self) -> String {
        self.spool_with("")
    }

    /// The same with further settings, each after a comma.
    pub(crate) fn spool_with(&self, settings: &str) -> String {
        format!("spool = {{ directory = '{}'{settings} }}\n", self.0.display())
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A file of events.
pub(crate) struct EventFile {
    directory: TempDir,
}

impl EventFile {
    pub(crate) fn new() -> Self {
        Self { directory: TempDir::new() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("events.jsonl")
    }

    /// The endpoint of a listener.
    pub(crate) fn endpoint(&self, settings: &str) -> String {
        format!("{{ type = \"File\", path = '{}'{settings} }}", self.path().display())
    }
}

impl EventFile {
    /// The events of a file, whose every line has to be JSON.
    pub(crate) fn events(path: &Path) -> Vec<Value> {
        let text = std::fs::read_to_string(path).expect("a file of events");
        assert!(text.is_empty() || text.ends_with('\n'), "an unfinished line");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

/// A server with these listeners that stops without a grace.
pub(crate) fn listening(config: &str) -> Server {
    Setup::new().args(&["--shutdown-grace", "0s"]).config(config).start()
}

/// The current value of a listener's counter of this result.
pub(crate) fn listener_events(server: &Endpoint, name: &str, result: &str) -> f64 {
    server.metrics().sum(LISTENER_EVENTS, &[("listener", name), ("result", result)])
}

/// Waits until so many events of a listener have come to this result.
pub(crate) fn await_listener(server: &Endpoint, name: &str, result: &str, count: u32) {
    let labels = [("listener", name), ("result", result)];
    server.await_metric(LISTENER_EVENTS, &labels, f64::from(count));
}
