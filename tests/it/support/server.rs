//! The binary under test as a child process on free ports.
//!
//! [`Setup`] says how to start it, [`Server`] is it while it serves, [`Endpoint`] is where clients
//! find it, [`Run`] is a process that may also end by itself. Standard error is kept and shown when the test fails. Dropping
//! either of the processes ends it, and looks for [`secrets`] in what it logged.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};

use super::client::Guest;
use super::deadline::{PATIENCE, eventually};
use super::metrics::Metrics;
use super::secrets;

/// Base64 of 32 bytes like a generated key, so that a server that decodes it would not fail but
/// verify with the wrong bytes (C9).
pub(crate) const PRIMARY_KEY: &str = "cHJpbWFyeS1rZXktb2YtdGhlLWludGVncmF0aW9uLTE=";
pub(crate) const SECONDARY_KEY: &str = "a-secondary-key-that-is-not-base64-at-all!";

/// Counts configurations that were read again, by `result`.
const RELOADS: &str = "corecast_config_reloads_total";

/// How to start a server.
#[derive(Clone)]
pub(crate) struct Setup {
    listen: String,
    shards: u16,
    config: String,
    format: &'static str,
    args: Vec<String>,
    environment: Vec<(String, String)>,
    keys: bool,
}

impl Setup {
    /// Two shards, both keys, no configuration file.
    pub(crate) fn new() -> Self {
        let listen = "127.0.0.1:0".to_owned();
        let (config, format) = (String::new(), "toml");
        let (args, environment) = (Vec::new(), Vec::new());
        Self { listen, shards: 2, config, format, args, environment, keys: true }
    }

    pub(crate) fn shards(mut self, shards: u16) -> Self {
        self.shards = shards;
        self
    }

    pub(crate) fn listen(mut self, address: impl ToString) -> Self {
        self.listen = address.to_string();
        self
    }

    /// Leaves the keys to the server.
    pub(crate) fn without_keys(mut self) -> Self {
        self.keys = false;
        self
    }

    /// The text of the configuration file.
    pub(crate) fn config(mut self, toml: &str) -> Self {
        self.config.push_str(toml);
        self
    }

    /// A configuration file in JSON instead of TOML.
    pub(crate) fn json_config(mut self, json: &str) -> Self {
        self.format = "json";
        self.config(json)
    }

    pub(crate) fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(ToString::to_string));
        self
    }

    /// A variable of the server's environment.
    pub(crate) fn environment(mut self, name: &str, value: impl ToString) -> Self {
        self.environment.push((name.to_owned(), value.to_string()));
        self
    }

    /// Starts the server and waits until it serves.
    pub(crate) fn start(&self) -> Server {
        Server::once_serving(self.run(), self.shards)
    }

    /// What a server says that does not start, on standard error.
    pub(crate) fn refusal(&self) -> String {
        let mut run = self.run();
        assert_eq!(run.exit().code(), Some(2), "{}", run.errors());
        run.errors()
    }

    fn run(&self) -> Run {
        let mut args = vec!["serve".to_owned(), "--no-pin".to_owned()];
        args.extend(["--listen".to_owned(), self.listen.clone()]);
        args.extend(["--admin-listen".to_owned(), "127.0.0.1:0".to_owned()]);
        args.extend(["--shards".to_owned(), self.shards.to_string()]);
        if self.keys {
            args.extend(["--access-key".to_owned(), PRIMARY_KEY.to_owned()]);
            args.extend(["--secondary-access-key".to_owned(), SECONDARY_KEY.to_owned()]);
        }
        let file = (!self.config.is_empty()).then(|| TempFile::of(self.format, &self.config));
        if let Some(file) = &file {
            args.extend(["--config".to_owned(), file.path().to_owned()]);
        }
        args.extend(self.args.iter().cloned());
        let mut command = corecast();
        command.args(args).envs(self.environment.iter().cloned());
        Run::start(command, file)
    }
}

/// The binary, with an environment in which nothing configures it.
pub(crate) fn corecast() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_corecast"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CORECAST_") {
            command.env_remove(name);
        }
    }
    command
}

/// Where a server is reached: all that clients need of it.
#[derive(Clone, Copy)]
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) shards: u16,
}

impl Endpoint {
    /// A client of the hub `chat` with the plain JSON subprotocol, still to be described.
    pub(crate) fn client(&self) -> Guest {
        Guest::new(*self)
    }

    pub(crate) fn metrics(&self) -> Metrics {
        Metrics::of(self)
    }

    /// Waits until a counter or gauge has exactly this value.
    pub(crate) fn await_metric(&self, name: &str, labels: &[(&str, &str)], value: f64) {
        let mut last = f64::NAN;
        eventually(&format!("{name}{labels:?} = {value}"), || {
            let now = self.metrics().sum(name, labels);
            if now.to_bits() != last.to_bits() {
                println!("{name}{labels:?}: {now}");
                last = now;
            }
            (now.to_bits() == value.to_bits()).then_some(())
        });
    }

    /// Waits until exactly so many events of this kind have come to this result.
    pub(crate) fn await_events(&self, kind: &str, result: &str, count: f64) {
        let labels = [("hub", "chat"), ("event_kind", kind), ("result", result)];
        self.await_metric("corecast_event_handler_requests_total", &labels, count);
    }
}

/// A server that serves, and its process.
pub(crate) struct Server {
    run: Run,
    endpoint: Endpoint,
    printed: Vec<String>,
}

impl Server {
    /// Two shards and no configuration.
    pub(crate) fn start() -> Self {
        Setup::new().start()
    }

