//! The HTTP interface of a real coordinator: the same jobs as over gRPC, behind the same door, with problems for
//! errors, and answers that are what `/openapi.json` says.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use cleanplate_tests::closed::ClosedFarm;
use cleanplate_tests::cluster::{Cluster, PATIENCE};
use cleanplate_tests::postgres::TestPostgres;
use cleanplate_tests::{binary::repository, clips, schema};
use reqwest::{Certificate, Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

/// Whoever asks.
struct Web {
    client: Client,
    url: String,
    token: Option<String>,
}

impl Web {
    fn of(url: String) -> Self {
        let client = Client::builder().timeout(PATIENCE).pool_max_idle_per_host(0).build().unwrap();
        Self { client, url, token: None }
    }

    /// Through TLS, by this token.
    fn closed(farm: &ClosedFarm, token: &str) -> Self {
        let authority = fs::read(farm.authority.certificate()).unwrap();
        let client = Client::builder()
            .timeout(PATIENCE)
            .tls_certs_only([Certificate::from_pem(&authority).unwrap()])
            .build()
            .unwrap();
        Self { client, url: farm.url(), token: Some(token.to_owned()) }
    }

    fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.url));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn get(&self, path: &str) -> Response {
        self.ask(Method::GET, path).send().await.unwrap()
    }

    async fn get_json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}: {}", answer.text().await.unwrap());
        assert_eq!(answer.headers()["content-type"], "application/json");
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> Response {
        let request = self.ask(method, path).header("content-type", "application/json");
        request.body(body.to_string()).send().await.unwrap()
    }

    async fn post(&self, path: &str, body: &Value) -> Response {
        self.send(Method::POST, path, body).await
    }

    async fn submit(&self, body: &Value) -> String {
        let answer = self.post("/api/v1/jobs", body).await;
        let (status, place) = (answer.status(), answer.headers().get("location").cloned());
        let told: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert_eq!(status, StatusCode::CREATED, "{told}");
        let job = told["job"].as_str().unwrap().to_owned();
        assert_eq!(place.unwrap(), format!("/api/v1/jobs/{job}"));
        job
    }

    async fn keyed(&self, key: &str, body: &Value) -> Response {
        let request = self.ask(Method::POST, "/api/v1/jobs").header("idempotency-key", key);
        let request = request.header("content-type", "application/json");
        request.body(body.to_string()).send().await.unwrap()
    }

    async fn document(&self) -> Value {
        self.get_json("/openapi.json").await
    }
}

/// Insists that an answer is a problem of this status and name; returns it.
async fn problem(answer: Response, status: u16, name: &str) -> Value {
    let kind = answer.headers()["content-type"].clone();
    let code = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    assert_eq!((code, kind.to_str().unwrap()), (status, "application/problem+json"), "{text}");
    let problem: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(problem["type"], format!("urn:cleanplate:problem:{name}"), "{problem}");
    assert_eq!(problem["status"], status, "{problem}");
    assert!(!problem["detail"].as_str().unwrap().is_empty(), "{problem}");
    problem
}

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

/// The lines of a batch, and its totals.
async fn batch(web: &Web, body: &Value) -> (BTreeSet<(String, String)>, Value) {
    let answer = web.post("/api/v1/batches", body).await;
    let (status, kind) = (answer.status(), answer.headers()["content-type"].clone());
    let text = answer.text().await.unwrap();
    assert_eq!(
        (status, kind.to_str().unwrap()),
        (StatusCode::OK, "application/x-ndjson"),
        "{text}"
    );
    let document = web.document().await;
    let mut files = BTreeSet::new();
    let mut totals = Value::Null;
    for line in text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        schema::hold(&document, "BatchLine", &line);
        assert!(totals.is_null(), "the totals are last");
        if let Some(file) = line.get("file") {
            let told = |name: &str| file[name].as_str().unwrap().to_owned();
            files.insert((told("file"), told("outcome")));
        } else {
            totals = line["totals"].clone();
        }
    }
    (files, totals)
}

