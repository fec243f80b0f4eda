//! The HTTP interface of a real coordinator: the same jobs as over gRPC, behind the same door, with problems for
//! errors, and answers that are what `/openapi.json` says.

mod batches;
mod clients;
mod web;

use std::fs;
use std::path::Path;
use std::time::Duration;

use cleanplate_tests::closed::ClosedFarm;
use cleanplate_tests::cluster::{Cluster, PATIENCE};
use cleanplate_tests::postgres::TestPostgres;
use cleanplate_tests::{clips, schema};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::web::{Web, problem};

async fn told_job(answer: Response) -> String {
    let status = answer.status();
    let text = answer.text().await.unwrap();
    assert_eq!(status, StatusCode::CREATED, "{text}");
    serde_json::from_str::<Value>(&text).unwrap()["job"].as_str().unwrap().to_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn request(input: &Path, output: &Path) -> Value {
    json!({
        "input": text(input), "output": text(output), "encoder": "libx264", "preset": "ultrafast",
        "fill": "membrane", "regions": [{ "x": 20, "y": 20, "width": 120, "height": 50 }],
    })
}

/// A request for a file that nobody will look at.
fn idle(folder: &Path, output: &str) -> Value {
    request(&folder.join("in.mp4"), &folder.join(output))
}

/// All events of a job, as they come to its end.
async fn events(web: &Web, job: &str) -> (String, Vec<(String, Value)>) {
    let mut answer = web.get(&format!("/api/v1/jobs/{job}/events")).await;
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut whole = String::new();
    let to_the_end = async {
        while let Some(piece) = answer.chunk().await.unwrap() {
            whole.push_str(std::str::from_utf8(&piece).unwrap());
        }
    };
    tokio::time::timeout(PATIENCE, to_the_end).await.expect("the stream ends with the job");
    let mut found = Vec::new();
    for event in whole.split("\n\n").filter(|event| event.starts_with("id: ")) {
        let field = |name: &str| {
            event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned()
        };
        assert_eq!(field("event: "), "state", "{event}");
        found.push((field("id: "), serde_json::from_str(&field("data: ")).unwrap()));
    }
    (whole, found)
}

#[tokio::test]
async fn a_job_is_submitted_followed_to_its_end_and_shown_as_the_command_line_shows_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path());
    cluster.start_worker(1);
    let web = Web::of(cluster.url());
    let document = web.document().await;
    let clip = clips::kept("320x180", 240, &clips::X264_PLAIN);
    let output = folder.path().join("out.mp4");
    let job = web.submit(&request(&clip, &output)).await;

    let (whole, events) = events(&web, &job).await;
    assert!(whole.starts_with("retry: "), "{whole}");
    let numbers: Vec<&str> = events.iter().map(|(id, _)| id.trim_end_matches(".end")).collect();
    let counted: Vec<String> = (1..=events.len()).map(|at| at.to_string()).collect();
    assert_eq!(numbers, counted);
    let (id, last) = events.last().unwrap();
    assert!(id.ends_with(".end"), "{id}");
    assert_eq!(last["outcome"]["kind"], "done", "{last}\n{}", cluster.logs());
    assert!(output.is_file());
    for (_, state) in &events {
        schema::hold(&document, "JobState", state);
    }
    let again = web.ask(Method::GET, &format!("/api/v1/jobs/{job}/events"));
    let again = again.header("last-event-id", id).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NO_CONTENT, "there is nothing more");

    let shown = web.get_json(&format!("/api/v1/jobs/{job}")).await;
    schema::hold(&document, "Job", &shown);
    let attempts = web.get_json(&format!("/api/v1/jobs/{job}/attempts")).await;
    schema::hold(&document, "Attempts", &attempts);
    let by_command = cluster.show(&job);
    assert_eq!(shown["state"], by_command["state"], "both speak alike");
    assert_eq!(shown["request"], by_command["request"]);
    assert_eq!(attempts["attempts"], by_command["attempts"]);
    assert!(attempts["attempts"][0]["trail"].as_array().is_some_and(|it| !it.is_empty()));
    let workers = web.get_json("/api/v1/workers").await;
    schema::hold(&document, "Workers", &workers);
    assert_eq!(workers["workers"][0], cluster.ask_json(&["workers"])[0]);
    let plan = web.get_json(&format!("/api/v1/jobs/{job}/plan")).await;
    schema::hold(&document, "Plan", &plan);
    let with_plan = json!({ "input": text(&clip), "output": text(&folder.path().join("two.mp4")), "plan": plan });
    web.submit(&with_plan).await;
    let drained = web.post("/api/v1/workers/worker-0/drain", &json!({})).await;
    assert_eq!(drained.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_job_that_waits_for_a_person_is_previewed_and_decided_over_http() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path());
    cluster.start_worker(1);
    let web = Web::of(cluster.url());
    let clip = clips::kept("320x180", 240, &clips::X264_PLAIN);
    let mut jobs = Vec::new();
    for name in ["yes.mp4", "no.mp4"] {
        let mut asked = request(&clip, &folder.path().join(name));
        asked["review"] = "wait".into();
        jobs.push(web.submit(&asked).await);
    }
    for job in &jobs {
        cluster.watch_until(job, |state| state["phase"] == "review");
    }
    let preview = web.get(&format!("/api/v1/jobs/{}/preview", jobs[0])).await;
    assert_eq!(preview.headers()["content-type"], "application/octet-stream");
    assert!(preview.bytes().await.unwrap().len() > 1_000);
    let path = |job: &str, verb: &str| format!("/api/v1/jobs/{job}/{verb}");
    let wrong = web.post(&path(&jobs[0], "approve"), &json!({ "drop": [7] })).await;
    problem(wrong, 400, "invalid-request").await;
    let approved = web.ask(Method::POST, &path(&jobs[0], "approve")).send().await.unwrap();
    assert_eq!(approved.status(), StatusCode::NO_CONTENT, "no body is no JSON either");
    let rejected = web.ask(Method::POST, &path(&jobs[1], "reject")).send().await.unwrap();
    assert_eq!(rejected.status(), StatusCode::NO_CONTENT);
    let twice = web.ask(Method::POST, &path(&jobs[1], "reject")).send().await.unwrap();
    problem(twice, 409, "not-now").await;
    cluster.done(&jobs[0]);
    let cancelled = web.get_json("/api/v1/jobs?state=cancelled").await;
    assert_eq!(cancelled["jobs"][0]["job"], jobs[1]);
    let retried = web.ask(Method::POST, &path(&jobs[1], "retry")).send().await.unwrap();
    assert_eq!(retried.status(), StatusCode::NO_CONTENT);
    let cancel = web.ask(Method::POST, &path(&jobs[1], "cancel")).send().await.unwrap();
    assert_eq!(cancel.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_frame_with_grain_is_shown_whole_and_what_is_no_video_is_the_requests_fault() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(folder.path());
    let web = Web::of(cluster.url());
    let clip = folder.path().join("grain.mp4");
    let made = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "color=gray:s=1280x720:r=25:d=1"])
        .args(["-vf", "noise=alls=60:allf=t", "-c:v", "libx264", "-preset", "ultrafast"])
        .arg(&clip)
        .status();
    assert!(made.unwrap().success());
    let of = |path: &Path| format!("/api/v1/glimpse?input={}", path.display());
    let shown = web.get(&of(&clip)).await;
    assert_eq!(shown.status(), StatusCode::OK);
    assert_eq!(shown.headers()["cleanplate-size"], "1280x720");
    let png = shown.bytes().await.unwrap();
    assert!(png.len() > 1 << 20, "more than one message between two processes: {}", png.len());
    assert!(png.starts_with(b"\x89PNG") && png.ends_with(b"IEND\xaeB`\x82"));
    let words = folder.path().join("words.mp4");
    fs::write(&words, "no video, only words, and enough of them to be read").unwrap();
    problem(web.get(&of(&words)).await, 400, "invalid-request").await;
    problem(web.get(&of(&folder.path().join("absent.mp4"))).await, 400, "invalid-request").await;
}

