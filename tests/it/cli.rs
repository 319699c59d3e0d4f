//! The command line: what starts, what does not and what it says then.

use std::net::{SocketAddr, TcpListener};
use std::process::Command;

use crate::support::{
    Client, Endpoint, JSON, PRIMARY_KEY, Run, SECONDARY_KEY, Server, Setup, TempFile, Token,
    Upgrade, corecast, http::request,
};

/// What a process printed that ended by itself.
struct Ended {
    code: Option<i32>,
    lines: Vec<String>,
    errors: String,
}

fn run(command: Command) -> Ended {
    let mut run = Run::of(command);
    let code = run.exit().code();
    Ended { code, lines: run.remaining_lines(), errors: run.errors() }
}

/// Runs the binary with these arguments until it ends.
fn run_with(args: &[&str]) -> Ended {
    let mut command = corecast();
    command.args(args);
    run(command)
}

/// A start that has to fail, with all of these words in its message.
fn expect_refusal(args: &[&str], words: &[&str]) -> String {
    let ended = run_with(&[&["serve"], args].concat());
    let errors = ended.errors;
    assert_eq!(ended.code, Some(2), "{args:?}: {errors}");
    assert_eq!(ended.lines, [""; 0], "{args:?}");
    let message = errors
        .lines()
        .find(|line| line.starts_with("corecast: "))
        .unwrap_or_else(|| panic!("{args:?}: no message in {errors:?}"));
    for word in words {
        assert!(message.contains(word), "{args:?}: {word:?} is missing in {message:?}");
    }
    message.to_owned()
}

#[test]
fn a_bad_flag_is_named_with_its_value_and_what_would_do() {
    let short = "a-key-of-31-bytes-is-not-enough";
    let cases: [(&[&str], &[&str]); 8] = [
        (&["--shards", "0"], &["shards", "0", "--shards", "1 to 128"]),
        (&["--shards", "129"], &["shards", "129", "1 to 128"]),
        (&["--shards", "many"], &["shards", "many", "1 to 128"]),
        (&["--listen", "nonsense"], &["listen", "nonsense"]),
        (&["--listen", "127.0.0.1:70000"], &["listen", "127.0.0.1:70000"]),
        (&["--shutdown-grace", "soon"], &["shutdownGraceInSeconds", "soon"]),
        (&["--public-endpoint", "ftp://x"], &["publicEndpoints", "ftp://x"]),
        (&["--access-key", short], &["accessKey", "--access-key", "32"]),
    ];
    for (args, words) in cases {
        let message = expect_refusal(args, words);
        assert!(!message.contains(short), "the key itself is in {message:?}");
    }
    // A key that is said to be elsewhere and is not.
    expect_refusal(&["--access-key", "env:CORECAST_TEST_MISSING"], &["CORECAST_TEST_MISSING"]);
    expect_refusal(&["--access-key", "file:/nowhere/key"], &["accessKey", "/nowhere/key"]);
    let ended = run_with(&["serve", "--bogus"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.errors.contains("--bogus"), "{}", ended.errors);
}

#[test]
fn a_bad_file_is_named_with_line_and_column() {
    let cases = [
        ("shards = 1\nlisten = [\n", &["line", "column"][..]),
        ("shards = \"two\"\n", &["two", "line 1, column"]),
        ("shards = 1\nshardz = 2\n", &["shardz", "line 2, column 1"]),
        ("[hubs.chat]\nanonymousPolicy = \"deny\"\n", &["anonymousPolicy", "line 2, column 1"]),
        ("[hubs.chat]\nanonymousConnectPolicy = \"maybe\"\n", &["anonymousConnectPolicy", "maybe"]),
        (
            "[hubs.chat]\nwebSocketKeepAliveIntervalInSeconds = 0\n",
            &["webSocketKeepAliveIntervalInSeconds", "0", "1 to 120"],
        ),
        (
            "[hubs.chat]\nwebSocketKeepAliveIntervalInSeconds = 121\n",
            &["webSocketKeepAliveIntervalInSeconds", "121", "1 to 120"],
        ),
        ("[hubs.\"1abc\"]\n", &["1abc"]),
        ("[hubs.chat]\n[hubs.CHAT]\n", &["hubs", "chat"]),
        ("shards = 0\n", &["shards", "0", "1 to 128"]),
    ];
    for (text, words) in cases {
        let file = TempFile::with(text);
        let path = file.path();
        let message = expect_refusal(&["--config", path], words);
        assert!(message.contains(path), "{message:?}");
    }
    expect_refusal(&["--config", "/nowhere/corecast.toml"], &["config", "/nowhere/corecast.toml"]);
}

#[test]
fn an_address_that_cannot_be_had_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let keys = ["--shards", "1", "--no-pin", "--access-key", PRIMARY_KEY];
    expect_refusal(&[&keys[..], &["--listen", &address]].concat(), &["listen", &address, "in use"]);
    let args = ["--listen", "127.0.0.1:0", "--admin-listen", &address];
    expect_refusal(&[&keys[..], &args].concat(), &["adminListen", &address, "in use"]);
    // Shards share their port with each other, but not with another server.
    let server = Server::start();
    let address = server.address.to_string();
    expect_refusal(&[&keys[..], &["--listen", &address]].concat(), &["listen", &address, "in use"]);
    // TEST-NET-1 of RFC 5737: nobody's address.
    let foreign = ["--listen", "192.0.2.1:8080"];
    expect_refusal(&[&keys[..], &foreign].concat(), &["listen", "192.0.2.1:8080"]);
}

