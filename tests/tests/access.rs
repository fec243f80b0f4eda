//! A farm behind a closed door, as people run it: who has what it takes works as before, who has not is told what to
//! do, what is rotated holds without a restart, and no secret is seen anywhere.

use std::fs;
use std::path::Path;

use cleanplate_access::{Need, need_of};
use cleanplate_proto::DESCRIPTORS;
use cleanplate_tests::closed::ClosedFarm;
use cleanplate_tests::cluster::{Cluster, PATIENCE, free_port, said};
use cleanplate_tests::{binary, clips};
use prost::Message as _;
use prost_types::FileDescriptorSet;
use serde_json::Value;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

const FAST: [&str; 8] = [
    "--region",
    "20,20,120,50",
    "--encoder",
    "libx264",
    "--preset",
    "ultrafast",
    "--fill",
    "membrane",
];

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Runs a client with this token.
fn asked(farm: &ClosedFarm, token: &str, arguments: &[&str]) -> std::process::Output {
    farm.cluster.client(arguments).env("CLEANPLATE_TOKEN", token).output().unwrap()
}

fn secret(token: &str) -> &str {
    token.rsplit('_').next().unwrap()
}

#[test]
fn a_job_runs_by_tls_with_tokens_a_joined_worker_and_a_certified_one_and_no_secret_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let loud = ("CLEANPLATE_LOG".to_owned(), "trace,h2=info,hyper=info".to_owned());
    let mut farm = ClosedFarm::start(folder.path(), &[loud]);
    let alice = farm.tokens.add("alice", "roles = [\"submit\", \"read\"]\nowner = \"alice\"");
    let join = farm.tokens.add("join", "kind = \"join\"\nworkers = \"worker-\"");
    // The last one: where it is known, so are those before it.
    let operator = farm.tokens.add("ops", "roles = [\"operate\"]");
    let secrets = [&alice, &operator, &join].map(|token| secret(token.reveal()).to_owned());
    let source = farm.sources.join("clip.mp4");
    fs::copy(clips::kept("320x180", 240, &clips::X264_PLAIN), &source).unwrap();

    // The file of tokens is read again within a second.
    let known = |farm: &mut ClosedFarm| {
        let operator = operator.reveal().to_owned();
        let url = farm.url();
        farm.cluster.until("the tokens are known", |cluster| {
            let mut client = cluster.client(&["workers"]);
            let output = client.env("CLEANPLATE_TOKEN", &operator).output().unwrap();
            assert!(url.starts_with("https://"));
            output.status.success().then_some(())
        });
    };
    known(&mut farm);
    // One by a join token in a file; its certificate is not its own, and a token goes before it.
    let join_file = folder.path().join("join.token");
    fs::write(&join_file, format!("{}\n", join.reveal())).unwrap();
    farm.cluster.start_worker_with(1, &["--join-token-file", text(&join_file)], &[]);
    // One by its certificate alone.
    let (cert, key) = farm.authority.sign("worker-1", &["worker-1"]);
    let identity = [
        ("CLEANPLATE_TLS_CERT", text(&cert).to_owned()),
        ("CLEANPLATE_TLS_KEY", text(&key).to_owned()),
    ];
    farm.cluster.start_worker_with(1, &[], &identity);
    let workers = |farm: &mut ClosedFarm| {
        let operator = operator.reveal().to_owned();
        farm.cluster.until("both workers are attached", |cluster| {
            let mut client = cluster.client(&["workers", "--json"]);
            let output = client.env("CLEANPLATE_TOKEN", &operator).output().unwrap();
            let lines = String::from_utf8_lossy(&output.stdout).lines().count();
            (output.status.success() && lines == 2).then_some(())
        });
    };
    workers(&mut farm);

    let movie = farm.movies.join("out.mp4");
    let submit = [&["submit", text(&source), text(&movie)][..], &FAST].concat();
    let output = asked(&farm, alice.reveal(), &submit);
    assert!(output.status.success(), "{}\n{}", said(&output), farm.cluster.logs());
    let job = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    // What is seen of processes while all of them run.
    for process in farm.cluster.coordinator_processes() {
        let seen = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        let seen = String::from_utf8_lossy(&seen).into_owned();
        assert!(!secrets.iter().any(|secret| seen.contains(secret)), "{seen}");
    }
    for process in farm.cluster.processes(0).into_iter().skip(1) {
        let seen = fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
        let seen = String::from_utf8_lossy(&seen).into_owned();
        assert!(!seen.contains("TOKEN"), "an engine is told no token: {seen}");
    }
    let watched = asked(&farm, alice.reveal(), &["watch", &job, "--json"]);
    assert!(watched.status.success(), "{}\n{}", said(&watched), farm.cluster.logs());
    assert!(movie.is_file());
    let shown = asked(&farm, alice.reveal(), &["jobs", "--show", &job, "--json"]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("\"alice\""), "it is its owner's");

    let mut seen = farm.cluster.said("coordinator");
    assert!(seen.contains("worker joins"), "{seen}");
    for worker in ["worker-0", "worker-1"] {
        seen += &farm.cluster.said(worker);
    }
    for output in [&watched, &shown] {
        seen += &said(output);
        seen += &String::from_utf8_lossy(&output.stdout);
    }
    for secret in &secrets {
        assert!(!seen.contains(secret.as_str()), "a secret was shown");
    }
    assert!(!seen.contains("cpw_"), "a credential was shown");
}

