//! The client against servers that close, lie, speak TLS or stand behind a proxy.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use hyper::header::CONTENT_LENGTH;
use hyper::service::service_fn;
use hyper::{Method, Version};
use hyper_util::rt::TokioIo;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::spawn_local;
use tokio_rustls::TlsAcceptor;

use super::connector::LocalExecutor;
use super::*;
use crate::upstream::tests::support::{
    Application, Does, Seen, answer, settle, soon, status, with_stopped_time,
};

fn client() -> Client {
    Client::new(Roots::of_system(), Matcher::builder().build()).unwrap()
}

fn post() -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::from("body"));
    *request.method_mut() = Method::POST;
    request.headers_mut().insert(CONTENT_LENGTH, 4.into());
    request
}

async fn send(client: &Client, url: &str) -> Result<Answer, SendError> {
    client.send(&client.target(url)?, BODY_BYTES_MAX, post).await
}

async fn failure(client: &Client, url: &str) -> Cause {
    let error = send(client, url).await.expect_err("a failure");
    assert!(!error.to_string().contains("secret"), "{error}");
    error.cause
}

#[test]
fn connections_are_used_again() {
    with_stopped_time(async {
        let application = Application::start(|_| Does::Answer(status(204))).await;
        let client = client();
        for _ in 0..5 {
            assert_eq!(send(&client, &application.url("/")).await.unwrap().status, 204);
        }
        assert_eq!(application.connections.get(), 1);
    });
}

#[test]
fn what_has_rested_for_long_is_closed() {
    with_stopped_time(async {
        let application = Application::start(|_| Does::Answer(status(204))).await;
        let client = client();
        let target = client.target(&application.url("/")).unwrap();
        for rest_s in [59, 61, 0] {
            client.send(&target, BODY_BYTES_MAX, post).await.unwrap();
            tokio::time::advance(std::time::Duration::from_secs(rest_s)).await;
            client.sweep();
        }
        let connections: Vec<_> =
            application.events().iter().map(|seen: &Seen| seen.connection).collect();
        assert_eq!(connections, [0, 0, 1]);
        drop(target);
        client.sweep();
        assert!(client.origins.borrow().is_empty());
    });
}

/// A server whose connections carry one request each: at the second it closes without a word, as
/// one that was about to close them for their age.
async fn forgetful() -> (String, Rc<Cell<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let served = Rc::<Cell<usize>>::default();
    let counts = Rc::clone(&served);
    spawn_local(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let counts = Rc::clone(&counts);
            spawn_local(async move {
                let mut buffer = [0; 4096];
                if socket.read(&mut buffer).await.unwrap() > 0 {
                    counts.set(counts.get() + 1);
                    socket.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
                    drop(socket.read(&mut buffer).await);
                }
            });
        }
    });
    (url, served)
}

#[test]
fn a_connection_that_dies_while_it_rests_costs_no_attempt() {
    with_stopped_time(async {
        let (url, served) = forgetful().await;
        let client = client();
        for requests in 1..5 {
            assert_eq!(send(&client, &url).await.unwrap().status, 204);
            assert_eq!(served.get(), requests);
        }
    });
}

#[test]
fn a_new_connection_that_dies_is_a_failure() {
    with_stopped_time(async {
        let application = Application::start(|_| Does::Close).await;
        let client = client();
        assert_eq!(failure(&client, &application.url("/?code=secret")).await, Cause::Closed);
        assert_eq!(application.events().len(), 1);
    });
}

#[test]
fn a_server_that_restarts_is_found_again() {
    with_stopped_time(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = client();
        let url = format!("http://{address}/");
        let accepting = spawn_local(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            drop(socket.read(&mut [0; 4096]).await);
            socket.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        });
        send(&client, &url).await.unwrap();
        accepting.await.unwrap();
        settle().await;
        assert_eq!(failure(&client, &url).await, Cause::Refused);
        let listener = TcpListener::bind(address).await.unwrap();
        let application = Application::start_on(listener, |_| Does::Answer(status(200)));
        assert_eq!(send(&client, &url).await.unwrap().status, 200);
        drop(application);
    });
}

/// A server that says this and no more.
async fn saying(bytes: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    spawn_local(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let bytes = bytes.clone();
            spawn_local(async move {
                drop(socket.read(&mut [0; 4096]).await);
                drop(socket.write_all(&bytes).await);
            });
        }
    });
    url
}