#[test]
fn without_a_key_only_this_machine_is_served() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8080"] {
        expect_refusal(&["--listen", address], &["listen", address, "--access-key"]);
    }
    // One of several is enough.
    let both = ["--listen", "127.0.0.1:0", "--listen", "0.0.0.0:0"];
    expect_refusal(&both, &["0.0.0.0:0", "--access-key"]);
    let secondary = ["--secondary-access-key", SECONDARY_KEY];
    expect_refusal(&secondary, &["secondaryAccessKey", "--access-key"]);
}

#[test]
fn a_process_that_may_lock_too_little_memory_says_so() {
    // io_uring has to lock memory; 64 KiB, soft and hard, are not enough for one shard.
    let mut command = Command::new("sh");
    command.arg("-c").arg("ulimit -l 64 && exec \"$0\" serve --shards 1 --listen 127.0.0.1:0");
    command.arg(env!("CARGO_BIN_EXE_corecast"));
    let ended = run(command);
    assert_eq!(ended.code, Some(2), "{}", ended.errors);
    let message = ended.errors.lines().find(|line| line.starts_with("corecast: "));
    let message = message.unwrap_or_else(|| panic!("{}", ended.errors));
    assert!(message.to_lowercase().contains("memlock"), "{message}");
    assert!(!ended.errors.contains("panicked"), "{}", ended.errors);
}

#[test]
fn the_soft_limit_of_descriptors_is_raised() {
    let mut command = Command::new("sh");
    let script = "ulimit -S -n 32 && exec \"$0\" serve --shards 1 --no-pin \
                  --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --access-key \"$1\"";
    command.args(["-c", script, env!("CARGO_BIN_EXE_corecast"), PRIMARY_KEY]);
    let server = Server::once_serving(Run::of(command), 1);
    let mut clients: Vec<_> = (0..100).map(|_| server.client().connect()).collect();
    for client in &mut clients {
        assert_eq!(client.sync().len(), 0);
    }
}

#[test]
fn start_up_is_reported_address_by_address() {
    let server = Setup::new().shards(3).args(&["--listen", "127.0.0.1:0"]).start();
    let prefix = format!("corecast {} listening on http://127.0.0.1:", env!("CARGO_PKG_VERSION"));
    let addresses: Vec<SocketAddr> = server
        .printed()
        .iter()
        .filter(|line| line.starts_with(&prefix))
        .map(|line| {
            assert!(line.ends_with(" (3 shards)"), "{line}");
            let address = line.rsplit("http://").next().and_then(|rest| rest.split(' ').next());
            address.and_then(|address| address.parse().ok()).unwrap_or_else(|| panic!("{line}"))
        })
        .collect();
    assert_eq!(addresses.len(), 2, "{:?}", server.printed());
    // A key is never repeated.
    assert!(!server.printed().concat().contains(PRIMARY_KEY));
    for address in addresses {
        let endpoint = Endpoint { address, ..*server };
        assert_eq!(request(&endpoint, "GET", "/api/health").status, 200);
        endpoint.client().connect();
    }
}

