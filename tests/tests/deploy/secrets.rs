//! The secrets that `deploy/secrets.sh` makes open a closed coordinator, and are not made twice.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cleanplate_tests::binary::{cleanplate, command, repository};
use cleanplate_tests::cluster::PATIENCE;

/// Ends its coordinator with the test.
struct Coordinator(Child);

impl Drop for Coordinator {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn make(folder: &Path) {
    let made = Command::new(repository().join("deploy/secrets.sh"))
        .arg(folder)
        .args(["coordinator", "127.0.0.1"])
        .env("CLEANPLATE", cleanplate())
        .output()
        .expect("the script starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

fn contents(folder: &Path) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), std::fs::read_to_string(path).unwrap()))
        .collect();
    found.sort();
    found
}

#[test]
fn the_secrets_open_a_closed_coordinator_and_are_made_once() {
    if Command::new("openssl").arg("version").output().is_err() {
        println!("skipped: no openssl");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let secrets = folder.path().join("secrets");
    make(&secrets);
    let first = contents(&secrets);
    assert!(first.len() >= 9, "{first:?}");
    make(&secrets);
    assert_eq!(first, contents(&secrets), "what is there is left as it is");

    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let secret = |name: &str| secrets.join(name).display().to_string();
    // All addresses of the machine: what a container listens on, which a coordinator does behind locks alone.
    let coordinator = command(["coordinator", "--listen", &format!("0.0.0.0:{port}")])
        .current_dir(folder.path())
        .env("CLEANPLATE_TLS_CERT", secret("tls.crt"))
        .env("CLEANPLATE_TLS_KEY", secret("tls.key"))
        .env("CLEANPLATE_ACCESS_TOKENS", secret("tokens.toml"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a coordinator starts");
    let _coordinator = Coordinator(coordinator);
    let asked = |token: &str| {
        command(["workers", "--coordinator", &format!("https://127.0.0.1:{port}")])
            .env("CLEANPLATE_TLS_CA", secret("ca.crt"))
            .env("CLEANPLATE_CLIENT_TOKEN_FILE", secret(token))
            .output()
            .expect("a client starts")
    };
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = asked("admin.token");
        if answer.status.success() {
            break;
        }
        let told = String::from_utf8_lossy(&answer.stderr).into_owned();
        assert!(Instant::now() < deadline, "the admin's token opens nothing: {told}");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(!asked("join.token").status.success(), "a worker's token is no client's");
}
