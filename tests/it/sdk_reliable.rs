//! The published client libraries with their default protocol, reliable JSON, against the real
//! server: alone, with an event handler, and through a proxy that cuts their connections.
//!
//! The scripts are in `tests/js/reliable` and `tests/python/reliable`; this module installs what
//! they need, starts everything and hands over the addresses in the environment. A script that
//! needs damage asks for it over a control connection: a line with the name of an [`order`],
//! answered `done`.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use crate::sdk::run;
use crate::support::proxy::{Fault, Proxy};
use crate::support::{Answer, ONE_ATTEMPT, PRIMARY_KEY, Server, Setup, Upstream};

#[test]
fn the_javascript_client_library_works_through_cuts() {
    // C41, C42, C45 to C47, J14, J33 to J35, J44, J45, J50 to J52, J55 to J57, J59, J61 to J65: as
    // the library uses and understands them.
    let directory = &directory("tests/js/reliable");
    let lock = directory.join("package-lock.json");
    // npm writes this file at the end of every installation.
    if is_older(&directory.join("node_modules/.package-lock.json"), &lock) {
        let mut install = Command::new("npm");
        install.args(["ci", "--no-audit", "--no-fund"]).current_dir(directory);
        run(install).unwrap_or_else(|report| panic!("{report}"));
    }
    let mut scripts: Vec<_> = std::fs::read_dir(directory)
        .expect("the directory of the scripts")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().ends_with(".test.js"))
        .collect();
    scripts.sort();
    let mut command = Command::new("node");
    command
        // The library's timers would keep a script alive long after its last test.
        .args(["--test", "--test-force-exit", "--test-concurrency=1", "--test-reporter=spec"])
        .args(scripts)
        .current_dir(directory);
    Stage::set().play(command);
}

#[test]
fn the_python_client_library_works_through_cuts() {
    // C41, C45 to C47, J14, J33 to J35, J44: as the library uses and understands them.
    let directory = &directory("tests/python/reliable");
    let (python, done) = (directory.join(".venv/bin/python"), directory.join(".venv/installed"));
    if is_older(&done, &directory.join("requirements.txt")) {
        let mut create = Command::new("python3");
        create.args(["-m", "venv", "--clear", ".venv"]).current_dir(directory);
        let mut fill = Command::new(&python);
        fill.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(["--requirement", "requirements.txt"])
            .current_dir(directory);
        for command in [create, fill] {
            run(command).unwrap_or_else(|report| panic!("{report}"));
        }
        std::fs::write(done, "").expect("a writable directory");
    }
    let mut command = Command::new(python);
    command.args(["-m", "pytest"]).env("PYTHONDONTWRITEBYTECODE", "1").current_dir(directory);
    Stage::set().play(command);
}

fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Whether the first file is missing or was made before the second.
fn is_older(first: &Path, second: &Path) -> bool {
    let modified = |path: &Path| -> Option<SystemTime> { path.metadata().ok()?.modified().ok() };
    modified(first) < modified(second)
}

/// What the scripts talk to.
struct Stage {
    server: Server,
    proxy: SocketAddr,
    control: SocketAddr,
    /// Obeys the scripts, and owns the proxy.
    keeper: JoinHandle<()>,
    _upstream: Upstream,
}

impl Stage {
    fn set() -> Self {
        let upstream = upstream();
        let handler = upstream.handler("userEventPattern = \"echo, slow, nothing, fail\"");
        let server = Setup::new().shards(2).config(&(ONE_ATTEMPT.to_owned() + &handler)).start();
        let control = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = control.local_addr().expect("bound");
        let proxy = Proxy::start(server.address);
        let proxy_address = proxy.address;
        let keeper = std::thread::spawn(move || obey(&control, &proxy));
        Self { server, proxy: proxy_address, control: address, keeper, _upstream: upstream }
    }

    /// Runs scripts to a good end.
    fn play(self, mut command: Command) {
        command
            .env("CORECAST_URL", format!("ws://{}", self.server.address))
            .env("CORECAST_PROXY_URL", format!("ws://{}", self.proxy))
            .env("CORECAST_KEY", PRIMARY_KEY)
            .env("CORECAST_CONTROL", self.control.port().to_string());
        let outcome = run(command);
        TcpStream::connect(self.control)
            .and_then(|mut end| end.write_all(b"end\n"))
            .expect("the keeper");
        self.keeper.join().expect("a proxy that obeys");
        outcome.unwrap_or_else(|report| panic!("{report}"));
    }
}

/// The application: two events that come back, at once and later, one that is not answered and
/// one that fails.
fn upstream() -> Upstream {
    let upstream = Upstream::start();
    for (event, delay) in [("echo", Duration::ZERO), ("slow", Duration::from_secs(1))] {
        upstream.respond(event, move |request| {
            Answer::typed(request.expect("content-type"), request.body.clone()).after(delay)
        });
    }
    upstream.always("fail", Answer::status(500));
    upstream
}

/// Carries out one order after the other until the line `end`.
fn obey(control: &TcpListener, proxy: &Proxy) {
    loop {
        let (mut stream, _) = control.accept().expect("a connection of a script");
        let orders = BufReader::new(stream.try_clone().expect("a socket")).lines();
        for line in orders.map_while(Result::ok) {
            if line == "end" {
                return;
            }
            order(proxy, &line);
            stream.write_all(b"done\n").expect("the script waits");
        }
    }
}

fn order(proxy: &Proxy, line: &str) {
    let fault = match line {
        "hold" => return proxy.hold(),
        "release" => return proxy.release(),
        "reset" => Fault::Reset,
        "finish" => Fault::Finish,
        "half-close-to-server" => Fault::HalfCloseToServer,
        "half-close-to-client" => Fault::HalfCloseToClient,
        "mute" => Fault::Mute,
        other => panic!("what is {other:?}?"),
    };
    proxy.inflict(fault);
}
