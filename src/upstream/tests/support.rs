//! A scripted application server, and a shard that sends events to it.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderMap, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, Version};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinSet, LocalSet, spawn_local, yield_now};
use tokio::time::Instant;

use crate::auth::{AccessKey, AccessKeys, EventSigner};
use crate::config::EventSettings;
use crate::event::call::{Event, EventAnswer, EventCall, ReplyTo, Subject};
use crate::event::gate::{GateLimits, Permit, Urgency};
use crate::event::handlers::{Handler, HandlerAuth, HandlerSettings, Handlers};
use crate::event::receivers::Receivers;
use crate::event::template::UrlTemplate;
use crate::hub::id::{ConnectionId, ShardId};
use crate::hub::name::HubName;
use crate::metrics::listeners::ListenerMetrics;
use crate::metrics::upstream::UpstreamMetrics;
use crate::protocol::subprotocol::{Metadata, Payload};
use crate::upstream::{UpstreamSettings, Webhooks};

pub(crate) const KEY: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const ORIGIN: &str = "corecast.example.com";

/// Runs a test with stopped time.
pub(crate) fn with_stopped_time(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        tokio::time::pause();
        // While something blocks, the library does not move the clock by itself; otherwise every
        // wait for the network would end all timeouts.
        let (release, blocked) = std::sync::mpsc::channel::<()>();
        let blocker = tokio::task::spawn_blocking(move || blocked.recv().is_ok());
        test.await;
        drop(release);
        blocker.await.unwrap();
    });
}

/// Lets everything happen that can without time going on.
pub(crate) async fn settle() {
    for _ in 0..200 {
        yield_now().await;
    }
    // Loopback is quick, but not always done within the same instant.
    let (done, waits) = oneshot::channel();
    tokio::task::spawn_blocking(move || {
        #[allow(clippy::disallowed_methods, reason = "this thread belongs to nobody")]
        std::thread::sleep(Duration::from_millis(2));
        let _ = done.send(());
    });
    waits.await.unwrap();
    for _ in 0..200 {
        yield_now().await;
    }
}

/// Lets time go on in small steps until it is so; gives up after many.
pub(crate) async fn until(is_so: impl Fn() -> bool) {
    for _ in 0..4000 {
        settle().await;
        if is_so() {
            return;
        }
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    panic!("it does not happen");
}

/// Waits for something that needs no time.
pub(crate) async fn soon(is_so: impl Fn() -> bool) {
    for _ in 0..500 {
        if is_so() {
            return;
        }
        settle().await;
    }
    panic!("it does not happen");
}

/// A request as the application saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) at: Instant,
    /// Which of the connections it came by.
    pub(crate) connection: usize,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| std::str::from_utf8(value.as_bytes()).unwrap())
    }

    pub(crate) fn is_event(&self) -> bool {
        self.method == Method::POST
    }
}

/// What the application does with a request.
pub(crate) enum Does {
    Answer(Response<Full<Bytes>>),
    /// Answers when told so.
    Wait(oneshot::Receiver<Response<Full<Bytes>>>),
    /// Closes the connection.
    Close,
}

pub(crate) fn status(status: u16) -> Response<Full<Bytes>> {
    Response::builder().status(status).body(Full::default()).unwrap()
}

pub(crate) fn with_header(code: u16, name: &str, value: &str) -> Response<Full<Bytes>> {
    let mut response = status(code);
    let name = hyper::header::HeaderName::from_bytes(name.as_bytes()).unwrap();
    response.headers_mut().append(name, HeaderValue::from_str(value).unwrap());
    response
}

pub(crate) fn welcome() -> Response<Full<Bytes>> {
    with_header(200, "WebHook-Allowed-Origin", "*")
}

/// An application that welcomes all and does with events what the script says.
pub(crate) struct Application {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Rc<RefCell<Vec<Seen>>>,
    pub(crate) connections: Rc<Cell<usize>>,
    accepting: AbortHandle,
}

pub(crate) type Script = Rc<dyn Fn(&Seen) -> Does>;

impl Application {
    pub(crate) async fn start(events: impl Fn(&Seen) -> Does + 'static) -> Self {
        Self::start_asked(move |seen| match seen.is_event() {
            true => events(seen),
            false => Does::Answer(welcome()),
        })
        .await
    }