// 7.2
#[test]
fn the_largest_body_is_read_and_a_larger_one_is_not() {
    with_stopped_time(async {
        let client = client();
        for (announced, bytes) in [(true, BODY_BYTES_MAX), (false, BODY_BYTES_MAX)] {
            for more in [0, 1] {
                let mut text = match announced {
                    true => format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", bytes + more),
                    false => "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_owned(),
                };
                text.push_str(&"x".repeat(bytes + more));
                let url = saying(text.into_bytes()).await;
                match more {
                    0 => assert_eq!(send(&client, &url).await.unwrap().body.len(), bytes),
                    _ => assert_eq!(failure(&client, &url).await, Cause::TooLarge),
                }
            }
        }
    });
}

#[test]
fn every_failure_has_its_cause() {
    with_stopped_time(async {
        let client = client();
        let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf".to_vec();
        assert_eq!(failure(&client, &saying(cut).await).await, Cause::Closed);
        let no_http = b"220 mail.example.org ESMTP\r\n".to_vec();
        assert_eq!(failure(&client, &saying(no_http).await).await, Cause::Malformed);
        assert_eq!(failure(&client, "http://nobody.invalid/secret").await, Cause::Dns);
        let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        assert_eq!(failure(&client, &format!("http://{unused}/")).await, Cause::Refused);
        let plain = saying(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()).await;
        assert_eq!(failure(&client, &plain.replace("http:", "https:")).await, Cause::Tls);
        assert_eq!(failure(&client, "no url, secret").await, Cause::Url);
        let socks = Matcher::builder().all("socks5://127.0.0.1:1").build();
        let proxied = Client::new(Roots::of_system(), socks).unwrap();
        assert_eq!(failure(&proxied, "http://a.example/").await, Cause::Proxy);
    });
}

/// A server with a certificate of its own for `localhost`, and those who trust it.
struct Secure {
    port: u16,
    roots: Roots,
    seen: Rc<RefCell<Vec<Seen>>>,
    connections: Rc<Cell<usize>>,
    /// Ends all connections when it rings.
    cut: Rc<Notify>,
}

async fn secure(protocols: &[&[u8]]) -> Secure {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let path = std::env::temp_dir().join(format!("corecast-roots-{port}.pem"));
    std::fs::write(&path, cert.pem()).unwrap();
    let roots = Roots::from_file(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (seen, connections) = (Rc::<RefCell<_>>::default(), Rc::<Cell<usize>>::default());
    let (sees, counts) = (Rc::clone(&seen), Rc::clone(&connections));
    let cut = Rc::new(Notify::new());
    let ends = Rc::clone(&cut);
    spawn_local(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let (acceptor, sees, ends) = (acceptor.clone(), Rc::clone(&sees), Rc::clone(&ends));
            let connection = counts.get();
            counts.set(connection + 1);
            spawn_local(async move {
                let Ok(stream) = acceptor.accept(socket).await else { return };
                let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                let service = service_fn(move |request| {
                    let script = Rc::new(|_: &Seen| Does::Answer(status(204)));
                    answer(request, script, Rc::clone(&sees), connection)
                });
                let io = TokioIo::new(stream);
                let serve = async {
                    if is_http2 {
                        let http2 = hyper::server::conn::http2::Builder::new(LocalExecutor);
                        drop(http2.serve_connection(io, service).await);
                    } else {
                        let http1 = hyper::server::conn::http1::Builder::new();
                        drop(http1.serve_connection(io, service).await);
                    }
                };
                tokio::select! {
                    () = serve => {}
                    () = ends.notified() => {}
                }
            });
        }
    });
    Secure { port, roots, seen, connections, cut }
}

async fn send_eight(client: &Rc<Client>, url: &str) {
    let sending: Vec<_> = (0..8)
        .map(|_| {
            let (client, url) = (Rc::clone(client), url.to_owned());
            spawn_local(async move { send(&client, &url).await.unwrap().status })
        })
        .collect();
    for sent in sending {
        assert_eq!(sent.await.unwrap(), 204);
    }
}