#[test]
fn who_has_no_token_is_told_how_to_get_one_and_who_may_not_is_told_the_role() {
    let folder = tempfile::tempdir().unwrap();
    let mut farm = ClosedFarm::start(folder.path(), &[]);
    let reader = farm.tokens.add("reader", "roles = [\"read\"]\nowner = \"alice\"");
    let without = farm.cluster.ask(&["jobs"]);
    assert_eq!(without.status.code(), Some(1));
    assert!(said(&without).contains("CLEANPLATE_TOKEN"), "{}", said(&without));
    let token = reader.reveal().to_owned();
    farm.cluster.until("the token is known", |cluster| {
        let output = cluster.client(&["jobs"]).env("CLEANPLATE_TOKEN", &token).output().unwrap();
        output.status.success().then_some(())
    });
    let drained = asked(&farm, reader.reveal(), &["drain", "w"]);
    assert!(said(&drained).contains("operate"), "{}", said(&drained));
    // A token from a file, and one that is none.
    let path = folder.path().join("reader.token");
    fs::write(&path, format!("{}\n", reader.reveal())).unwrap();
    let output = farm.cluster.ask(&["jobs", "--token-file", text(&path)]);
    assert!(output.status.success(), "{}", said(&output));
    fs::write(&path, "hush hush").unwrap();
    let output = farm.cluster.ask(&["jobs", "--token-file", text(&path)]);
    assert_eq!(output.status.code(), Some(2));
    assert!(!said(&output).contains("hush"), "{}", said(&output));
    // In the clear, beyond this machine, it is not sent.
    let clear = binary::command(["jobs", "--coordinator", "http://192.0.2.1:7700"])
        .env("CLEANPLATE_TOKEN", reader.reveal())
        .output()
        .unwrap();
    assert_eq!(clear.status.code(), Some(2), "{}", said(&clear));
    assert!(said(&clear).contains("in the clear"), "{}", said(&clear));
    // Who does not know the authority speaks to nobody.
    let stranger = binary::command(["jobs", "--coordinator", &farm.url()])
        .env("CLEANPLATE_TOKEN", reader.reveal())
        .output()
        .unwrap();
    assert_eq!(stranger.status.code(), Some(1), "{}", said(&stranger));
}

