//! Clouds and addresses as they answer, right and wrong, by a server of the test's own.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// Answers by `METHOD PATH` and the headers, in lower case.
type Script = dyn Fn(&str, &[String]) -> String + Send + Sync;

/// A server on this machine, and what it was asked.
struct Server {
    at: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(script: impl Fn(&str, &[String]) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (script, seen): (Arc<Script>, _) = (Arc::new(script), Arc::clone(&asked));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&script), Arc::clone(&seen)));
            }
        });
        Self { at, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    async fn look(&self, cloud: &str) -> Result<Option<Left>, NoticeError> {
        Watch::new(source(&format!("{cloud}={}", self.at)), QUICK).look().await
    }
}

async fn answer(stream: TcpStream, script: Arc<Script>, seen: Arc<Mutex<Vec<String>>>) {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut line, mut headers) = (String::new(), Vec::new());
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        loop {
            let mut header = String::new();
            if stream.read_line(&mut header).await.unwrap_or(0) <= 2 {
                break;
            }
            headers.push(header.trim().to_lowercase());
        }
        let question = line.trim().trim_end_matches(" HTTP/1.1").to_owned();
        seen.lock().unwrap().push(question.clone());
        let words = script(&question, &headers);
        // Whoever asks may have gone: of an answer without an end it does.
        if stream.get_mut().write_all(words.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn says(status: u16, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn source(text: &str) -> NoticeSource {
    NoticeSource::parse(text).unwrap_or_else(|| panic!("`{text}` is a place"))
}

/// As the usual one, but quick.
const QUICK: Pace = Pace {
    every: Duration::from_millis(20),
    slow: Duration::from_millis(40),
    silences: 3,
    patience: Duration::from_secs(5),
};

fn seconds_left(found: Result<Option<Left>, NoticeError>) -> u64 {
    match found.unwrap().unwrap() {
        Left::Within(left) => u64::try_from(left.as_millis().div_ceil(1000)).unwrap(),
        Left::Unsaid => panic!("it does not say how long"),
    }
}

const PAGE: &str = "<html><body>Sign in to the network</body></html>";

#[test]
fn places_are_read_as_they_are_written_and_shown_without_secrets() {
    for text in ["aws", "gcp", "azure", "file:///run/notice", "http://10.0.0.1:80/notice"] {
        let shown = source(text).to_string();
        assert_eq!(source(&shown), source(text), "{shown}");
    }
    assert_eq!(source("aws=http://127.0.0.1:1").to_string(), "aws=http://127.0.0.1:1/");
    assert_eq!(source("http://h/p?key=hush").to_string(), "http://h/p");
    assert_eq!(source("file:///a%20b"), NoticeSource::File("/a b".into()));
    for bad in ["", "AWS", "ovh", "/run/notice", "file://notice", "https://h/", "http://u:p@h/"] {
        assert_eq!(NoticeSource::parse(bad), None, "{bad}");
    }
    assert_eq!(NoticeSource::parse("aws=127.0.0.1"), None);
}

#[tokio::test]
async fn aws_is_asked_with_a_token_and_says_when() {
    let in_a_minute = SystemTime::now() + Duration::from_secs(60);
    let time = humantime::format_rfc3339_seconds(in_a_minute).to_string();
    let notice = Arc::new(Mutex::new(None));
    let said = Arc::clone(&notice);
    let server = Server::start(move |question, headers| match question {
        "PUT /latest/api/token" => {
            assert!(headers.contains(&"x-aws-ec2-metadata-token-ttl-seconds: 21600".to_owned()));
            says(200, "tok3n==")
        }
        "GET /latest/meta-data/spot/instance-action" => {
            if !headers.contains(&"x-aws-ec2-metadata-token: tok3n==".to_owned()) {
                return says(401, PAGE);
            }
            let notice: Option<String> = said.lock().unwrap().clone();
            notice.map_or_else(|| says(404, PAGE), |body| says(200, &body))
        }
        _ => says(400, "?"),
    });
    let server = server.await;
    let mut watch = Watch::new(source(&format!("aws={}", server.at)), QUICK);
    assert_eq!(watch.look().await.unwrap(), None);
    *notice.lock().unwrap() = Some(format!(r#"{{"action": "terminate", "time": "{time}"}}"#));
    let left = seconds_left(watch.look().await);
    assert!((50..=60).contains(&left), "{left}");
    let asked = server.asked();
    let tokens = asked.iter().filter(|question| question.starts_with("PUT")).count();
    assert_eq!(tokens, 1, "the token is kept: {asked:?}");
    for (time, expected) in
        [("soon", 120), ("2999-01-01T00:00:00Z", 120), ("2017-09-18T08:22:00Z", 0)]
    {
        *notice.lock().unwrap() = Some(format!(r#"{{"action": "stop", "time": "{time}"}}"#));
        assert_eq!(seconds_left(watch.look().await), expected, "{time}");
    }
    *notice.lock().unwrap() = Some(r#"{"action": "hibernate"}"#.to_owned());
    assert_eq!(seconds_left(watch.look().await), 120);
    *notice.lock().unwrap() = Some(PAGE.to_owned());
    assert!(matches!(watch.look().await, Err(NoticeError::Senseless(_))));
    // The service was started anew and does not know the token any more.
    watch.asker.token = Some("old".to_owned());
    *notice.lock().unwrap() = None;
    assert_eq!(watch.look().await.unwrap(), None, "it asks for a new one");
}

#[tokio::test]
async fn google_says_true_or_false() {
    for (body, expected) in [("FALSE", None), ("TRUE\n", Some(Left::Within(GCP_SECONDS)))] {
        let server = Server::start(move |question, headers| {
            assert!(headers.contains(&"metadata-flavor: google".to_owned()));
            assert_eq!(question, "GET /computeMetadata/v1/instance/preempted");
            says(200, body)
        });
        assert_eq!(server.await.look("gcp").await.unwrap(), expected);
    }
    let server = Server::start(|_, _| says(200, PAGE)).await;
    assert!(matches!(server.look("gcp").await, Err(NoticeError::Senseless(_))));
}

const GCP_SECONDS: Duration = Duration::from_secs(30);

async fn azure(events: &str) -> Result<Option<Left>, NoticeError> {
    let document = format!(r#"{{"DocumentIncarnation": 2, "Events": [{events}]}}"#);
    let server = Server::start(move |question, headers| {
        assert!(headers.contains(&"metadata: true".to_owned()));
        match question {
            "GET /metadata/scheduledevents?api-version=2020-07-01" => says(200, &document),
            "GET /metadata/instance/compute/name?api-version=2021-02-01&format=text" => {
                says(200, "farm_7")
            }
            _ => says(400, "?"),
        }
    });
    server.await.look("azure").await
}

fn azure_event(kind: &str, machine: &str, not_before: &str) -> String {
    format!(
        r#"{{"EventId": "1", "EventType": "{kind}", "ResourceType": "VirtualMachine",
            "Resources": ["{machine}"], "EventStatus": "Scheduled", "NotBefore": "{not_before}",
            "Description": "", "EventSource": "Platform", "DurationInSeconds": -1}}"#
    )
}

#[tokio::test]
async fn azure_takes_this_machine_or_another_one() {
    let soon = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(45));
    assert_eq!(azure("").await.unwrap(), None);
    assert_eq!(azure(&azure_event("Preempt", "farm_8", &soon)).await.unwrap(), None);
    assert_eq!(azure(&azure_event("Reboot", "farm_7", &soon)).await.unwrap(), None);
    let both = [azure_event("Reboot", "farm_7", ""), azure_event("Preempt", "FARM_7", &soon)];
    let left = seconds_left(azure(&both.join(",")).await);
    assert!((35..=45).contains(&left), "{left}");
    assert_eq!(seconds_left(azure(&azure_event("Preempt", "farm_7", "soon")).await), 30);
    assert_eq!(seconds_left(azure(&azure_event("Preempt", "farm_7", "")).await), 0, "it has begun");
    let server = Server::start(|_, _| says(200, PAGE)).await;
    assert!(matches!(server.look("azure").await, Err(NoticeError::Senseless(_))));
}

#[tokio::test]
async fn an_address_answers_with_seconds_with_words_or_not_at_all() {
    let none = [(404, "x"), (204, ""), (200, ""), (200, " \n"), (200, "FALSE"), (200, "none\n")];
    let some = [
        ("12\n", Left::Within(Duration::from_secs(12))),
        ("TRUE", Left::Unsaid),
        // A moment, not a span.
        ("1766847600", Left::Unsaid),
    ];
    let none = none.map(|(status, body)| (status, body, None));
    let some = some.map(|(body, left)| (200, body, Some(left)));
    for (status, body, expected) in none.into_iter().chain(some) {
        let server = Server::start(move |_, _| {
            if status == 204 { "HTTP/1.1 204 X\r\n\r\n".to_owned() } else { says(status, body) }
        });
        let place = source(&format!("{}/notice", server.await.at));
        assert_eq!(Watch::new(place, QUICK).look().await.unwrap(), expected, "{status} {body}");
    }
}

#[tokio::test]
async fn wrong_answers_are_no_notice() {
    let server = Server::start(|question, _| match question {
        "GET /page" => says(200, PAGE),
        "GET /broken" => says(500, "TRUE"),
        "GET /moved" => {
            "HTTP/1.1 302 X\r\nLocation: /target\r\nContent-Length: 4\r\n\r\nTRUE".to_owned()
        }
        "GET /target" => says(200, "TRUE"),
        "GET /long" => {
            let body = "9".repeat(BODY_MAX + 1);
            format!(
                "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n",
                body.len()
            )
        }
        // A beginning, and nothing after it.
        "GET /halting" => "HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\n1".to_owned(),
        _ => "nonsense\r\n\r\n".to_owned(),
    });
    let server = server.await;
    let look = async |path: &str| {
        let pace = Pace { patience: Duration::from_millis(500), ..QUICK };
        Watch::new(source(&format!("{}{path}", server.at)), pace).look().await
    };
    assert!(matches!(look("/page").await, Err(NoticeError::Senseless(_))));
    assert!(matches!(look("/broken").await, Err(NoticeError::Status(500))));
    assert!(matches!(look("/moved").await, Err(NoticeError::Status(302))));
    assert!(!server.asked().contains(&"GET /target".to_owned()), "a redirect is not followed");
    assert!(matches!(look("/long").await, Err(NoticeError::Endless)));
    assert!(matches!(look("/halting").await, Err(NoticeError::Late(_))));
    assert!(matches!(look("/nonsense").await, Err(NoticeError::Silent(_))));
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let closed = Watch::new(source(&format!("http://{closed}/")), QUICK).look().await;
    assert!(matches!(closed, Err(NoticeError::Silent(_))), "{closed:?}");
}

#[tokio::test]
async fn a_file_is_a_notice_whatever_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notice");
    let look = async || look_at_file(&path, Duration::from_secs(2)).await;
    assert_eq!(look().await.unwrap(), None);
    std::fs::write(&path, "").unwrap();
    assert_eq!(look().await.unwrap(), Some(Left::Unsaid));
    std::fs::write(&path, "25\n").unwrap();
    let left = seconds_left(look().await);
    assert!((23..=25).contains(&left), "{left}");
    // It counts from when it was written, but not from the day before.
    let day = SystemTime::now() - Duration::from_secs(24 * 3600);
    std::fs::File::options().append(true).open(&path).unwrap().set_modified(day).unwrap();
    assert_eq!(seconds_left(look().await), 23);
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert_eq!(look().await.unwrap(), Some(Left::Unsaid));
}

/// The moment that is told, once it is earlier than `than`.
async fn told(heard: &mut watch::Receiver<Stop>, than: Option<Instant>) -> Instant {
    let earlier = |stop: &Stop| match stop {
        Stop::By(Reverse(moment)) => than.is_none_or(|than| *moment < than),
        Stop::Run | Stop::Drain | Stop::Now => false,
    };
    match *heard.wait_for(earlier).await.unwrap() {
        Stop::By(Reverse(moment)) => moment,
        Stop::Run | Stop::Drain | Stop::Now => unreachable!("it was waited for"),
    }
}

#[tokio::test]
async fn a_notice_stays_and_an_earlier_one_counts() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let places = [&first, &second].map(|path| source(&format!("file://{}", path.display())));
    let (stop, mut heard) = watch::channel(Stop::Run);
    let watching = tokio::spawn(async move {
        watch_at(QUICK, places.into(), Duration::from_secs(60), &stop).await;
    });
    std::fs::write(&first, "").unwrap();
    let moment = told(&mut heard, None).await;
    let left = moment - Instant::now();
    assert!((50..=60).contains(&left.as_secs()), "what it leaves where nothing is said: {left:?}");
    std::fs::remove_file(&first).unwrap();
    std::fs::write(&second, "5").unwrap();
    let earlier = told(&mut heard, Some(moment)).await;
    assert!(earlier < Instant::now() + Duration::from_secs(5));
    // The file is looked at again and again, and leaves no more than it did.
    tokio::time::timeout(QUICK.every * 10, heard.changed()).await.unwrap_err();
    assert_eq!(*heard.borrow(), Stop::By(Reverse(earlier)), "it is not taken back");
    // Nobody hears it any more.
    drop(heard);
    watching.await.unwrap();
}

#[tokio::test]
async fn an_address_that_was_silent_for_long_is_heard_when_it_speaks() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let (stop, mut heard) = watch::channel(Stop::Run);
    let place = source(&format!("http://{at}/"));
    let (loud, quick) =
        (Pace { patience: Duration::from_millis(50), ..QUICK }, Duration::from_secs(9));
    let watching = tokio::spawn(async move { watch_at(loud, vec![place], quick, &stop).await });
    // More questions than it takes to be told as silent; none is answered.
    let mut unanswered = Vec::new();
    for _ in 0..=loud.silences {
        unanswered.push(listener.accept().await.unwrap());
    }
    assert_eq!(*heard.borrow(), Stop::Run);
    drop(unanswered);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let script: Arc<Script> = Arc::new(|_: &str, _: &[String]| says(200, "TRUE"));
            tokio::spawn(answer(stream, script, Arc::default()));
        }
    });
    told(&mut heard, None).await;
    watching.abort();
}

#[tokio::test]
async fn a_notice_is_told_within_two_and_a_half_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notice");
    let (stop, mut heard) = watch::channel(Stop::Run);
    let place = source(&format!("file://{}", path.display()));
    let watching = tokio::spawn(watch_notices(vec![place], Duration::from_secs(9), stop));
    // The worst moment: just after it was looked at.
    tokio::time::timeout(Duration::from_millis(200), heard.changed()).await.unwrap_err();
    std::fs::write(&path, "30").unwrap();
    let appeared = Instant::now();
    told(&mut heard, None).await;
    let took = appeared.elapsed();
    assert!(took < Duration::from_millis(2500), "{took:?}");
    watching.abort();
}