    /// With a script for validation requests too.
    pub(crate) async fn start_asked(script: impl Fn(&Seen) -> Does + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::start_on(listener, script)
    }

    pub(crate) fn start_on(
        listener: TcpListener,
        script: impl Fn(&Seen) -> Does + 'static,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let (seen, connections) = (Rc::default(), Rc::<Cell<usize>>::default());
        let script: Script = Rc::new(script);
        let accepting = spawn_local({
            let (seen, connections) = (Rc::clone(&seen), Rc::clone(&connections));
            async move {
                // Its end is the end of all connections.
                let mut serving = JoinSet::new();
                loop {
                    let (socket, _) = listener.accept().await.unwrap();
                    let connection = connections.get();
                    connections.set(connection + 1);
                    let (script, seen) = (Rc::clone(&script), Rc::clone(&seen));
                    serving.spawn_local(serve(socket, script, seen, connection));
                }
            }
        });
        Self { address, seen, connections, accepting: accepting.abort_handle() }
    }

    pub(crate) fn events(&self) -> Vec<Seen> {
        self.seen.borrow().iter().filter(|seen| seen.is_event()).cloned().collect()
    }

    pub(crate) fn asked(&self) -> Vec<Seen> {
        self.seen.borrow().iter().filter(|seen| !seen.is_event()).cloned().collect()
    }

    pub(crate) fn url(&self, rest: &str) -> String {
        format!("http://{}{rest}", self.address)
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(
    io: impl AsyncRead + AsyncWrite + Unpin + 'static,
    script: Script,
    seen: Rc<RefCell<Vec<Seen>>>,
    connection: usize,
) {
    let service = service_fn(move |request| {
        answer(request, Rc::clone(&script), Rc::clone(&seen), connection)
    });
    let served = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(io), service)
        .await;
    drop(served);
}

pub(crate) async fn answer(
    request: Request<Incoming>,
    script: Script,
    seen: Rc<RefCell<Vec<Seen>>>,
    connection: usize,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    let request = Seen {
        method: head.method,
        target: head.uri.to_string(),
        version: head.version,
        headers: head.headers,
        body,
        at: Instant::now(),
        connection,
    };
    seen.borrow_mut().push(request.clone());
    match script(&request) {
        Does::Answer(answer) => Ok(answer),
        Does::Wait(told) => told.await.map_err(std::io::Error::other),
        Does::Close => Err(std::io::Error::other("closed")),
    }
}

/// A shard that sends events, with the webhook shard that delivers them.
pub(crate) struct Rig {
    pub(crate) calls: Option<mpsc::UnboundedSender<Vec<EventCall>>>,
    pub(crate) changes: watch::Sender<Arc<UpstreamSettings>>,
    pub(crate) answers: Rc<RefCell<Vec<EventAnswer>>>,
    pub(crate) metrics: UpstreamMetrics,
    pub(crate) is_over: Rc<Cell<bool>>,
    next_id: Cell<u64>,
}

pub(crate) fn event_settings() -> EventSettings {
    EventSettings::default()
}

pub(crate) fn settings(events: EventSettings) -> UpstreamSettings {
    let key = AccessKey::parse(KEY).unwrap();
    let signer = Some(EventSigner::new(&AccessKeys::configured(key, None)));
    let drain_deadline = Duration::from_secs(20);
    UpstreamSettings { signer, events, listeners: Vec::new(), drain_deadline }
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(event_settings())
    }

    pub(crate) fn with(events: EventSettings) -> Self {
        let metrics = UpstreamMetrics::default();
        let settings = settings(events);
        let webhooks = Webhooks::new(&settings, metrics.clone(), ListenerMetrics::default());
        let webhooks = webhooks.unwrap();
        let (calls, incoming) = mpsc::unbounded_channel();
        let (changes, changed) = watch::channel(Arc::new(settings));
        let (answers, is_over) = (Rc::<RefCell<Vec<_>>>::default(), Rc::<Cell<bool>>::default());
        let (told, over) = (Rc::clone(&answers), Rc::clone(&is_over));
        spawn_local(async move {
            webhooks.run(incoming, changed, move |answer| told.borrow_mut().push(answer)).await;
            over.set(true);
        });
        let calls = Some(calls);
        Self { calls, changes, answers, metrics, is_over, next_id: Cell::new(0) }
    }