// 5.2.1
#[test]
fn http2_is_spoken_where_it_is_offered_and_by_one_connection() {
    with_stopped_time(async {
        let server = secure(&[b"h2", b"http/1.1"]).await;
        let client = Client::new(server.roots, Matcher::builder().build()).unwrap();
        let client = Rc::new(client);
        let url = format!("https://localhost:{}/a?code=1", server.port);
        send_eight(&client, &url).await;
        send_eight(&client, &url).await;
        assert_eq!(server.connections.get(), 1);
        for seen in &*server.seen.borrow() {
            assert_eq!((seen.version, &*seen.target), (Version::HTTP_2, &*url));
            assert_eq!(seen.header("content-length"), Some("4"));
        }
    });
}

#[test]
fn a_shared_connection_that_ends_is_replaced_by_one() {
    with_stopped_time(async {
        let server = secure(&[b"h2"]).await;
        let client = Client::new(server.roots, Matcher::builder().build()).unwrap();
        let client = Rc::new(client);
        let url = format!("https://localhost:{}/", server.port);
        for connections in 1..4 {
            send_eight(&client, &url).await;
            assert_eq!(server.connections.get(), connections);
            server.cut.notify_waiters();
        }
    });
}

#[test]
fn tls_without_http2_is_http1() {
    with_stopped_time(async {
        let server = secure(&[b"http/1.1"]).await;
        let client = Client::new(server.roots, Matcher::builder().build()).unwrap();
        let client = Rc::new(client);
        let url = format!("https://localhost:{}/a", server.port);
        send_eight(&client, &url).await;
        assert!(server.connections.get() <= 9);
        let seen = server.seen.borrow();
        assert!(seen.iter().all(|seen| seen.version == Version::HTTP_11 && seen.target == "/a"));
    });
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    with_stopped_time(async {
        let server = secure(&[b"h2"]).await;
        let url = format!("https://localhost:{}/", server.port);
        assert_eq!(failure(&client(), &url).await, Cause::Tls);
        // Nor is one for another name.
        let other = Client::new(server.roots, Matcher::builder().build()).unwrap();
        let url = format!("https://127.0.0.1:{}/", server.port);
        assert_eq!(failure(&other, &url).await, Cause::Tls);
        assert!(server.seen.borrow().is_empty());
    });
}

#[test]
fn roots_must_be_certificates() {
    let path = std::env::temp_dir().join(format!("corecast-roots-{}", std::process::id()));
    for content in
        ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
    {
        std::fs::write(&path, content).unwrap();
        assert!(Roots::from_file(&path).is_err(), "{content:?}");
    }
    std::fs::remove_file(&path).unwrap();
    assert!(Roots::from_file(&path).is_err());
}

#[test]
fn a_proxy_gets_plain_requests_whole() {
    with_stopped_time(async {
        let proxy = Application::start(|_| Does::Answer(status(204))).await;
        let there = format!("http://me:pw@{}", proxy.address);
        let client = Client::new(Roots::of_system(), Matcher::builder().all(there).build());
        send(&client.unwrap(), "http://app.example/a?b=c").await.unwrap();
        let seen = &proxy.events()[0];
        assert_eq!(seen.target, "http://app.example/a?b=c");
        assert_eq!(seen.header("host"), Some("app.example"));
        assert_eq!(seen.header("proxy-authorization"), Some("Basic bWU6cHc="));
    });
}

#[test]
fn a_proxy_connects_us_for_tls_and_sees_no_more() {
    with_stopped_time(async {
        let server = secure(&[b"h2"]).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let there = format!("http://{}", listener.local_addr().unwrap());
        let heard = Rc::<RefCell<String>>::default();
        let hears = Rc::clone(&heard);
        let port = server.port;
        spawn_local(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 1024];
            let bytes = socket.read(&mut buffer).await.unwrap();
            hears.borrow_mut().push_str(std::str::from_utf8(&buffer[..bytes]).unwrap());
            socket.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await.unwrap();
            let mut beyond = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            drop(copy_bidirectional(&mut socket, &mut beyond).await);
        });
        let client = Client::new(server.roots, Matcher::builder().https(there).build()).unwrap();
        // The certificate is for another name: what matters here is who checks it.
        assert_eq!(failure(&client, "https://app.example/secret").await, Cause::Tls);
        soon(|| heard.borrow().starts_with("CONNECT app.example:443 HTTP/1.1\r\n")).await;
        assert!(!heard.borrow().contains("secret"));
    });
}
