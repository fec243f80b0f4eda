//! What must hold of `web`.

use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::settings::WebSettings;

/// What a played server answers to the `n`-th request, whose head it is shown.
type Play = Arc<dyn Fn(usize, &str) -> Vec<u8> + Send + Sync>;

/// A played server: its port.
async fn server(play: impl Fn(usize, &str) -> Vec<u8> + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (play, asked): (Play, _) = (Arc::new(play), AtomicUsize::new(0));
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await?;
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await?);
            }
            let number = asked.fetch_add(1, Ordering::SeqCst);
            let answer = play(number, &String::from_utf8_lossy(&head).to_ascii_lowercase());
            stream.write_all(&answer).await.ok();
            stream.shutdown().await.ok();
        }
        #[expect(unreachable_code, reason = "it names the type of the error")]
        Ok::<(), io::Error>(())
    });
    port
}

fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

/// Bytes 0..=9 of a file of ten, as they are asked for.
fn part(request: &str, version: &str) -> Vec<u8> {
    let range = request.split("range: bytes=").nth(1).unwrap().lines().next().unwrap();
    let (first, last) = range.split_once('-').unwrap();
    let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
    let headers = format!("Content-Range: bytes {first}-{last}/10\r\n{version}\r\n");
    answer("206 Partial Content", &headers, &b"0123456789"[first..=last])
}

fn open_settings() -> StorageSettings {
    StorageSettings {
        deadline: Duration::from_secs(2),
        throttled: Duration::from_secs(5),
        silent: Duration::from_secs(1),
        web: WebSettings {
            private_hosts: vec!["127.0.0.1".to_owned()],
            plain_http: true,
            ..WebSettings::default()
        },
        ..StorageSettings::default()
    }
}

fn file(url: &str, settings: StorageSettings) -> WebFile {
    let url = Url::parse(url).unwrap();
    let client = client_of(&settings, "it").unwrap();
    WebFile::with(client, settings, url.clone(), url.to_string())
}

fn at(port: u16) -> WebFile {
    file(&format!("http://127.0.0.1:{port}/a.mp4?key=hush"), open_settings())
}

#[tokio::test]
async fn a_file_is_read_by_ranges_of_one_version() {
    let file = at(server(|_, request| part(request, "ETag: \"one\"")).await);
    let meta = file.head().await.unwrap();
    assert_eq!((meta.bytes, meta.version.as_deref()), (10, Some("\"one\"")));
    assert_eq!(file.get(3..7, &meta).await.unwrap(), b"3456"[..]);
}

#[tokio::test]
async fn the_version_is_the_condition_of_every_read() {
    let tagged = server(|number, request| {
        assert_eq!(request.contains("if-match: \"one\""), number > 0, "{request}");
        assert!(request.contains("accept-encoding: identity"), "{request}");
        part(request, "ETag: \"one\"")
    });
    let file = at(tagged.await);
    let meta = file.head().await.unwrap();
    file.get(0..2, &meta).await.unwrap();
    let timed = server(|number, request| {
        assert_eq!(request.contains("if-unmodified-since: mon"), number > 0, "{request}");
        part(request, "Last-Modified: Mon, 05 Jan 2026 10:00:00 GMT")
    });
    let file = at(timed.await);
    let meta = file.head().await.unwrap();
    assert!(meta.version.as_deref().is_some_and(|it| it.starts_with("last-modified Mon")));
    file.get(0..2, &meta).await.unwrap();
}