    /// Sends an event of connection number `connection`, and says its `ce-id`.
    pub(crate) fn send(&self, handler: &Arc<Handler>, connection: u32, event: Event) -> u64 {
        let is_blocking = matches!(event, Event::Connect { .. } | Event::User { .. });
        let urgency = if is_blocking { Urgency::Blocking } else { Urgency::Notification };
        let permit = Permit::take(handler, urgency, 0).expect("room");
        self.call(connection, event, Some(permit))
    }

    pub(crate) fn call(
        &self,
        connection: u32,
        event: Event,
        permit: Option<Permit<Handler>>,
    ) -> u64 {
        let id = self.next_id.get();
        self.next_id.set(id + 1);
        let is_blocking = matches!(event, Event::Connect { .. } | Event::User { .. });
        let ticket = u32::try_from(id).unwrap();
        let to = ReplyTo { shard: ShardId::new(0), slot: connection, serial: 1, ticket };
        let call = EventCall {
            subject: Arc::new(subject(connection)),
            id,
            event,
            receivers: Receivers { handler: permit, ..Receivers::default() },
            reply_to: is_blocking.then_some(to),
        };
        self.calls.as_ref().expect("open").send(vec![call]).unwrap();
        id
    }

    /// Waits for the answer to event number `id`, without time going on.
    pub(crate) async fn answer(&self, id: u64) -> EventAnswer {
        soon(|| self.has_answer(id)).await;
        self.take(id)
    }

    /// The same, however much time it takes.
    pub(crate) async fn late_answer(&self, id: u64) -> EventAnswer {
        until(|| self.has_answer(id)).await;
        self.take(id)
    }

    pub(crate) fn has_answer(&self, id: u64) -> bool {
        self.answers.borrow().iter().any(|answer| u64::from(answer.to.ticket) == id)
    }

    fn take(&self, id: u64) -> EventAnswer {
        let mut answers = self.answers.borrow_mut();
        let at = answers.iter().position(|answer| u64::from(answer.to.ticket) == id).unwrap();
        answers.remove(at)
    }

    /// What was counted: kind, result and count.
    pub(crate) fn counted(&self) -> Vec<(&'static str, &'static str, u64)> {
        self.metrics.sample().into_iter().flat_map(|hub| hub.requests).collect()
    }
}

pub(crate) fn connection_id(connection: u32) -> ConnectionId {
    ConnectionId::new(ShardId::new(0), connection, [7; 16])
}

pub(crate) fn subject(connection: u32) -> Subject {
    Subject {
        hub: HubName::parse("chat").unwrap(),
        connection: connection_id(connection),
        user: Some("Jürgen".into()),
        subprotocol: Some("json.webpubsub.azure.v1".into()),
        origin: ORIGIN.into(),
    }
}

pub(crate) fn user_event(name: &str, text: &str) -> Event {
    let payload = Payload::text(text.to_owned());
    Event::User { name: name.into(), payload, metadata: Metadata::default() }
}

pub(crate) fn connect() -> Event {
    Event::Connect { body: b"{}".to_vec() }
}

pub(crate) fn disconnected() -> Event {
    Event::Disconnected { reason: "bye".to_owned() }
}

/// A handler with this template.
pub(crate) fn handler(template: &str) -> Arc<Handler> {
    handler_with(template, HandlerAuth::None)
}

pub(crate) fn handler_with(template: &str, auth: HandlerAuth) -> Arc<Handler> {
    let settings = HandlerSettings {
        url: UrlTemplate::parse(template, &|_| None).unwrap(),
        user_events: Default::default(),
        system_events: Default::default(),
        presence: Default::default(),
        auth,
    };
    let limits = GateLimits { events_max: 100_000, bytes_max: 1 << 30 };
    let hub = HubName::parse("chat").unwrap();
    let handlers = Handlers::new(&hub, &[settings], limits);
    Arc::clone(handlers.iter().next().unwrap())
}