#[tokio::test]
async fn pages_of_a_list_have_every_job_once_whatever_is_submitted_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(folder.path());
    let web = Web::of(cluster.url());
    let mut expected = Vec::new();
    for at in 0..7 {
        let mut asked = idle(folder.path(), &format!("{at}.mp4"));
        asked["owner"] = if at % 3 == 0 { "a" } else { "b" }.into();
        expected.insert(0, web.submit(&asked).await);
    }
    let document = web.document().await;
    let mut pages: Vec<Vec<String>> = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = web.get_json(&format!("/api/v1/jobs?limit=3&cursor={cursor}")).await;
        schema::hold(&document, "JobList", &page);
        let jobs = page["jobs"].as_array().unwrap().iter();
        pages.push(jobs.map(|state| state["job"].as_str().unwrap().to_owned()).collect());
        // One more at the head of the list for each page.
        web.submit(&idle(folder.path(), &format!("more-{}.mp4", pages.len()))).await;
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1]);
    assert_eq!(pages.concat(), expected);
    let owned = web.get_json("/api/v1/jobs?owner=a&limit=2").await;
    assert_eq!(owned["jobs"].as_array().unwrap().len(), 2);
    let rest = format!("/api/v1/jobs?owner=a&limit=2&cursor={}", owned["next"].as_str().unwrap());
    let rest = web.get_json(&rest).await;
    assert_eq!((rest["jobs"].as_array().unwrap().len(), &rest["next"]), (1, &Value::Null));
    problem(web.get("/api/v1/jobs?cursor=nonsense").await, 400, "invalid-request").await;
    problem(web.get("/api/v1/jobs?state=lost").await, 400, "invalid-request").await;
    problem(web.get("/api/v1/jobs?ownr=a").await, 400, "invalid-request").await;
}

