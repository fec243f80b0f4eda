//! What must hold of `meddler`.

use std::io::{Read as _, Write as _};

use super::*;

/// A server that answers every request with the same ten bytes.
fn server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            if matches!(Request::read(&mut reader), Ok(Some(_))) {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789").ok();
            }
        }
    });
    port
}

/// What comes back, until the connection ends or has brought all of an answer.
fn ask(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_rule_is_for_its_requests_and_so_often() {
    let meddler = Meddler::before(server());
    let slow_down = How::Answer(503, "SlowDown", Some(1));
    meddler.meddle(vec![Rule::new("GET", "/a ?x", slow_down).after(1).times(1)]);
    assert!(ask(meddler.port(), "/a?x").ends_with("0123456789"));
    let told = ask(meddler.port(), "/a?x");
    assert!(told.starts_with("HTTP/1.1 503 ") && told.contains("Retry-After: 1"), "{told}");
    for path in ["/a?x", "/a", "/b?x"] {
        assert!(ask(meddler.port(), path).ends_with("0123456789"), "{path}");
    }
    assert_eq!(meddler.meddled(), 1);
    let bytes: u64 = meddler.passed().iter().map(|passed| passed.bytes).sum();
    assert_eq!(bytes, 40);
}

#[test]
fn an_answer_is_broken_as_the_rule_says() {
    let meddler = Meddler::before(server());
    let broken = |how: How| {
        meddler.meddle(vec![Rule::new("", "/", how)]);
        ask(meddler.port(), "/")
    };
    assert_eq!(broken(How::Kill), "");
    assert_eq!(broken(How::LoseAnswer), "");
    assert!(broken(How::Cut(4)).ends_with("\r\n\r\n0123"));
    assert!(broken(How::Falsify).ends_with("\r\n\r\n01234`6789"));
    assert!(broken(How::Slow(10)).ends_with("0123456789"));
    meddler.close(true);
    assert_eq!(ask(meddler.port(), "/"), "");
}
