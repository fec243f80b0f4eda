//! Requests read, sent on, and their answers brought back, whole or as a rule wants them.

use std::io::{BufRead as _, BufReader, ErrorKind, Read, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use super::How;

/// The first line and the headers.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) verb: String,
    pub(super) path: String,
    /// As they came, each with its line's end.
    headers: Vec<String>,
}

/// A request with all of its body: pieces of an upload have 64 MiB at most.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) head: Head,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// The next request; nothing where the client has ended.
    pub(super) fn read(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<Self>> {
        let mut first = String::new();
        if reader.read_line(&mut first)? == 0 {
            return Ok(None);
        }
        let mut words = first.split_whitespace().map(str::to_owned);
        let (Some(verb), Some(path)) = (words.next(), words.next()) else {
            return Err(ErrorKind::InvalidData.into());
        };
        let headers = headers(reader)?;
        let mut body = vec![0; length(&headers).unwrap_or(0)];
        reader.read_exact(&mut body)?;
        Ok(Some(Self { head: Head { verb, path, headers }, body }))
    }
}

fn headers(reader: &mut impl std::io::BufRead) -> std::io::Result<Vec<String>> {
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if line.trim().is_empty() {
            return Ok(headers);
        }
        headers.push(line);
    }
}

fn value<'a>(headers: &'a [String], name: &str) -> Option<&'a str> {
    headers.iter().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn length(headers: &[String]) -> Option<usize> {
    value(headers, "content-length")?.parse().ok()
}

/// An answer of the proxy's own.
pub(super) fn answer(
    mut client: &TcpStream,
    request: &Head,
    status: u16,
    (code, retry_after): (&str, Option<u32>),
) -> std::io::Result<()> {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>meddled with</Message></Error>"
    );
    let later = retry_after.map_or_else(String::new, |after| format!("Retry-After: {after}\r\n"));
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} Meddled\r\nContent-Type: application/xml\r\nContent-Length: {length}\r\n{later}\r\n"
    );
    client.write_all(head.as_bytes())?;
    if request.verb == "HEAD" { Ok(()) } else { client.write_all(body.as_bytes()) }
}

/// Sends the request on and brings the answer back; the bytes of its body that the client got, and whether the
/// connection goes on.
pub(super) fn pass(
    mut client: &TcpStream,
    request: &Request,
    target: u16,
    how: Option<&How>,
) -> std::io::Result<(u64, bool)> {
    // Where the server is not there the client's connection ends.
    let mut server = TcpStream::connect(("127.0.0.1", target))?;
    server.set_nodelay(true)?;
    let Request { head, body } = request;
    let mut sent = format!("{} {} HTTP/1.1\r\nConnection: close\r\n", head.verb, head.path);
    let kept = head.headers.iter().filter(|line| !is_named(line, "connection"));
    sent.extend(kept.map(String::as_str));
    sent.push_str("\r\n");
    server.write_all(sent.as_bytes())?;
    server.write_all(body)?;
    let mut reader = BufReader::with_capacity(256 << 10, server);
    let mut first = String::new();
    if reader.read_line(&mut first)? == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    let headers = headers(&mut reader)?;
    if matches!(how, Some(How::LoseAnswer)) {
        return Ok((0, false));
    }
    let status = first.split(' ').nth(1).unwrap_or_default();
    let bodiless = head.verb == "HEAD" || matches!(status, "204" | "304");
    let length = if bodiless { Some(0) } else { length(&headers) };
    let kept = headers.iter().filter(|line| !is_named(line, "connection"));
    let end = if length.is_none() { "Connection: close\r\n\r\n" } else { "\r\n" };
    let told = std::iter::once(&first).chain(kept).map(String::as_str).collect::<String>() + end;
    client.write_all(told.as_bytes())?;
    let bytes = body_back(client, &mut reader, (length, how))?;
    reader.into_inner().shutdown(Shutdown::Both).ok();
    let is_cut = matches!(how, Some(How::Cut(_) | How::StallIn(_)));
    Ok((bytes, length.is_some() && !is_cut))
}

fn is_named(line: &str, name: &str) -> bool {
    line.split_once(':').is_some_and(|(found, _)| found.eq_ignore_ascii_case(name))
}

/// Brings a body back: so long, or to the end of the connection.
fn body_back(
    mut client: &TcpStream,
    server: &mut impl Read,
    (length, how): (Option<usize>, Option<&How>),
) -> std::io::Result<u64> {
    let most = match how {
        Some(How::Cut(most) | How::StallIn(most)) => *most,
        _ => usize::MAX,
    };
    let middle = length.map_or(0, |length| length / 2);
    let mut buffer = vec![0; if matches!(how, Some(How::Slow(_))) { 4 << 10 } else { 256 << 10 }];
    let began = Instant::now();
    let mut done = 0;
    while done < length.unwrap_or(usize::MAX).min(most) {
        let left = length.unwrap_or(usize::MAX).min(most) - done;
        let room = buffer.len().min(left);
        let count = server.read(&mut buffer[..room])?;
        if count == 0 {
            break;
        }
        if matches!(how, Some(How::Falsify)) && (done..done + count).contains(&middle) {
            buffer[middle - done] ^= 0x55;
        }
        client.write_all(&buffer[..count])?;
        done += count;
        if let Some(How::Slow(rate)) = how {
            let due = Duration::from_millis((done / rate) as u64);
            std::thread::sleep(due.saturating_sub(began.elapsed()));
        }
    }
    Ok(done as u64)
}

pub(super) fn is_late(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