#[tokio::test]
async fn a_folder_is_submitted_whole_and_again_only_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path());
    let web = Web::of(cluster.url());
    let (from, to) = (folder.path().join("in"), folder.path().join("out"));
    fs::create_dir_all(from.join("season-1")).unwrap();
    fs::create_dir_all(&to).unwrap();
    for name in ["a.mp4", "season-1/b.mkv", "old.avi", "notes.txt", ".hidden.mp4"] {
        fs::write(from.join(name), b"x").unwrap();
    }
    fs::write(to.join("a.mp4"), b"it is there").unwrap();
    let asked = json!({ "request": {
        "input": format!("{}/", text(&from)), "output": format!("{}/", text(&to)), "encoder": "libx264",
    }});
    let mut dry = asked.clone();
    dry["dry_run"] = true.into();
    let expected = |b: &str| {
        let told = [("a.mp4", "exists"), ("old.avi", "refused"), ("season-1/b.mkv", b)];
        told.map(|(file, outcome)| (file.to_owned(), outcome.to_owned())).into()
    };
    assert_eq!(batch(&web, &dry).await.0, expected("submitted"));
    assert_eq!(web.get_json("/api/v1/jobs").await["jobs"], json!([]), "nothing was done");
    let (files, totals) = batch(&web, &asked).await;
    assert_eq!(files, expected("submitted"));
    let counted =
        json!({ "files": 3, "submitted": 1, "known": 0, "exists": 1, "refused": 1, "others": 2 });
    assert_eq!(totals, counted);
    // Cut off and asked again: what is there is taken as it is, what is new is submitted.
    cluster.kill_coordinator();
    cluster.start_coordinator();
    fs::write(from.join("season-1/c.mp4"), b"x").unwrap();
    let (files, totals) = batch(&web, &asked).await;
    let mut again: BTreeSet<_> = expected("known");
    again.insert(("season-1/c.mp4".to_owned(), "submitted".to_owned()));
    assert_eq!(files, again);
    assert_eq!((&totals["known"], &totals["submitted"]), (&1.into(), &1.into()));
    let jobs = web.get_json("/api/v1/jobs").await;
    let outputs: BTreeSet<&str> =
        jobs["jobs"].as_array().unwrap().iter().filter_map(|it| it["output"].as_str()).collect();
    let wanted =
        ["season-1/b.mkv", "season-1/c.mp4"].map(|name| format!("file://{}", text(&to.join(name))));
    assert_eq!(outputs, wanted.iter().map(String::as_str).collect());
    // By pattern and container.
    let mut old = asked.clone();
    old["include"] = json!(["*.avi"]);
    old["container"] = "mkv".into();
    let (files, totals) = batch(&web, &old).await;
    assert_eq!(files, [("old.avi".to_owned(), "submitted".to_owned())].into());
    assert_eq!(totals["others"], 5);
    let mut inside = asked.clone();
    inside["request"]["output"] = format!("{}/clean", text(&from)).into();
    problem(web.post("/api/v1/batches", &inside).await, 400, "invalid-request").await;
    // By the command line, the same batch is the same jobs.
    let paths = [format!("{}/", text(&from)), format!("{}/", text(&to))];
    let told = cluster.ask_json(&[
        "submit",
        &paths[0],
        &paths[1],
        "--encoder",
        "libx264",
        "--include",
        "*.mkv",
    ]);
    assert_eq!(told[0]["file"]["outcome"], "known", "{told:?}");
    assert_eq!(told[1]["totals"]["files"], 1);
}

