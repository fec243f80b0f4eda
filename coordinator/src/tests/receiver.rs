//! A server that other programs would have: it takes requests, and answers by a plan.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::tests::place::PATIENCE;

/// A request that came.
#[derive(Debug, Clone)]
pub(super) struct Came {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: HashMap<String, String>,
    pub(super) body: Vec<u8>,
}

impl Came {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A server that answers by its plan, and 200 after that.
pub(super) struct Receiver {
    port: u16,
    pub(super) came: watch::Receiver<Vec<Came>>,
    pub(super) answers: Arc<Mutex<Vec<&'static str>>>,
}

impl Receiver {
    pub(super) async fn new(answers: &[&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, came) = watch::channel(Vec::new());
        let answers = Arc::new(Mutex::new(answers.iter().rev().copied().collect::<Vec<_>>()));
        let (plan, sender) = (Arc::clone(&answers), Arc::new(sender));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (plan, sender) = (Arc::clone(&plan), Arc::clone(&sender));
                tokio::spawn(async move {
                    let (mut stream, one) = read(stream).await;
                    let answer = plan.lock().unwrap().pop().unwrap_or("200 OK");
                    sender.send_modify(|came| came.push(one));
                    let answer = format!(
                        "HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                    );
                    stream.write_all(answer.as_bytes()).await.ok();
                });
            }
        });
        Self { port, came, answers }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    /// What came, once it is at least `count` requests.
    pub(super) async fn came(&self, count: usize) -> Vec<Came> {
        let mut came = self.came.clone();
        let waited = came.wait_for(|came| came.len() >= count);
        let came = tokio::time::timeout(PATIENCE, waited).await;
        came.unwrap_or_else(|_late| panic!("{count} requests are awaited")).unwrap().clone()
    }
}

async fn read(mut stream: TcpStream) -> (TcpStream, Came) {
    let mut bytes = Vec::new();
    let head = loop {
        stream.read_buf(&mut bytes).await.unwrap();
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
    let mut lines = text.lines();
    let mut words = lines.next().unwrap().split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let header = |line: &str| {
        line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()))
    };
    let headers: HashMap<_, _> = lines.filter_map(header).collect();
    let length = headers["content-length"].parse::<usize>().unwrap();
    while bytes.len() < head + 4 + length {
        stream.read_buf(&mut bytes).await.unwrap();
    }
    (stream, Came { method, path, headers, body: bytes[head + 4..].to_vec() })
}