#[tokio::test]
async fn a_key_is_one_job_across_restarts_and_another_body_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path());
    let web = Web::of(cluster.url());
    let asked = idle(folder.path(), "out.mp4");
    let job = told_job(web.keyed("order-17", &asked).await).await;
    assert_eq!(told_job(web.keyed("order-17", &asked).await).await, job);
    cluster.kill_coordinator();
    cluster.start_coordinator();
    assert_eq!(told_job(web.keyed("order-17", &asked).await).await, job);
    let mut other = asked.clone();
    other["quality"] = 30.into();
    problem(web.keyed("order-17", &other).await, 422, "idempotency-key-reused").await;
    // What was changed since does not make the same body another one, nor another one the same.
    let path = format!("/api/v1/jobs/{job}");
    let changed = web.send(Method::PATCH, &path, &json!({ "priority": 5 })).await;
    assert_eq!(changed.status(), StatusCode::NO_CONTENT);
    assert_eq!(web.get_json(&path).await["state"]["priority"], 5);
    assert_eq!(told_job(web.keyed("order-17", &asked).await).await, job);
    let mut preferred = asked.clone();
    preferred["priority"] = 5.into();
    problem(web.keyed("order-17", &preferred).await, 422, "idempotency-key-reused").await;
    // Another key is another job, which may not write there too.
    problem(web.keyed("order-18", &asked).await, 409, "already-exists").await;
    problem(web.keyed("", &asked).await, 400, "invalid-request").await;
    problem(web.keyed(&"k".repeat(256), &asked).await, 400, "invalid-request").await;
    assert_eq!(web.get_json("/api/v1/jobs").await["jobs"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn every_error_is_a_problem_with_a_name_and_words_that_help() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("file://{}", folder.path().join("store").display());
    let limit = ("CLEANPLATE_LIMITS_MESSAGE".to_owned(), "8MiB".to_owned());
    let cluster = Cluster::start_with(folder.path(), &store, &[limit]);
    let web = Web::of(cluster.url());
    let jobs = "/api/v1/jobs";
    let asked = idle(folder.path(), "out.mp4");
    let send = async |kind: &str, body: String| {
        let request = web.ask(Method::POST, jobs).header("content-type", kind.to_owned());
        request.body(body).send().await.unwrap()
    };
    let told = problem(web.get("/api/v1/jobs/job-absent").await, 404, "not-found").await;
    assert!(told["detail"].as_str().unwrap().contains("job-absent"));
    schema::hold(&web.document().await, "Problem", &told);
    problem(web.get("/api/v1/nothing").await, 404, "no-such-path").await;
    problem(web.get("/api/v1/jobs/").await, 404, "no-such-path").await;
    let allowed = web.ask(Method::DELETE, jobs).send().await.unwrap();
    assert!(allowed.headers()["allow"].to_str().unwrap().contains("POST"));
    problem(allowed, 405, "method-not-allowed").await;
    let told = problem(send("text/plain", asked.to_string()).await, 415, "unsupported-media-type");
    assert!(told.await["detail"].as_str().unwrap().contains("application/json"));
    problem(send("application/json", "{".to_owned()).await, 400, "invalid-request").await;
    let mut odd = asked.clone();
    odd["prioritty"] = 1.into();
    let told = problem(web.post(jobs, &odd).await, 400, "invalid-request").await;
    assert!(told["detail"].as_str().unwrap().contains("prioritty"), "{told}");
    let mut large = asked.clone();
    large["preset"] = "x".repeat(9 << 20).into();
    let told = problem(web.post(jobs, &large).await, 413, "too-large").await;
    assert!(told["detail"].as_str().unwrap().contains("limits.message"), "{told}");
    let mut same = asked.clone();
    same["output"] = same["input"].clone();
    problem(web.post(jobs, &same).await, 400, "invalid-request").await;
    web.submit(&asked).await;
    problem(web.post(jobs, &asked).await, 409, "already-exists").await;
    let drained = web.post("/api/v1/workers/nobody/drain", &json!({})).await;
    problem(drained, 404, "not-found").await;
    problem(web.get("/api/v1/jobs/%ff/plan").await, 400, "invalid-request").await;
    // gRPC's paths keep gRPC's statuses.
    let request = web.ask(Method::POST, "/cleanplate.v1.Jobs/Shutdown");
    let answer = request.header("content-type", "application/grpc").send().await.unwrap();
    assert_eq!(answer.headers()["grpc-status"], "12");
}

#[tokio::test]
async fn no_text_of_a_job_is_longer_than_what_it_could_name() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(folder.path());
    let web = Web::of(cluster.url());
    let with = |field: &str, value: String| {
        let mut asked = idle(folder.path(), "out.mp4");
        asked[field] = value.into();
        asked
    };
    let deep = format!("/{}a.mp4", "x/".repeat(2_000_000));
    let wrong = [
        with("input", deep.clone()),
        with("input", format!("/{}.mp4", "x".repeat(4_000_000))),
        with("output", deep.clone()),
        with("preset", "p".repeat(4_000_000)),
        with("owner", "o".repeat(5_000)),
        with("owner", "\u{1b}[31mred".to_owned()),
        json!([text(&folder.path().join("in.mp4")), text(&folder.path().join("out.mp4"))]),
    ];
    for asked in &wrong {
        problem(web.post("/api/v1/jobs", asked).await, 400, "invalid-request").await;
    }
    let glimpse = web.get(&format!("/api/v1/glimpse?input=/{}a.mp4", "x/".repeat(5_000))).await;
    problem(glimpse, 400, "invalid-request").await;
    assert_eq!(web.get_json("/api/v1/jobs").await["jobs"], json!([]));
}