#[tokio::test]
async fn a_folder_of_another_owner_is_not_listed() {
    let folder = tempfile::tempdir().unwrap();
    let mut farm = ClosedFarm::start(folder.path(), &[]);
    let alice = farm.tokens.add("alice", "roles = [\"submit\", \"read\"]\nowner = \"alice\"");
    let web = Web::closed(&farm, alice.reveal());
    let known = async {
        while web.get("/api/v1/jobs").await.status() != StatusCode::OK {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, known).await.expect("the token is known");
    let asked = |from: &Path, to: &Path| json!({ "request": { "input": text(from), "output": text(to), "encoder": "libx264" } });
    let above = farm.sources.parent().unwrap();
    for (from, to) in [(above, farm.movies.as_path()), (&farm.sources, above)] {
        let answer = web.post("/api/v1/batches", &asked(from, to)).await;
        problem(answer, 403, "denied").await;
    }
    fs::write(farm.sources.join("a.mp4"), b"x").unwrap();
    // A link in a folder that is listed leads out of it.
    fs::write(above.join("secret.mp4"), b"x").unwrap();
    std::os::unix::fs::symlink(above.join("secret.mp4"), farm.sources.join("link.mp4")).unwrap();
    let (files, _) = batch(&web, &asked(&farm.sources, &farm.movies)).await;
    let told = [("a.mp4", "submitted"), ("link.mp4", "refused")];
    assert_eq!(files, told.map(|(file, how)| (file.to_owned(), how.to_owned())).into());
}

/// A program in Python that uses the client, with what it is told; nothing where there is no Python here.
fn python(cluster: &Cluster, program: &Path, arguments: &[&str]) -> Option<std::process::Output> {
    let sources = repository().join("clients/python/src");
    let mut command = std::process::Command::new("python3");
    command.arg(program).args(arguments).env("PYTHONPATH", sources);
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("CLEANPLATE_COORDINATOR", cluster.url());
    match command.output() {
        Ok(output) => Some(output),
        Err(why) => {
            eprintln!("skipped: no python3: {why}");
            None
        }
    }
}

#[test]
fn the_python_client_submits_follows_lists_and_tells_problems() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path());
    cluster.start_worker(1);
    let clip = clips::kept("320x180", 240, &clips::X264_PLAIN);
    let output = folder.path().join("out.mp4");
    let example = repository().join("clients/python/examples/submit_and_wait.py");
    let arguments = [text(&clip), text(&output), "20,20,120,50"];
    let Some(ran) = python(&cluster, &example, &arguments) else { return };
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.success(), "{said}\n{}", cluster.logs());
    assert_eq!(String::from_utf8_lossy(&ran.stdout).trim(), "done");
    assert!(output.is_file());
    let again = python(&cluster, &example, &arguments).unwrap();
    assert!(again.status.success());
    assert_eq!(said.lines().next(), String::from_utf8_lossy(&again.stderr).lines().next());
    let program = repository().join("tests/tests/http/client.py");
    let ran = python(&cluster, &program, &[text(folder.path())]).unwrap();
    assert!(ran.status.success(), "{}\n{}", String::from_utf8_lossy(&ran.stderr), cluster.logs());
}

#[test]
fn every_example_of_the_page_about_the_interface_works() {
    let present = |program: &str| {
        std::process::Command::new(program)
            .arg("--version")
            .output()
            .is_ok_and(|it| it.status.success())
    };
    if let Some(absent) = ["bash", "curl", "jq"].into_iter().find(|program| !present(program)) {
        eprintln!("skipped: no {absent}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path());
    cluster.start_worker(1);
    cluster.until("the worker is attached", |cluster| {
        (cluster.ask_json(&["workers"]).len() == 1).then_some(())
    });
    let page = fs::read_to_string(repository().join("docs/api.md")).unwrap();
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let script: String = std::iter::once("set -euo pipefail\n").chain(blocks).collect();
    assert!(script.matches("curl ").count() >= 9, "{script}");
    let (from, to) = (folder.path().join("in"), folder.path().join("clean"));
    fs::create_dir_all(&from).unwrap();
    fs::create_dir_all(&to).unwrap();
    let ran = std::process::Command::new("bash")
        .args(["-c", &script])
        .env("URL", cluster.url())
        .env("IN", clips::kept("320x180", 240, &clips::X264_PLAIN))
        .env("OUT", folder.path().join("out.mp4"))
        .env("FOLDER", &from)
        .env("CLEAN", &to)
        .env_remove("http_proxy")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{said}\n{}", String::from_utf8_lossy(&ran.stderr));
    assert!(folder.path().join("out.mp4").is_file(), "{said}");
}