    /// Waits until a started process reports its addresses, the administrative one last.
    pub(crate) fn once_serving(mut run: Run, shards: u16) -> Self {
        let mut printed = Vec::new();
        let (mut address, mut admin) = (None, None);
        while address.is_none() || admin.is_none() {
            let line = run.next_line();
            if let Some(after) = line.strip_prefix("admin listening on http://") {
                admin = Some(after.parse().expect("the administrative address"));
            } else if let Some((_, after)) = line.split_once(" listening on http://") {
                let text = after.split(' ').next().expect("an address");
                address = Some(text.parse().expect("the address"));
            }
            printed.push(line);
        }
        let (address, admin) = (address.expect("seen"), admin.expect("seen"));
        Self { run, endpoint: Endpoint { address, admin, shards }, printed }
    }

    /// What the server printed until it served.
    pub(crate) fn printed(&self) -> &[String] {
        &self.printed
    }

    /// What follows this prefix on the line of standard output that begins with it.
    pub(crate) fn line_after(&mut self, prefix: &str) -> String {
        loop {
            if let Some(rest) = self.printed.iter().find_map(|line| line.strip_prefix(prefix)) {
                return rest.to_owned();
            }
            self.printed.push(self.run.next_line());
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.run.signal(signal);
    }

    /// Replaces the text of the configuration file, which it has to have been started with, and
    /// has it read again. Whether it was applied is the result.
    pub(crate) fn reload(&self, toml: &str) -> bool {
        let count = |result: &str| self.metrics().sum(RELOADS, &[("result", result)]);
        let (applied, refused) = (count("applied"), count("refused"));
        self.run.config.as_ref().expect("a configuration file").replace(toml);
        self.signal(Signal::HUP);
        eventually("the reload", || {
            let outcome = (count("applied") - applied, count("refused") - refused);
            (outcome != (0.0, 0.0)).then_some(outcome == (1.0, 0.0))
        })
    }

    /// The most memory that the process had resident at any time.
    pub(crate) fn peak_memory_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.run.child.id());
        let status = std::fs::read_to_string(path).expect("Linux tells");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        let kib = line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number");
        kib * 1024
    }

    /// Waits until this has been logged, and hands back the whole log so far.
    pub(crate) fn await_log(&self, text: &str) -> String {
        eventually(&format!("{text:?} in the log"), || {
            let log = self.errors();
            log.contains(text).then_some(log)
        })
    }

    /// Everything on standard error so far.
    pub(crate) fn errors(&self) -> String {
        self.run.errors()
    }

    /// Ends the server in the orderly way: every event that is due has been sent then.
    pub(crate) fn stop(&mut self) {
        self.signal(Signal::TERM);
        assert_eq!(self.exit().code(), Some(0), "{}", self.errors());
    }

    /// Ends the server without a word.
    pub(crate) fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.exit();
    }

    /// Waits for the process to end by itself.
    pub(crate) fn exit(&mut self) -> ExitStatus {
        self.run.exit()
    }
}

impl Deref for Server {
    type Target = Endpoint;

    fn deref(&self) -> &Endpoint {
        &self.endpoint
    }
}

/// A running process of the binary.
pub(crate) struct Run {
    child: Child,
    lines: Receiver<String>,
    errors: Arc<Mutex<String>>,
    errors_done: Receiver<()>,
    config: Option<TempFile>,
}

impl Run {
    /// Starts a command of the binary, or of a shell around it.
    pub(crate) fn of(command: Command) -> Self {
        Self::start(command, None)
    }

    fn start(mut command: Command, config: Option<TempFile>) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let (send_line, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                // Nobody reads further lines of most servers.
                let _ = send_line.send(line);
            }
        });
        let errors = Arc::new(Mutex::new(String::new()));
        let (send_done, errors_done) = channel();
        let mut stderr = child.stderr.take().expect("piped");
        let sink = Arc::clone(&errors);
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = stderr.read(&mut chunk) {
                let text = String::from_utf8_lossy(&chunk[..length]);
                sink.lock().expect("no panic inside").push_str(&text);
            }
            let _ = send_done.send(());
        });
        Self { child, lines, errors, errors_done, config }
    }

    /// The next line of standard output.
    pub(crate) fn next_line(&mut self) -> String {
        self.lines
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|_| panic!("no further line; standard error: {}", self.errors()))
    }

    /// Every further line of standard output of a process that ends.
    pub(crate) fn remaining_lines(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            lines.push(line);
        }
        lines
    }

    /// Standard error so far.
    pub(crate) fn errors(&self) -> String {
        self.errors.lock().expect("no panic inside").clone()
    }

    /// Waits for the process to end, and for the last of its standard error.
    pub(crate) fn exit(&mut self) -> ExitStatus {
        let status = eventually("the exit of the process", || {
            self.child.try_wait().expect("a child of this process")
        });
        let _ = self.errors_done.recv_timeout(PATIENCE);
        status
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("a process id");
        kill_process(Pid::from_raw(id).expect("a process id"), signal).expect("it runs");
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // Both fail for a process that has ended, which is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            println!("--- standard error of the server:\n{}", self.errors());
        } else {
            secrets::assert_none_in(&self.errors());
        }
    }
}

/// A file that goes away with the test.
pub(crate) struct TempFile(PathBuf);

impl TempFile {
    pub(crate) fn with(text: &str) -> Self {
        Self::of("toml", text)
    }

    /// A file whose name ends so.
    fn of(extension: &str, text: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("it-{}-{number}.{extension}", std::process::id());
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&path, text).expect("a writable target directory");
        Self(path)
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().expect("a path in UTF-8")
    }

    /// Puts another text in its place.
    pub(crate) fn replace(&self, text: &str) {
        std::fs::write(&self.0, text).expect("a writable target directory");
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