#[tokio::test]
async fn a_signature_in_a_source_is_shown_to_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(folder.path());
    let web = Web::of(cluster.url());
    let mut asked = idle(folder.path(), "out.mp4");
    asked["input"] = "https://films.example.com/a.mp4?X-Amz-Signature=HUSH&token=HUSH".into();
    asked["fill"] = "auto".into();
    asked["painter"] = json!({
        "url": "https://films.example.com/m.onnx?token=HUSH", "sha256": "00".repeat(32), "bytes": 9,
    });
    let job = web.submit(&asked).await;
    let shown = web.get_json(&format!("/api/v1/jobs/{job}")).await;
    assert_eq!(shown["state"]["input"], "https://films.example.com/a.mp4?...");
    let listed = web.get_json("/api/v1/jobs").await;
    let page = web.get(&format!("/ui/jobs/{job}")).await.text().await.unwrap();
    let table = cluster.client(&["jobs", "--show", &job]).output().unwrap();
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    for told in [shown.to_string(), listed.to_string(), page, table, cluster.logs()] {
        assert!(told.contains("films.example.com") && !told.contains("HUSH"), "{told}");
    }
}

#[tokio::test]
async fn where_nobody_is_asked_who_they_are_pages_of_other_sites_are_not_answered() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(folder.path());
    let web = Web::of(cluster.url());
    let list = || web.ask(Method::GET, "/api/v1/jobs");
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("host", "evil.example"),
    ] {
        let answer = list().header(name, value).send().await.unwrap();
        problem(answer, 403, "denied").await;
    }
    let own = list().header("origin", cluster.url()).send().await.unwrap();
    assert_eq!(own.status(), StatusCode::OK);
    let preflight = web.ask(Method::OPTIONS, "/api/v1/jobs").header("origin", cluster.url());
    let preflight = preflight.send().await.unwrap();
    assert!(!preflight.headers().keys().any(|name| name.as_str().starts_with("access-control")));
}

