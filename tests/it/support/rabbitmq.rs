//! A private RabbitMQ: an AMQP 1.0 broker that is not ours.
//!
//! Debian's RabbitMQ 3 with its plug-in for AMQP 1.0 (events-listener.md, section 8.4), on a
//! loopback address, with a name mapper, a cookie and a data directory of its own. It is installed
//! if it is missing and the tests may do so; otherwise the tests fail and say how. [`Broker::shared`]
//! is one for all tests that do not harm it, because a start takes seconds; queues are handed out
//! to one test each. All processes end with the tests (`keeper.sh`).
//!
//! The plug-in answers `released` to nothing, so tests about outcomes use the container of
//! [`super::event_hubs`].

mod install;

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::certificate::Certificate;
use super::script::Script;
use super::upstream::fresh_loopback;

pub(crate) const USER: &str = "corecast";
pub(crate) const PASSWORD: &str = "broker-password-of-the-tests";

const PORT: u16 = 5672;
const TLS_PORT: u16 = 5671;

/// How many tests one broker has queues for.
const QUEUES: u32 = 32;

/// Two cores, shared by all tests, take this long at worst.
const START_PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Broker {
    keeper: Child,
    /// None at the end.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    directory: PathBuf,
    host: Ipv4Addr,
    queues: AtomicU32,
}

impl Broker {
    /// One for all tests, without TLS.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Broker> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// One of the test's own.
    pub(crate) fn start() -> Self {
        Self::at(fresh_loopback(), None)
    }

    /// One with TLS as well, at the address the certificate is for.
    pub(crate) fn with_tls(host: Ipv4Addr, certificate: &Certificate) -> Self {
        Self::at(host, Some(certificate))
    }

    fn at(host: Ipv4Addr, tls: Option<&Certificate>) -> Self {
        let programs = install::programs();
        let name = format!("rabbitmq-{}-{}", std::process::id(), host.to_bits());
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&directory).expect("a writable target directory");
        configure(&directory, host, tls);
        let epmd_port = free_port().to_string();
        let mut keeper = Command::new("sh")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/rabbitmq/keeper.sh"))
            .arg(&directory)
            .arg(&epmd_port)
            .args([&programs.epmd, &programs.server])
            .current_dir(&directory)
            .envs(environment(&directory, host))
            .env("ERL_EPMD_PORT", &epmd_port)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // What interrupts the tests must not keep it from its last work.
            .process_group(0)
            .spawn()
            .expect("a shell");
        let orders = keeper.stdin.take();
        let answers = BufReader::new(keeper.stdout.take().expect("piped"));
        let queues = AtomicU32::new(0);
        let mut broker = Self { keeper, orders, answers, directory, host, queues };
        broker.resume();
        broker
    }

    /// Starts it, again with the same data after [`kill`](Self::kill), and waits until it accepts
    /// connections.
    pub(crate) fn resume(&mut self) {
        self.order("start");
        let since = Instant::now();
        while TcpStream::connect((self.host, PORT)).is_err() {
            let log = self.directory.join("log");
            let log = || std::fs::read_to_string(&log).unwrap_or_default();
            assert!(since.elapsed() < START_PATIENCE, "RabbitMQ does not start: {}", log());
            // Between two questions, not instead of one.
            std::thread::park_timeout(Duration::from_millis(50));
        }
        println!("RabbitMQ started in {:?}", since.elapsed());
    }

    /// Ends it without a word.
    pub(crate) fn kill(&mut self) {
        self.order("kill");
    }

    fn order(&mut self, order: &str) {
        let orders = self.orders.as_mut().expect("open until the drop");
        writeln!(orders, "{order}").expect("the keeper reads");
        let mut done = String::new();
        self.answers.read_line(&mut done).expect("the keeper answers");
        assert_eq!(done.trim(), order, "the keeper has ended");
    }

    /// The address of a durable queue that no other test has.
    pub(crate) fn queue(&self) -> String {
        let number = self.queues.fetch_add(1, Ordering::Relaxed);
        assert!(number < QUEUES, "raise QUEUES");
        format!("/amq/queue/{}", queue_name(number))
    }

    fn url(&self) -> String {
        format!("amqp://{}:{PORT}", self.host)
    }

    /// The endpoint of a listener, with further settings, each after a comma.
    pub(crate) fn endpoint(&self, address: &str, settings: &str) -> String {
        self.endpoint_at(&self.url(), address, settings)
    }

    /// The same with TLS.
    pub(crate) fn tls_endpoint(&self, address: &str) -> String {
        self.endpoint_at(&format!("amqps://{}:{TLS_PORT}", self.host), address, "")
    }

    fn endpoint_at(&self, url: &str, address: &str, settings: &str) -> String {
        format!(
            "{{ type = \"Amqp\", url = \"{url}\", address = \"{address}\"{settings}, \
             auth = {{ type = \"Plain\", username = \"{USER}\", password = \"{PASSWORD}\" }} }}"
        )
    }

    /// Takes what is and comes into a queue.
    pub(crate) fn receive(&self, address: &str) -> Script {
        let script = Script::start("receive.py", &[&self.url(), address, USER, PASSWORD]);
        script.await_line("attached", |_| true);
        script
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // The end of its input is the order to end everything.
        self.orders = None;
        let _ = self.keeper.wait();
    }
}

