//! Webhooks of a real coordinator, as a receiver in this process gets them: signed, and not lost with the process that
//! did not get through.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cleanplate_tests::binary;
use cleanplate_tests::clips;
use cleanplate_tests::cluster::{Cluster, PATIENCE};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// A message that came, with its id.
type Message = (String, Value);

/// Takes what is posted to `/in`, with status 200 while `takes` says so, else 503.
fn receiver(takes: &Arc<AtomicBool>) -> (String, Receiver<Message>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/in", listener.local_addr().unwrap());
    let ((sender, came), takes) = (channel(), Arc::clone(takes));
    begin("receiver", move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (sender, takes) = (sender.clone(), Arc::clone(&takes));
            begin("connection", move || serve(&stream, &sender, &takes));
        }
    });
    (url, came)
}

fn begin(name: &str, work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).expect("a thread starts");
}

fn serve(stream: &TcpStream, sender: &Sender<Message>, takes: &AtomicBool) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        assert!(head.starts_with("POST /in HTTP/1.1\r\n"), "{head}");
        let headers: BTreeMap<String, &str> = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect();
        let mut body = vec![0; headers["content-length"].parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&STANDARD.decode(KEY).unwrap()).unwrap();
        mac.update(
            format!("{}.{}.", headers["webhook-id"], headers["webhook-timestamp"]).as_bytes(),
        );
        mac.update(&body);
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        assert_eq!(headers["webhook-signature"], signature);
        let status = if takes.load(Ordering::Relaxed) { "200 OK" } else { "503 Not Now" };
        let message = serde_json::from_slice(&body).unwrap();
        sender.send((headers["webhook-id"].to_owned(), message)).ok();
        let mut writer = stream;
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        if writer.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

#[test]
fn a_person_is_called_and_an_end_that_a_killed_coordinator_could_not_tell_is_told_by_the_next() {
    let takes = Arc::new(AtomicBool::new(true));
    let (url, came) = receiver(&takes);
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("webhooks.secret");
    std::fs::write(&secret, format!("whsec_{KEY}\n")).unwrap();
    let environment = [
        ("CLEANPLATE_WEBHOOKS_URLS", url.as_str()),
        ("CLEANPLATE_WEBHOOKS_SECRET_FILE", secret.to_str().unwrap()),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let store = format!("file://{}", folder.path().join("store").display());
    let mut cluster = Cluster::start_with(folder.path(), &store, &environment);
    cluster.start_worker(1);
    let source = clips::kept("320x180", 240, &clips::X264_PLAIN);
    let movie = folder.path().join("out.mp4");
    let options = ["--region", "20,20,120,50", "--fill", "membrane", "--review"];
    let job = cluster.submit(source.to_str().unwrap(), movie.to_str().unwrap(), &options);
    let (_, review) = came.recv_timeout(PATIENCE).expect("it waits for a person");
    assert_eq!(
        (&review["type"], &review["data"]["job"]["job"]),
        (&"job.review".into(), &job.as_str().into())
    );

    takes.store(false, Ordering::Relaxed);
    assert!(cluster.ask(&["approve", &job]).status.success());
    let (id, refused) = came.recv_timeout(PATIENCE).expect("it is tried");
    assert_eq!(refused["type"], "job.done");
    cluster.kill_coordinator();
    takes.store(true, Ordering::Relaxed);
    cluster.start_coordinator();
    let (again, done) = came.recv_timeout(PATIENCE).expect("the next coordinator tells it");
    assert_eq!((again, &done["type"]), (id, &"job.done".into()));
    assert_eq!(done["timestamp"], refused["timestamp"]);
    assert_eq!(done["data"]["job"]["output"], format!("file://{}", movie.display()));
    let logs = cluster.logs();
    assert!(!logs.contains(KEY) && !logs.contains(&url), "{logs}");
}

#[test]
fn webhooks_without_secrets_are_refused_before_anything_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "hush\n").unwrap();
    let secret = secret.to_str().unwrap();
    let cases = [
        ("https://hooks.example/hush", None, 2, "webhooks.secret_file"),
        ("https://hooks.example/hush", Some(secret), 4, "line 1 is no secret"),
        ("https://hooks.example/hush", Some("/absent"), 4, "cannot be read"),
        ("https://me:hush@hooks.example/", Some(secret), 2, "CLEANPLATE_WEBHOOKS_URLS"),
    ];
    for (urls, secret, status, says) in cases {
        let mut command = binary::command(["coordinator", "--listen", "127.0.0.1:0"]);
        command.current_dir(folder.path()).env("CLEANPLATE_WEBHOOKS_URLS", urls);
        if let Some(secret) = secret {
            command.env("CLEANPLATE_WEBHOOKS_SECRET_FILE", secret);
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{said}");
        assert!(said.contains(says) && !said.contains("hush"), "{said}");
    }
}