#[tokio::test]
async fn behind_tls_each_token_may_what_its_role_says_and_sees_its_own_jobs() {
    let folder = tempfile::tempdir().unwrap();
    let mut farm = ClosedFarm::start(folder.path(), &[]);
    let both = |owner: &str| format!("roles = [\"submit\", \"read\"]\nowner = \"{owner}\"");
    let (alice, bob) =
        (farm.tokens.add("alice", &both("alice")), farm.tokens.add("bob", &both("bob")));
    let reader = farm.tokens.add("reader", "roles = [\"read\"]\nowner = \"alice\"");
    let [alice, bob, reader] = [&alice, &bob, &reader].map(|it| Web::closed(&farm, it.reveal()));
    let known = async {
        while reader.get("/api/v1/jobs").await.status() != StatusCode::OK {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, known).await.expect("the tokens are known");
    let asked = request(&farm.sources.join("a.mp4"), &farm.movies.join("a.mp4"));
    let job = alice.submit(&asked).await;
    let path = format!("/api/v1/jobs/{job}");
    assert_eq!(reader.get_json(&path).await["state"]["owner"], "alice");
    for path in ["", "/attempts", "/plan", "/preview", "/events"] {
        let path = format!("/api/v1/jobs/{job}{path}");
        problem(bob.get(&path).await, 404, "not-found").await;
    }
    for verb in ["cancel", "retry", "approve", "reject"] {
        let path = format!("/api/v1/jobs/{job}/{verb}");
        problem(bob.post(&path, &json!({})).await, 404, "not-found").await;
    }
    assert_eq!(bob.get_json("/api/v1/jobs").await["jobs"], json!([]));
    let told = problem(bob.get("/api/v1/jobs?owner=alice").await, 403, "denied").await;
    assert!(told["detail"].as_str().unwrap().contains("role operate"), "{told}");
    let told = problem(reader.post("/api/v1/jobs", &asked).await, 403, "denied").await;
    assert!(told["detail"].as_str().unwrap().contains("POST /api/v1/jobs needs the role submit"));
    problem(alice.get("/api/v1/workers").await, 403, "denied").await;
    let mut preferred = asked.clone();
    preferred["priority"] = 1.into();
    problem(alice.post("/api/v1/jobs", &preferred).await, 403, "denied").await;
    let elsewhere = request(Path::new("/etc/passwd"), &farm.movies.join("b.mp4"));
    problem(alice.post("/api/v1/jobs", &elsewhere).await, 403, "denied").await;
    // The same key of two owners is two jobs.
    let keyed = |name: &str| request(&farm.sources.join(name), &farm.movies.join(name));
    let one = told_job(alice.keyed("k", &keyed("1.mp4")).await).await;
    let two = told_job(bob.keyed("k", &keyed("2.mp4")).await).await;
    assert_ne!(one, two);
    // Who sends nothing, and what is not known.
    let nobody = Web { token: None, ..Web::closed(&farm, "") };
    for path in ["/api/v1/jobs", "/openapi.json", "/api", "/api/v1/nothing"] {
        let answer = nobody.get(path).await;
        assert_eq!(answer.headers()["www-authenticate"], "Bearer", "{path}");
        problem(answer, 401, "unauthenticated").await;
    }
    problem(Web::closed(&farm, "hush").get("/api/v1/jobs").await, 401, "unauthenticated").await;
    assert_eq!(nobody.get("/healthz").await.status(), StatusCode::OK);
    assert_eq!(nobody.get("/readyz").await.status(), StatusCode::OK);
    // gRPC beside it, on the same port.
    let listed = farm.cluster.client(&["jobs", "--json"]);
    let mut listed = listed;
    let output = listed.env("CLEANPLATE_TOKEN", bob.token.as_deref().unwrap()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("file://{}", folder.path().join("store").display());
    let limit = ("CLEANPLATE_LIMITS_REQUESTS".to_owned(), "1".to_owned());
    let cluster = Cluster::start_with(folder.path(), &store, &[limit]);
    let web = Web::of(cluster.url());
    let refused = async {
        loop {
            let answer = web.get("/healthz").await;
            if answer.status() != StatusCode::OK {
                return answer;
            }
        }
    };
    let refused = tokio::time::timeout(PATIENCE, refused).await.expect("at some time it is enough");
    assert_eq!(refused.headers()["retry-after"], "1");
    problem(refused, 429, "too-many").await;
}

#[tokio::test]
async fn a_coordinator_that_stands_by_names_the_one_that_leads() {
    let postgres = match TestPostgres::shared() {
        Ok(postgres) => postgres,
        Err(why) => {
            eprintln!("skipped: {why}");
            return;
        }
    };
    let folder = tempfile::tempdir().unwrap();
    let pair = cleanplate_tests::pair::Pair::start(folder.path(), &postgres, 0);
    let (one, two) = (Web::of(pair.first.url()), Web::of(pair.second.url()));
    let ready = |web: &Web| web.ask(Method::GET, "/readyz").timeout(Duration::from_secs(5)).send();
    let settled = async {
        loop {
            let (one, two) = (ready(&one).await.unwrap(), ready(&two).await.unwrap());
            if one.status() == StatusCode::OK && two.status() == StatusCode::SERVICE_UNAVAILABLE {
                return two;
            }
            tokio::task::yield_now().await;
        }
    };
    let refused = tokio::time::timeout(PATIENCE, settled).await.expect("one leads");
    problem(refused, 503, "stands-by").await;
    let answer = two.get("/api/v1/jobs").await;
    assert_eq!(answer.headers()["retry-after"], "1");
    let told = problem(answer, 503, "stands-by").await;
    assert_eq!(told["leader"], pair.first.url(), "{told}");
    let told = problem(two.post("/api/v1/jobs", &json!({})).await, 503, "stands-by").await;
    assert_eq!(told["leader"], pair.first.url());
    assert_eq!(two.get("/healthz").await.status(), StatusCode::OK);
}
