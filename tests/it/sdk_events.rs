//! The published JavaScript event handler, an express middleware, behind real clients.
//!
//! The scripts are in `tests/js/events`. Each of them is an application that serves the middleware
//! and then asks for a server: a line over the control connection is the configuration file, in
//! JSON as the hosted service's settings are, and the answer is the server's address.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

use crate::sdk::{install, run, scripts};
use crate::support::{PRIMARY_KEY, Setup};

#[test]
fn the_published_middleware_works() {
    // E62: validation, every event, every kind of answer.
    let directory = &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/js");
    install(directory);
    let control = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let control_address = control.local_addr().expect("bound");
    let mut command = Command::new("node");
    command
        .args(["--test", "--test-force-exit", "--test-concurrency=1", "--test-reporter=spec"])
        .args(scripts(&directory.join("events")))
        .env("CORECAST_KEY", PRIMARY_KEY)
        .env("CORECAST_CONTROL", control_address.port().to_string())
        .current_dir(directory);
    let keeper = std::thread::spawn(move || keep_servers(&control));
    let outcome = run(command);
    TcpStream::connect(control_address)
        .and_then(|mut end| end.write_all(b"end\n"))
        .expect("the keeper");
    keeper.join().expect("servers that start");
    outcome.unwrap_or_else(|report| panic!("{report}"));
}

/// Starts a server for each configuration and keeps all of them until the line `end`.
fn keep_servers(control: &TcpListener) {
    let mut servers = Vec::new();
    loop {
        let (mut stream, _) = control.accept().expect("a connection of a script");
        let requests = BufReader::new(stream.try_clone().expect("a socket")).lines();
        for request in requests.map_while(Result::ok) {
            if request == "end" {
                return;
            }
            let server = Setup::new().json_config(&request).start();
            let answer = format!("ws://{}\n", server.address);
            stream.write_all(answer.as_bytes()).expect("the script waits");
            servers.push(server);
        }
    }
}
