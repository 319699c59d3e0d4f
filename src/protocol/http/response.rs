//! The small HTTP answers that a shard gives by itself.

use std::io::Write;

/// The content type of answers that are one line for a person.
pub const PLAIN_TEXT: &str = "text/plain; charset=utf-8";

/// An answer with a small body.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    pub status: u16,
    /// `None` where whoever wrote the body has not said what it is.
    pub content_type: Option<&'a str>,
    pub body: &'a [u8],
    /// Further header lines, each with its line end.
    pub headers: &'a str,
    /// Answer a HEAD request: the headers of the body, and no body.
    pub is_head: bool,
    pub is_keep_alive: bool,
}

impl Response<'_> {
    /// Appends the answer to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        let connection = if self.is_keep_alive { "keep-alive" } else { "close" };
        // Writing to a vector cannot fail.
        let _ = write!(out, "HTTP/1.1 {} {}\r\n", self.status, reason_phrase(self.status));
        if let Some(content_type) = self.content_type {
            let _ = write!(out, "Content-Type: {content_type}\r\n");
        }
        let _ = write!(
            out,
            "Content-Length: {}\r\nConnection: {connection}\r\n{}\r\n",
            self.body.len(),
            self.headers,
        );
        if !self.is_head {
            out.extend_from_slice(self.body);
        }
    }
}

/// The words behind a status in its line.
pub fn reason_phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        202 => "Accepted",
        204 => "No Content",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Unknown",
    }
}
