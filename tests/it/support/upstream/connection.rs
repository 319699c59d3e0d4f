//! One connection to an upstream, on a thread of its own.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use super::answer::{Answer, Delay, Manner};
use super::record::Record;
use super::request::Request;

/// Answers request after request until either side ends the connection.
pub(super) fn serve(stream: &TcpStream, number: usize, record: &Record) {
    // Answers are small and somebody waits for each.
    let _ = stream.set_nodelay(true);
    let mut unread = Vec::new();
    while let Some(request) = read(stream, &mut unread, number) {
        let request = Arc::new(request);
        let answer = record.requested(&request);
        if give(stream, &request, &answer).is_err() || !answer.keeps_connection() {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}

fn read(mut stream: &TcpStream, unread: &mut Vec<u8>, number: usize) -> Option<Request> {
    let mut chunk = [0; 16 * 1024];
    loop {
        if let Some(request) = Request::take(unread, number) {
            return Some(request);
        }
        match stream.read(&mut chunk) {
            Ok(length @ 1..) => unread.extend_from_slice(&chunk[..length]),
            _ => return None,
        }
    }
}

fn give(mut stream: &TcpStream, request: &Request, answer: &Answer) -> std::io::Result<()> {
    match &answer.delay {
        Delay::None => {}
        Delay::For(time) => std::thread::sleep(*time),
        Delay::Until(hold) => hold.wait(),
    }
    if matches!(answer.manner, Manner::Silence) {
        // Whatever still comes is not answered; the end is waited for.
        let mut rest = [0; 1024];
        while stream.read(&mut rest)? > 0 {}
        return Ok(());
    }
    request.answer_now();
    stream.write_all(&answer.sent())
}