#[test]
fn check_prints_the_settings_in_force_and_no_key() {
    let file = TempFile::with("shards = 3\n[hubs.chat]\nwebSocketKeepAliveIntervalInSeconds = 7\n");
    let args = ["--config", file.path(), "--listen", "127.0.0.1:9", "--access-key", PRIMARY_KEY];
    for start in [&["--check"][..], &["serve", "--check"]] {
        let ended = run_with(&[start, &args].concat());
        assert_eq!(ended.code, Some(0), "{}", ended.errors);
        let text = ended.lines.join("\n");
        for expected in
            ["shards = 3", "127.0.0.1:9", "hubs", "webSocketKeepAliveIntervalInSeconds = 7"]
        {
            assert!(text.contains(expected), "{expected:?} is missing in\n{text}");
        }
        assert!(!text.contains(PRIMARY_KEY), "{text}");
        // What was printed is a configuration file that means the same.
        let again = TempFile::with(&text);
        let repeated =
            run_with(&["--check", "--config", again.path(), "--access-key", PRIMARY_KEY]);
        assert_eq!(repeated.code, Some(0), "{}", repeated.errors);
        assert_eq!(repeated.lines, ended.lines);
    }
    expect_refusal(&["--check", "--shards", "0"], &["shards"]);
}

#[test]
fn a_printed_client_url_connects() {
    // C1: by the command, for a server with a known key.
    let server = Server::start();
    let endpoint = format!("http://{}", server.address);
    let ended = run_with(&[
        "token",
        "--hub=chat",
        "--user=ana",
        "--role=webpubsub.sendToGroup.room",
        "--group=room",
        "--endpoint",
        &endpoint,
        "--access-key",
        PRIMARY_KEY,
    ]);
    assert_eq!(ended.code, Some(0), "{}", ended.errors);
    let mut client = client_of_url(&server, ended.lines.last().expect("a URL"));
    assert_eq!(client.json()["userId"], "ana");
    client.publish("room", "by the printed URL");
    assert_eq!(client.group_text("room"), "by the printed URL");

    let refused = run_with(&["token", "--hub=chat", "--access-key", "short"]);
    assert_eq!(refused.code, Some(2), "{}", refused.errors);
    assert!(refused.errors.starts_with("corecast: "), "{}", refused.errors);
}

#[test]
fn a_generated_key_is_printed_ready_to_use() {
    // C1: with the connection string of operations.md, section 6.1.
    let mut server = Setup::new().without_keys().start();
    let connection_string = server.line_after("connection string: ");
    let url = server.line_after("client URL: ");
    assert_eq!(client_of_url(&server, &url).json()["event"], "connected");

    let mut parts = connection_string.split(';');
    let endpoint = format!("Endpoint=http://{}", server.address.ip());
    assert!(parts.next().is_some_and(|part| part.starts_with(&endpoint)), "{connection_string}");
    let key = connection_string.split(';').find_map(|part| part.strip_prefix("AccessKey="));
    let key = key.unwrap_or_else(|| panic!("{connection_string}"));
    assert_eq!(key.len(), 44, "{connection_string}");
    assert!(connection_string.ends_with(";Version=1.0;"), "{connection_string}");
    let token = Token::for_hub("chat").key(key).sign();
    assert_eq!(Upgrade::to_hub("chat", &token).status(&server), 101);
    assert_eq!(Upgrade::to_hub("chat", &Token::for_hub("chat").sign()).status(&server), 401);
}

/// Connects to a URL as a client gets it from an application.
fn client_of_url(server: &Server, url: &str) -> Client {
    let (scheme_and_host, path) = url.split_once("/client/").unwrap_or_else(|| panic!("{url}"));
    assert_eq!(scheme_and_host, format!("ws://{}", server.address), "{url}");
    Client::on(Upgrade::new(format!("/client/{path}")).offer(JSON).accepted(server))
}
