//! An event handler that answers every event with its own body.
//!
//! As small as the suite allows: HTTP/1.1, one thread per connection, requests one after the other
//! with a stated length, which is all that corecast sends. A text without content is answered with
//! metadata, because without any an empty answer would be none (events-webhook.md 8.4.3).

use std::io::{BufRead, BufReader, Result, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

/// Serves on a free port until the process of the tests ends.
pub(super) fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.expect("a connection of the server");
            // It ends with an error if the server is stopped in the middle of a request.
            thread::spawn(move || serve(stream));
        }
    });
    address
}

fn serve(mut stream: TcpStream) -> Result<()> {
    // Answers are written whole; waiting for more would only delay them.
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(request) = Request::read(&mut reader)? {
        stream.write_all(&request.answer())?;
    }
    Ok(())
}

/// What the answer depends on.
struct Request {
    is_validation: bool,
    content_type: String,
    body: Vec<u8>,
}

impl Request {
    /// The next request of a connection; `None` at its end.
    fn read(reader: &mut impl BufRead) -> Result<Option<Self>> {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let is_validation = line.starts_with("OPTIONS ");
        let (mut content_type, mut length) = (String::new(), 0);
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-type" => value.trim().clone_into(&mut content_type),
                "content-length" => length = value.trim().parse().expect("a length"),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        Ok(Some(Self { is_validation, content_type, body }))
    }

    fn answer(&self) -> Vec<u8> {
        let length = self.body.len();
        let mut head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n");
        if self.is_validation {
            head.push_str("WebHook-Allowed-Origin: *\r\n");
        } else {
            head.push_str(&format!("Content-Type: {}\r\n", self.content_type));
        }
        if self.body.is_empty() && self.content_type.starts_with("text/plain") {
            head.push_str("x-webpubsub-metadata-content: none\r\n");
        }
        head.push_str("\r\n");
        [head.as_bytes(), &self.body].concat()
    }
}
