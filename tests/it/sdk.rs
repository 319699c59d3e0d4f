//! The published JavaScript libraries, of clients and of the service, against the real server.
//!
//! The scripts are in `tests/js`; this module installs them once, starts a server, hands
//! its address and key over in the environment and runs `node --test`. A script that needs the
//! server restarted asks for it over a control connection: a line `restart`, answered `done`.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, SystemTime};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::support::{PRIMARY_KEY, Server, Setup, packages};

/// For the whole of the scripts, and for each installation.
const DEADLINE: Duration = Duration::from_secs(300);

#[test]
fn the_published_libraries_work() {
    // C1, C28, J3, J10, J16, J21 to J24, J39, A75: as the libraries use and understand them.
    let directory = &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/js");
    install(directory);
    let server = Setup::new().shards(2).args(&["--shutdown-grace", "0s"]).start();
    let control = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let control_address = control.local_addr().expect("bound");
    let mut command = Command::new("node");
    command
        // The library's timers would keep a script alive long after its last test.
        .args(["--test", "--test-force-exit", "--test-concurrency=1", "--test-reporter=spec"])
        .args(scripts(directory))
        .env("CORECAST_URL", format!("ws://{}", server.address))
        .env("CORECAST_KEY", PRIMARY_KEY)
        .env("CORECAST_CONTROL", control_address.port().to_string())
        .env("CORECAST_CHROMIUM", browser().unwrap_or_default())
        .current_dir(directory);
    let keeper = std::thread::spawn(move || keep_server(&control, server));
    let outcome = run(command);
    TcpStream::connect(control_address)
        .and_then(|mut end| end.write_all(b"end\n"))
        .expect("the keeper");
    keeper.join().expect("a server that restarts");
    outcome.unwrap_or_else(|report| panic!("{report}"));
}

/// The scripts by name: Node 20 does not expand patterns.
pub(crate) fn scripts(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).expect("the directory of the scripts");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.to_string_lossy().ends_with(".test.js")).collect()
}

/// Installs what the lock file names, if that has not been done since it changed.
pub(crate) fn install(directory: &Path) {
    let modified = |name: &str| -> Option<SystemTime> {
        directory.join(name).metadata().ok()?.modified().ok()
    };
    // Tests run side by side and share the directory.
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = INSTALLING.lock();
    // npm writes this file at the end of every installation.
    if modified("node_modules/.package-lock.json") < modified("package-lock.json") {
        let mut command = Command::new("npm");
        command.args(["ci", "--no-audit", "--no-fund"]).current_dir(directory);
        run(command).unwrap_or_else(|report| panic!("{report}"));
    }
}

/// Chromium's path; it is installed from Debian's packages where that is possible.
fn browser() -> Option<PathBuf> {
    let find = || {
        let path = std::env::var_os("PATH")?;
        let names = ["chromium", "chromium-browser", "google-chrome"];
        std::env::split_paths(&path)
            .flat_map(|directory| names.map(|name| directory.join(name)))
            .find(|candidate| candidate.is_file())
    };
    find().or_else(|| {
        // Without it the script says that it skips the browser.
        packages::install("chromium", || find().is_some()).ok()?;
        find()
    })
}

/// Runs a command to its end, which has to come before the deadline. If it is not a good one, all
/// output is the error.
pub(crate) fn run(mut command: Command) -> Result<(), String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own, so that the deadline ends what it started as well.
        .process_group(0)
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let group = Pid::from_child(&child);
    let (running, ended) = channel::<()>();
    let watchdog = std::thread::spawn(move || {
        // Nothing is ever sent; the other end goes with the end of the command.
        if ended.recv_timeout(DEADLINE) == Err(RecvTimeoutError::Timeout) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    });
    let stderr = child.stderr.take().expect("piped");
    let errors = std::thread::spawn(move || std::io::read_to_string(stderr).unwrap_or_default());
    let output = std::io::read_to_string(child.stdout.take().expect("piped")).unwrap_or_default();
    let status = child.wait().expect("a child of this process");
    drop(running);
    watchdog.join().expect("no panic inside");
    let errors = errors.join().expect("no panic inside");
    if status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {status}\n{output}\n{errors}"))
}

/// Keeps the server until the line `end`, and restarts it on its address at each line `restart`.
fn keep_server(control: &TcpListener, mut server: Server) {
    loop {
        let (mut stream, _) = control.accept().expect("a connection of a script");
        let requests = BufReader::new(stream.try_clone().expect("a socket")).lines();
        for request in requests.map_while(Result::ok) {
            if request == "end" {
                return;
            }
            let address = server.address;
            server.signal(Signal::TERM);
            server.exit();
            server = Setup::new().listen(address).args(&["--shutdown-grace", "0s"]).start();
            stream.write_all(b"done\n").expect("the script waits");
        }
    }
}
