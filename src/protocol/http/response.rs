//! The small HTTP answers that a shard gives by itself.

use std::io::Write;

/// An answer without a body longer than one line of text.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    pub status: u16,
    /// One human-readable line; `text/plain; charset=utf-8`.
    pub body: &'a str,
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
        let _ = write!(
            out,
            "HTTP/1.1 {} {}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
             Connection: {connection}\r\n{}\r\n{}",
            self.status,
            reason_phrase(self.status),
            self.body.len(),
            self.headers,
            if self.is_head { "" } else { self.body },
        );
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
