//! The platform's client against answers that are wrong, late or without an end; by a server of the test's own.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::environment::Environment;
use super::platform::{HELD, Platform, PlatformError};
use super::{next, pause, post};

const KEY: &str = "hush";

/// A server that gives one answer a connection, the last one for ever, and notes the heads of what it was asked.
struct Server {
    at: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(answers: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let answers: Vec<String> = answers.iter().map(|it| (*it).to_owned()).collect();
        let seen = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut number = 0;
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                seen.lock().unwrap().push(String::from_utf8_lossy(&head).into_owned());
                let answer = answers[number.min(answers.len() - 1)].clone();
                number += 1;
                tokio::spawn(async move {
                    stream.write_all(answer.as_bytes()).await.ok();
                    if answer.is_empty() {
                        std::future::pending::<()>().await;
                    }
                });
            }
        });
        Self { at, asked }
    }

    fn platform(&self, held: Duration) -> Platform {
        let value = |name: &str| match name {
            "RUNPOD_POD_ID" => Some("pod-1".to_owned()),
            "RUNPOD_AI_API_KEY" => Some(KEY.to_owned()),
            "RUNPOD_WEBHOOK_GET_JOB" => Some(format!("{}/job-take/$ID?gpu=L4", self.at)),
            "RUNPOD_WEBHOOK_POST_OUTPUT" => {
                Some(format!("{}/job-done/$RUNPOD_POD_ID/$ID", self.at))
            }
            "RUNPOD_WEBHOOK_PING" => Some(format!("{}/ping/$RUNPOD_POD_ID", self.at)),
            _ => None,
        };
        Platform::new(Environment::read(&value).unwrap(), held).unwrap()
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn said(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
}

#[tokio::test]
async fn a_platform_that_fails_first_gives_its_job_in_the_end() {
    let job = said("200 OK", "{\"id\": \"a\", \"input\": {}, \"webhook\": null}");
    let answers = [said("500 Oops", ""), said("204 None", ""), job];
    let server = Server::start(&answers.each_ref().map(String::as_str)).await;
    let taken = tokio::time::timeout(Duration::from_secs(30), next(&server.platform(HELD))).await;
    assert_eq!(taken.unwrap().id, "a");
    let asked = server.asked();
    assert_eq!(asked.len(), 3);
    assert!(asked[0].starts_with("GET /job-take/pod-1?gpu=L4&job_in_progress=0 "), "{}", asked[0]);
    assert!(asked[0].to_ascii_lowercase().contains("\r\nauthorization: hush\r\n"));
}

#[tokio::test]
async fn answers_that_are_none_are_told_as_what_they_are() {
    for (answer, meant) in [
        (said("401 No", ""), PlatformError::Denied(401)),
        (said("302 There\r\nLocation: http://127.0.0.1:1/", ""), PlatformError::Status(302)),
        (said("503 Later", ""), PlatformError::Status(503)),
        (said("429 Less", ""), PlatformError::TooOften),
        (said("200 OK", "<html>"), PlatformError::Senseless("a job without `id` and `input`")),
        (
            said("200 OK", "{\"id\": \"a\"}"),
            PlatformError::Senseless("a job without `id` and `input`"),
        ),
        (said("200 OK", &" ".repeat(2 << 20)), PlatformError::Senseless("it is longer than 1 MiB")),
    ] {
        let server = Server::start(&[&answer]).await;
        assert_eq!(server.platform(HELD).take().await, Err(meant));
    }
    for none in [said("204 None", ""), said("400 Asleep", ""), said("200 OK", "")] {
        assert_eq!(Server::start(&[&none]).await.platform(HELD).take().await, Ok(None));
    }
}

#[tokio::test]
async fn a_question_that_hangs_ends_and_nobody_there_is_told_without_the_address() {
    let short = Duration::from_millis(50);
    let server = Server::start(&[""]).await;
    assert_eq!(server.platform(short).take().await, Err(PlatformError::Late(short)));
    let nobody = Server { at: "http://127.0.0.1:1".to_owned(), asked: Arc::default() };
    let error = nobody.platform(HELD).take().await.unwrap_err();
    assert!(matches!(error, PlatformError::Silent(_)), "{error}");
    assert!(!error.to_string().contains("job-take"), "{error}");
}

#[tokio::test]
async fn an_output_is_offered_again_unless_nobody_wants_it() {
    let answers = [said("502 Oops", ""), said("200 OK", "{}")];
    let server = Server::start(&answers.each_ref().map(String::as_str)).await;
    let result = json!({"output": {"outcome": "idle"}});
    assert_eq!(post(&server.platform(HELD), "a-u1", &result).await, Ok(()));
    let asked = server.asked();
    assert_eq!(asked.len(), 2);
    assert!(asked[1].starts_with("POST /job-done/pod-1/a-u1?isStream=false "), "{}", asked[1]);
    assert!(asked[1].to_ascii_lowercase().contains("\r\nx-request-id: a-u1\r\n"), "{}", asked[1]);
    let server = Server::start(&[&said("404 Unknown", "")]).await;
    let posted = post(&server.platform(HELD), "a-u1", &result).await;
    assert_eq!(posted, Err(PlatformError::Status(404)));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn an_unfit_worker_says_so_as_the_sdk_does() {
    let server = Server::start(&[&said("200 OK", "{}")]).await;
    server.platform(HELD).unfit("card", &"é".repeat(400)).await.unwrap();
    let asked = server.asked().remove(0);
    assert!(asked.starts_with("GET /ping/pod-1?status=unhealthy&check=card&reason=%C3"), "{asked}");
    assert_eq!(asked.matches("%C3%A9").count(), 256);
    assert!(asked.contains("&runpod_version=cleanplate-"), "{asked}");
}

#[test]
fn pauses_grow_to_the_longest() {
    let failed = PlatformError::Status(500);
    let pauses = [1, 2, 3, 9, u32::MAX].map(|lost| pause(&failed, lost).as_secs());
    assert_eq!(pauses, [1, 2, 4, 30, 30]);
    assert_eq!(pause(&PlatformError::TooOften, 1).as_secs(), 5);
}