fn queue_name(number: u32) -> String {
    format!("q{number}")
}

/// Not in the range of ports that connections take from this side.
fn free_port() -> u16 {
    let start = 20_000 + u16::try_from(std::process::id() % 10_000).expect("a small number");
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let skipped = TAKEN.fetch_add(1, Ordering::Relaxed) as usize;
    (start..32_000).filter(is_free).nth(skipped).expect("a free port")
}

/// All settings there are, so that the machine's own do not count.
fn environment(directory: &Path, host: Ipv4Addr) -> Vec<(&'static str, String)> {
    let below = |name: &str| directory.join(name).to_str().expect("a path in UTF-8").to_owned();
    let octets = host.octets().map(|octet| octet.to_string()).join(",");
    vec![
        ("HOME", below("")),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
        ("ERL_CRASH_DUMP", "/dev/null".to_owned()),
        // Tried on all addresses before it is taken on this one.
        ("RABBITMQ_DIST_PORT", free_port().to_string()),
        ("RABBITMQ_NODENAME", format!("corecast-{}@localhost", host.to_bits())),
        ("RABBITMQ_CONF_ENV_FILE", below("none")),
        ("RABBITMQ_CONFIG_FILE", below("rabbitmq.conf")),
        ("RABBITMQ_ADVANCED_CONFIG_FILE", below("none")),
        ("RABBITMQ_GENERATED_CONFIG_DIR", below("generated")),
        ("RABBITMQ_SCHEMA_DIR", below("schema")),
        ("RABBITMQ_MNESIA_BASE", below("mnesia")),
        ("RABBITMQ_LOG_BASE", below("logs")),
        ("RABBITMQ_PID_FILE", below("pid")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", below("plugins")),
        (
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            format!("-start_epmd false -kernel inet_dist_use_interface {{{octets}}}"),
        ),
        // One scheduler and small tables: others want the cores and the memory.
        ("RABBITMQ_SERVER_START_ARGS", "+S 1:1 +A 4".to_owned()),
        ("RABBITMQ_MAX_NUMBER_OF_PROCESSES", "50000".to_owned()),
    ]
}

fn configure(directory: &Path, host: Ipv4Addr, tls: Option<&Certificate>) {
    let write = |name: &str, text: &str| {
        std::fs::write(directory.join(name), text).expect("a writable target directory");
    };
    write("plugins", "[rabbitmq_amqp1_0].\n");
    let queue = |number| {
        json!({"name": queue_name(number), "vhost": "/", "durable": true,
        "auto_delete": false, "arguments": {}})
    };
    let definitions = json!({
        "users": [{"name": USER, "password": PASSWORD, "tags": ""}],
        "vhosts": [{"name": "/"}],
        "permissions": [{"user": USER, "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}],
        "queues": (0..QUEUES).map(queue).collect::<Vec<_>>(),
    });
    write("definitions.json", &definitions.to_string());
    let mut settings = format!(
        "listeners.tcp.1 = {host}:{PORT}\nload_definitions = {}\n\
         log.console = true\nlog.console.level = warning\nlog.file = false\n\
         vm_memory_high_watermark.absolute = 1GB\ndisk_free_limit.absolute = 1MB\n",
        directory.join("definitions.json").display()
    );
    if let Some(certificate) = tls {
        let (certificate, key) = (certificate.path(), certificate.key_path());
        settings += &format!(
            "listeners.ssl.1 = {host}:{TLS_PORT}\nssl_options.certfile = {certificate}\n\
             ssl_options.keyfile = {key}\nssl_options.verify = verify_none\n"
        );
    }
    write("rabbitmq.conf", &settings);
}