#[tokio::test]
async fn a_file_that_changed_is_noticed_whatever_the_server_makes_of_conditions() {
    type Late = fn(&str) -> Vec<u8>;
    let lates: [Late; 4] = [
        |_| answer("412 Precondition Failed", "", b""),
        |request| part(request, "ETag: \"two\""),
        |_| answer("200 OK", "ETag: \"two\"\r\n", b"0123456789"),
        |_| answer("416 Range Not Satisfiable", "Content-Range: bytes */1\r\n", b""),
    ];
    for late in lates {
        let port = server(
            move |number, request| {
                if number == 0 { part(request, "ETag: \"one\"") } else { late(request) }
            },
        );
        let file = at(port.await);
        let meta = file.head().await.unwrap();
        let error = file.get(3..7, &meta).await.unwrap_err();
        assert!(matches!(error, StoreError::Changed { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_server_that_sends_whole_files_only_is_refused_with_a_remedy() {
    let whole = at(server(|_, _| answer("200 OK", "", b"0123456789")).await);
    let error = whole.head().await.unwrap_err();
    assert!(matches!(error, StoreError::NoRanges { .. }), "{error:?}");
    assert!(error.to_string().contains("copy it to a folder"), "{error}");
    for odd in ["bytes 0-0/*", "bytes 1-1/10", "lines 0-0/10", "bytes 5", "bytes 0-0/0"] {
        let headers = format!("Content-Range: {odd}\r\n");
        let file = at(server(move |_, _| answer("206 Partial Content", &headers, b"0")).await);
        let error = file.head().await.unwrap_err();
        assert!(matches!(error, StoreError::NoRanges { .. }), "{odd}: {error:?}");
    }
    let packed = "Content-Range: bytes 0-0/10\r\nContent-Encoding: gzip\r\n";
    let file = at(server(|_, _| answer("206 Partial Content", packed, b"0")).await);
    assert!(matches!(file.head().await, Err(StoreError::NoRanges { .. })));
    let empty = "Content-Range: bytes */0\r\n";
    let file = at(server(|_, _| answer("416 Range Not Satisfiable", empty, b"")).await);
    assert_eq!(file.head().await.unwrap().bytes, 0);
}

#[tokio::test]
async fn what_passes_is_tried_again_and_what_does_not_is_told_at_once() {
    let file = at(server(|number, request| match number {
        0 => answer("500 Oh", "", b""),
        1 => Vec::new(),
        2 => answer("503 Slow Down", "", b""),
        3 => {
            let short =
                "HTTP/1.1 206 Partial\r\nContent-Length: 1\r\nContent-Range: bytes 0-0/10\r\n\r\n";
            short.as_bytes().to_vec()
        }
        _ => part(request, "ETag: \"one\""),
    })
    .await);
    assert_eq!(file.head().await.unwrap().bytes, 10);
    for (status, wanted) in
        [("404 No", "no such file"), ("403 No", "signed"), ("410 No", "no such")]
    {
        let file = at(server(move |number, _| {
            assert_eq!(number, 0, "asked once");
            answer(status, "", b"")
        })
        .await);
        let error = file.head().await.unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
    let dead = at(server(|_, _| answer("500 Oh", "", b"")).await);
    let error = dead.head().await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
}

#[tokio::test]
async fn redirects_are_followed_so_far_and_no_further() {
    let goal = server(|_, request| part(request, "ETag: \"one\"")).await;
    let place = format!("Location: http://127.0.0.1:{goal}/b.mp4?signed\r\n");
    let file = at(server(move |number, _| {
        assert_eq!(number, 0, "where it led to is kept");
        answer("302 Found", &place, b"")
    })
    .await);
    let meta = file.head().await.unwrap();
    assert_eq!(file.get(1..3, &meta).await.unwrap(), b"12"[..]);
    let round = at(server(|_, _| answer("307 Round", "Location: /again\r\n", b"")).await);
    let error = round.head().await.unwrap_err();
    assert!(matches!(error, StoreError::Redirected { .. }), "{error:?}");
    assert!(error.to_string().contains("more than 5 times"), "{error}");
}

#[tokio::test]
async fn every_hop_is_looked_at() {
    let hops = [
        ("http://10.0.0.1/a", "a private address"),
        ("http://[fe80::1]/a", "a link-local address"),
        ("http://169.254.169.254/latest", "a link-local address"),
        ("http://2130706434/a", "this machine"),
        ("http://0x7f.2/a", "this machine"),
        ("http://localhost:9/a", "this machine"),
        ("http://me:hush@127.0.0.1/a", "a password"),
        ("file:///etc/passwd", "not https://"),
    ];
    for (hop, wanted) in hops {
        let headers = format!("Location: {hop}\r\n");
        let file = at(server(move |_, _| answer("302 Found", &headers, b"")).await);
        let error = file.head().await.unwrap_err();
        let forbidden =
            matches!(error, StoreError::Forbidden { .. } | StoreError::Redirected { .. });
        assert!(forbidden && error.to_string().contains(wanted), "{hop}: {error:?}");
    }
}

#[tokio::test]
async fn by_default_no_inner_server_is_asked_by_address_or_by_name_and_none_by_plain_http() {
    let web = WebSettings { plain_http: true, ..WebSettings::default() };
    let closed = StorageSettings { web, ..open_settings() };
    for host in ["127.0.0.1", "localhost", "[::1]", "[::ffff:10.0.0.1]"] {
        let file = file(&format!("http://{host}:9/a.mp4"), closed.clone());
        let error = file.head().await.unwrap_err();
        assert!(matches!(error, StoreError::Forbidden { .. }), "{host}: {error:?}");
        assert!(error.to_string().contains("storage.private_hosts"), "{error}");
    }
    let plain = StorageSettings { web: WebSettings::default(), ..open_settings() };
    let error = file("http://127.0.0.1:9/a.mp4", plain).head().await.unwrap_err();
    assert!(matches!(error, StoreError::Redirected { .. }), "{error:?}");
}

#[test]
fn public_addresses_are_told_from_all_others() {
    for good in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1"] {
        assert!(public_address(good.parse::<IpAddr>().unwrap()).is_ok(), "{good}");
    }
    let bad = "127.0.0.1 127.9.9.9 0.0.0.0 10.1.2.3 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 \
               100.64.0.1 192.0.0.1 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1 \
               255.255.255.255 :: ::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::7f00:1 64:ff9b::a00:1 2002:a00:1:: \
               2002:7f00:1:: ::ffff:8.8.8.8 2001::1 2001:db8::1 fc00::1 fd12::1 fe80::1 fec0::1 ff02::1 100::1";
    for bad in bad.split_whitespace() {
        assert!(public_address(bad.parse::<IpAddr>().unwrap()).is_err(), "{bad}");
    }
}

#[test]
fn a_redirect_leads_to_a_private_host_only_from_one_and_to_no_other_port() {
    let file = file("https://cdn.example.com/films/a.mp4", open_settings());
    let admitted = |from: &str, to: &str| {
        let (from, to) = (Url::parse(from).unwrap(), Url::parse(to).unwrap());
        file.admit(&to, Some(&from)).map_err(|error| error.to_string())
    };
    let stranger = "https://cdn.example.com/films/a.mp4";
    admitted(stranger, "https://other.example.com/a.mp4").unwrap();
    let said = admitted(stranger, "https://127.0.0.1:9444/a.mp4").unwrap_err();
    assert!(said.contains("storage.private_hosts"), "{said}");
    let said = admitted(stranger, "https://other.example.com:8443/a.mp4").unwrap_err();
    assert!(said.contains("another port"), "{said}");
    admitted("https://127.0.0.1/a.mp4", "https://127.0.0.1:9444/a.mp4").unwrap();
}