#[test]
fn a_token_that_is_taken_out_of_the_file_ends_its_streams_and_another_takes_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let mut farm = ClosedFarm::start(folder.path(), &[]);
    farm.tokens.add("ops", "roles = [\"operate\"]");
    let old = farm.tokens.add("join", "kind = \"join\"");
    let alice = farm.tokens.add("alice", "roles = [\"submit\", \"read\"]\nowner = \"alice\"");
    let path = folder.path().join("join.token");
    fs::write(&path, old.reveal()).unwrap();
    let knows = |farm: &mut ClosedFarm, tokens: &str| {
        farm.cluster.until("the tokens are known", |cluster| {
            cluster.said("coordinator").contains(&format!("known count={tokens}")).then_some(())
        });
    };
    knows(&mut farm, "3");
    farm.cluster.start_worker_with(1, &["--join-token-file", text(&path)], &[]);
    farm.cluster.until("the worker has joined", |cluster| {
        cluster.said("coordinator").contains("worker joins").then_some(())
    });
    // Rotated: the new one first, then the worker's file, then the old one goes.
    let new = farm.tokens.add("join-2", "kind = \"join\"");
    fs::write(&path, new.reveal()).unwrap();
    knows(&mut farm, "4");
    farm.tokens.remove("join");
    farm.cluster.until("the worker has joined by the new token", |cluster| {
        cluster.said("coordinator").contains("token=\"join-2\"").then_some(())
    });
    farm.tokens.remove("alice");
    let token = alice.reveal().to_owned();
    farm.cluster.until("the old token is known no more", |cluster| {
        let output = cluster.client(&["jobs"]).env("CLEANPLATE_TOKEN", &token).output().unwrap();
        said(&output).contains("not known here").then_some(())
    });
    // A file that is broken locks nobody out.
    fs::write(farm.tokens.path(), "[[token]]\nid = \"x\"\n").unwrap();
    farm.cluster.until("the broken file is told", |cluster| {
        cluster.said("coordinator").contains("what was read before still holds").then_some(())
    });
}

#[test]
fn a_certificate_is_rotated_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut farm = ClosedFarm::start(folder.path(), &[]);
    let reader = farm.tokens.add("reader", "roles = [\"read\"]\nowner = \"a\"");
    let token = reader.reveal().to_owned();
    // Signed by the same authority for another name: whoever dials `localhost` is refused then.
    let before = farm.authority.certificate().with_file_name("coordinator.pem");
    let kept = (fs::read(&before).unwrap(), fs::read(before.with_extension("key")).unwrap());
    farm.cluster.until("the token is known", |cluster| {
        let output = cluster.client(&["jobs"]).env("CLEANPLATE_TOKEN", &token).output().unwrap();
        output.status.success().then_some(())
    });
    drop(farm.authority.sign("coordinator", &["elsewhere"]));
    farm.cluster.until("the new certificate is shown", |cluster| {
        let output = cluster.client(&["jobs"]).env("CLEANPLATE_TOKEN", &token).output().unwrap();
        (!output.status.success()).then_some(())
    });
    fs::write(&before, kept.0).unwrap();
    fs::write(before.with_extension("key"), kept.1).unwrap();
    farm.cluster.until("the old one is shown again", |cluster| {
        let output = cluster.client(&["jobs"]).env("CLEANPLATE_TOKEN", &token).output().unwrap();
        output.status.success().then_some(())
    });
}

#[test]
fn a_coordinator_that_others_can_reach_does_not_start_open() {
    let folder = tempfile::tempdir().unwrap();
    let listen = format!("0.0.0.0:{}", free_port());
    let state = format!("sqlite:{}", folder.path().join("journal.db").display());
    let store = folder.path().join("store");
    let start = ["coordinator", "--listen", &listen, "--state", &state, "--store", text(&store)];
    let output = binary::run(start);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    let told = said(&output);
    for word in ["tls.cert", "access.tokens", "--insecure", "docs/access.md"] {
        assert!(told.contains(word), "{word}: {told}");
    }
    assert!(!store.exists(), "nothing was begun");
    // A file of tokens that makes no sense opens nothing either.
    let tokens = folder.path().join("tokens.toml");
    fs::write(&tokens, "[[token]]\nid = \"x\"\nsha256 = \"hush\"\nroles = [\"admin\"]\n").unwrap();
    let start =
        ["coordinator", "--listen", "127.0.0.1:0", "--state", &state, "--store", text(&store)];
    let output = binary::command(start).env("CLEANPLATE_ACCESS_TOKENS", &tokens).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    assert!(
        said(&output).contains("sha256") && !said(&output).contains("hush"),
        "{}",
        said(&output)
    );
}

