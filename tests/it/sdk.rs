//! The published client library against the real server.
//!
//! The scripts are in `tests/js`; this module installs the library once, starts a server, hands
//! its address and key over in the environment and runs `node --test`. A script that needs the
//! server restarted asks for it over a control connection: one line `restart`, answered `done`.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use rustix::process::Signal;

use crate::support::{PRIMARY_KEY, Server, Setup};

/// For the whole of the scripts, and for installing the library.
const DEADLINE: Duration = Duration::from_secs(120);

#[test]
fn the_published_client_library_works() {
    // C1, C28, J3, J10, J16, J21 to J24, J39: as the library uses and understands them.
    let directory = &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/js");
    install(directory);
    let server = Setup::new().shards(2).args(&["--shutdown-grace", "0s"]).start();
    let control = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let mut command = Command::new("node");
    command
        // The library's timers would keep a script alive long after its last test.
        .args(["--test", "--test-force-exit", "--test-concurrency=1", "--test-reporter=spec"])
        .args(scripts(directory))
        .env("CORECAST_URL", format!("ws://{}", server.address))
        .env("CORECAST_KEY", PRIMARY_KEY)
        .env("CORECAST_CONTROL", control.local_addr().expect("bound").port().to_string())
        .current_dir(directory);
    std::thread::spawn(move || serve_restarts(&control, server));
    run(command);
}

/// The scripts by name: Node 20 does not expand patterns.
fn scripts(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).expect("the directory of the scripts");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.to_string_lossy().ends_with(".test.js")).collect()
}

/// Installs what the lock file names, if that has not been done since it changed.
fn install(directory: &Path) {
    let modified = |name: &str| -> Option<SystemTime> {
        directory.join(name).metadata().ok()?.modified().ok()
    };
    // npm writes this file at the end of every installation.
    if modified("node_modules/.package-lock.json") < modified("package-lock.json") {
        let mut command = Command::new("npm");
        command.args(["ci", "--no-audit", "--no-fund"]).current_dir(directory);
        run(command);
    }
}

/// Runs a command to its end, which has to be a good one and to come before the deadline.
fn run(mut command: Command) {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let id = rustix::process::Pid::from_child(&child);
    let deadline = Instant::now() + DEADLINE;
    let (ended, watched) = std::sync::mpsc::channel::<()>();
    let watchdog = std::thread::spawn(move || {
        // The sender goes at the end of the command; until then nothing comes.
        if watched
            .recv_timeout(deadline - Instant::now())
            .is_err_and(|error| error == std::sync::mpsc::RecvTimeoutError::Timeout)
        {
            let _ = rustix::process::kill_process(id, Signal::KILL);
        }
    });
    let stderr = child.stderr.take().expect("piped");
    let errors = std::thread::spawn(move || std::io::read_to_string(stderr).unwrap_or_default());
    let output = std::io::read_to_string(child.stdout.take().expect("piped")).unwrap_or_default();
    let status = child.wait().expect("a child of this process");
    drop(ended);
    watchdog.join().expect("no panic inside");
    let errors = errors.join().expect("no panic inside");
    assert!(status.success(), "{command:?}: {status}\n{output}\n{errors}");
}

/// Restarts the server on its address whenever a script asks for it.
fn serve_restarts(control: &TcpListener, mut server: Server) {
    while let Ok((stream, _)) = control.accept() {
        let address = server.address;
        answer_restarts(stream, || {
            server.signal(Signal::TERM);
            server.exit();
            server = restarted(address);
        });
    }
}

fn restarted(address: SocketAddr) -> Server {
    Setup::new().listen(address).args(&["--shutdown-grace", "0s"]).start()
}

fn answer_restarts(mut stream: TcpStream, mut restart: impl FnMut()) {
    let requests = BufReader::new(stream.try_clone().expect("a socket")).lines();
    for request in requests.map_while(Result::ok) {
        assert_eq!(request, "restart");
        restart();
        if stream.write_all(b"done\n").is_err() {
            return;
        }
    }
}