#[tokio::test]
async fn probes_have_an_address_of_their_own_and_then_none_at_the_door() {
    let folder = tempfile::tempdir().unwrap();
    let probes = format!("127.0.0.1:{}", free_port());
    let variable = ("CLEANPLATE_COORDINATOR_PROBE_LISTEN".to_owned(), probes.clone());
    let farm = ClosedFarm::start(folder.path(), &[variable]);
    let open = tonic::transport::Endpoint::from_shared(format!("http://{probes}")).unwrap();
    let mut health = HealthClient::new(open.connect().await.unwrap());
    let asked = HealthCheckRequest { service: "cleanplate.v1.Jobs".to_owned() };
    let serves = async {
        while health.check(asked.clone()).await.unwrap().into_inner().status != 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, serves).await.expect("it serves");
    let mut jobs =
        cleanplate_proto::v1::jobs_client::JobsClient::connect(format!("http://{probes}"))
            .await
            .unwrap();
    let status = jobs.list(cleanplate_proto::v1::ListRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unimplemented, "health and nothing else");
    let mut health = HealthClient::new(farm.connect(None).await.unwrap());
    let status = health.check(asked.clone()).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unauthenticated);
    // Where they have none of their own, they are answered at the door.
    let folder = tempfile::tempdir().unwrap();
    let farm = ClosedFarm::start(folder.path(), &[]);
    let mut health = HealthClient::new(farm.connect(None).await.unwrap());
    assert!(health.check(asked).await.is_ok());
}

#[test]
fn a_token_is_made_once_on_standard_output_and_its_hash_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.toml");
    let new = ["token", "new", "--role", "read", "--owner", "alice", "--id", "alice", "--to"];
    let output = binary::run([&new[..], &[text(&path)]].concat());
    assert!(output.status.success(), "{}", said(&output));
    let token = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert!(token.starts_with("cpt_alice_"), "it is the token alone");
    let kept = fs::read_to_string(&path).unwrap();
    assert!(!kept.contains(secret(&token)) && said(&output).is_empty());
    let again = binary::run([&new[..], &[text(&path)]].concat());
    assert_eq!(again.status.code(), Some(2), "the id is taken");
    assert!(again.stdout.is_empty(), "and there is no token");
    let refused = binary::run(["token", "new", "--role", "submit"]);
    assert_eq!(refused.status.code(), Some(2), "whose jobs? {}", said(&refused));
}

#[test]
fn a_coordinators_health_is_an_exit_status() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path());
    let health = |url: &str, more: &[&str]| {
        let output = binary::command([&["health", url][..], more].concat()).output().unwrap();
        (output.status.code(), said(&output))
    };
    let url = cluster.url();
    cluster.until("it leads", |_| (health(&url, &["--leads"]).0 == Some(0)).then_some(()));
    assert_eq!(health(&url, &[]).0, Some(0));
    cluster.kill_coordinator();
    let (status, words) = health(&url, &["--json"]);
    assert_eq!(status, Some(1), "{words}");
    assert!(words.contains("does not answer"), "{words}");
}

#[test]
fn on_loopback_nobody_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path());
    // A worker with a join token that nobody asks for, as in a fleet that is about to be closed.
    let join = cleanplate_access::Token::fresh("join").unwrap();
    let environment = [("CLEANPLATE_JOIN_TOKEN", join.reveal().to_owned())];
    cluster.start_worker_with(1, &[], &environment);
    cluster.until("the worker is attached", |cluster| {
        (cluster.ask_json(&["workers"]).len() == 1).then_some(())
    });
}

#[test]
fn every_call_of_every_service_has_a_need_of_its_own() {
    let set = FileDescriptorSet::decode(DESCRIPTORS).unwrap();
    let mut calls = 0;
    let is_ours = |package: &str| package == "cleanplate.v1" || package == "externalscaler";
    for file in set.file.iter().filter(|file| is_ours(file.package())) {
        for service in &file.service {
            for method in &service.method {
                let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                let need = need_of("POST", &path);
                if file.package() == "externalscaler" {
                    assert_eq!(need, Need::Probe, "{path}");
                } else {
                    assert!(!matches!(need, Need::Known | Need::Probe), "{path} is in no table");
                }
                calls += 1;
            }
        }
    }
    assert!(calls >= 20, "{calls}");
}

#[test]
fn every_http_request_that_is_described_has_the_need_that_is_told() {
    let path = binary::repository().join("coordinator/src/http/openapi.json");
    let document: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let mut requests = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path = path.replace(['{', '}'], "");
        for (method, operation) in methods.as_object().unwrap() {
            let told = match need_of(&method.to_ascii_uppercase(), &path) {
                Need::Role(role) => role.as_str(),
                Need::Probe => "probe",
                other => panic!("{method} {path} needs {other:?}"),
            };
            assert_eq!(operation["x-role"], told, "{method} {path}");
            requests += 1;
        }
    }
    assert!(requests >= 18, "{requests}");
}
