//! What the door and the policy of the pages promise, by plain requests.

use std::fs;

use cleanplate_access::{Need, PAGES};
use cleanplate_tests::closed::ClosedFarm;
use cleanplate_tests::cluster::{Cluster, PATIENCE};
use reqwest::header::{HeaderMap, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Method, Response};

/// A program that speaks as a browser does, and follows nothing.
struct Plain {
    client: Client,
    url: String,
    cookie: Option<String>,
}

impl Plain {
    fn closed(farm: &ClosedFarm) -> Self {
        let authority = fs::read(farm.authority.certificate()).unwrap();
        let client = Client::builder()
            .timeout(PATIENCE)
            .redirect(Policy::none())
            .tls_certs_only([Certificate::from_pem(&authority).unwrap()])
            .build()
            .unwrap();
        Self { client, url: farm.url(), cookie: None }
    }

    fn open(cluster: &Cluster) -> Self {
        let client = Client::builder().timeout(PATIENCE).redirect(Policy::none()).build().unwrap();
        Self { client, url: cluster.url(), cookie: None }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        if !body.is_empty() {
            request = request.header("content-type", "application/x-www-form-urlencoded");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(body.to_owned()).send().await.unwrap()
    }

    async fn get(&self, path: &str) -> Response {
        self.ask(Method::GET, path, &[], "").await
    }

    /// As a form of a page of ours sends it.
    async fn post(&self, path: &str, body: &str) -> Response {
        let headers = [("sec-fetch-site", "same-origin"), ("origin", self.url.as_str())];
        let body = if body.is_empty() { "x=" } else { body };
        self.ask(Method::POST, path, &headers, body).await
    }

    async fn log_in(&mut self, token: &str) {
        let answer = self.post("/ui/login", &format!("token={token}")).await;
        assert_eq!(answer.status(), 303);
        let line = answer.headers()[SET_COOKIE].to_str().unwrap();
        self.cookie = Some(line.split(';').next().unwrap().to_owned());
    }
}

fn place(answer: &Response) -> String {
    answer.headers()[LOCATION].to_str().unwrap().to_owned()
}

fn is_guarded(headers: &HeaderMap) {
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.starts_with("default-src 'self';") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    assert!(!policy.contains("-inline") && !policy.contains("-eval"), "{policy}");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["referrer-policy"], "same-origin");
}

#[tokio::test]
async fn a_token_becomes_a_cookie_that_opens_what_the_token_opens_and_leaves_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut farm = ClosedFarm::start(folder.path(), &[]);
    let alice = farm.tokens.add("alice", "roles = [\"submit\", \"read\"]\nowner = \"alice\"");
    let admin = farm.tokens.add("admin", "roles = [\"admin\"]");
    let bob = farm.tokens.add("bob", "roles = [\"submit\", \"read\"]\nowner = \"bob\"");
    let join = farm.tokens.add("join", "kind = \"join\"");
    let mut plain = Plain::closed(&farm);
    // The tokens are read again within a second.
    let deadline = std::time::Instant::now() + PATIENCE;
    while plain
        .post("/ui/login", &format!("token={}", join.reveal()))
        .await
        .text()
        .await
        .unwrap()
        .contains("not known")
    {
        assert!(std::time::Instant::now() < deadline);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }

    let turned = plain.get("/ui/jobs?state=done").await;
    assert_eq!(
        (turned.status().as_u16(), place(&turned).as_str()),
        (303, "/ui/login?next=%2Fui%2Fjobs%3Fstate%3Ddone")
    );
    let shown = plain.get("/ui/login?next=%2Fui%2Fjobs%3Fstate%3Ddone").await;
    is_guarded(shown.headers());
    assert!(shown.text().await.unwrap().contains("/ui/jobs?state=done"));
    for wrong in ["nonsense", "", join.reveal(), &format!("cpt_alice_{}", "0".repeat(64))] {
        let answer = plain.post("/ui/login", &format!("token={wrong}")).await;
        assert_eq!(answer.status(), 401, "{wrong}");
        assert!(answer.headers().get(SET_COOKIE).is_none());
        assert!(answer.text().await.unwrap().contains("name=\"token\""), "the form again");
    }
    let entered =
        plain.post("/ui/login", &format!("token={}&next=%2F%2Fevil.example", alice.reveal())).await;
    assert_eq!(place(&entered), "/ui/jobs", "another site is not gone on to");
    let line = entered.headers()[SET_COOKIE].to_str().unwrap().to_owned();
    for part in ["__Host-cleanplate=", "; Path=/", "; HttpOnly", "; SameSite=Strict", "; Secure"] {
        assert!(line.contains(part), "{line}");
    }

    plain.log_in(alice.reveal()).await;
    let jobs = plain.get("/ui/jobs").await;
    assert_eq!(jobs.status(), 200);
    is_guarded(jobs.headers());
    let page = jobs.text().await.unwrap();
    assert!(page.contains("alice, read, submit") && page.contains("Log out"), "{page}");
    assert!(!page.contains("/ui/fleet"), "what she may not see is not offered");
    assert!(!page.contains(alice.reveal()));
    assert_eq!(plain.get("/api/v1/jobs").await.status(), 200, "the interface takes the cookie too");
    assert_eq!(plain.get("/ui/fleet").await.status(), 403);

    // What changes something asks for more than the cookie.
    let body = [("content-type", "application/json")];
    let bare = plain.ask(Method::POST, "/api/v1/jobs/job-x/cancel", &body, "").await;
    assert_eq!(bare.status(), 403, "no page of ours asked");
    for headers in [
        &[("origin", "https://evil.example")][..],
        &[("sec-fetch-site", "same-site"), ("origin", &plain.url)],
        &[("sec-fetch-site", "cross-site")],
    ] {
        for path in
            ["/ui/jobs/job-x/cancel", "/ui/logout", "/ui/login", "/api/v1/jobs/job-x/cancel"]
        {
            let answer = plain.ask(Method::POST, path, headers, "x=").await;
            assert_eq!(answer.status(), 403, "{path} {headers:?}");
        }
    }
    let own = [("sec-fetch-site", "same-origin")];
    let own = plain.ask(Method::POST, "/api/v1/jobs/job-x/cancel", &own, "").await;
    assert_eq!(own.status(), 404, "there is no such job, and she may ask");

    // Another owner's job is not there.
    let (input, output) = (farm.sources.join("in.mp4"), farm.movies.join("out.mp4"));
    let submitted = farm
        .cluster
        .client(&[
            "submit",
            input.to_str().unwrap(),
            output.to_str().unwrap(),
            "--region",
            "1,1,8,8",
        ])
        .env("CLEANPLATE_TOKEN", bob.reveal())
        .output()
        .unwrap();
    let bobs = String::from_utf8(submitted.stdout).unwrap().trim().to_owned();
    assert!(bobs.starts_with("job-"), "{}", String::from_utf8_lossy(&submitted.stderr));
    for (method, path, need) in PAGES.iter().filter(|(_, path, _)| path.contains("{job}")) {
        let path = path.replace("{job}", &bobs).replace("{still}", "x.png");
        let answer = match *method {
            "GET" => plain.get(&path).await,
            _ => plain.post(&path, "priority=-1").await,
        };
        assert_eq!(answer.status(), 404, "{method} {path} {need:?}");
        assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    }
    assert!(!plain.get("/ui/jobs").await.text().await.unwrap().contains(&bobs));

    let left = plain.post("/ui/logout", "").await;
    assert!(left.headers()[SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    plain.log_in(admin.reveal()).await;
    assert!(plain.get("/ui/jobs").await.text().await.unwrap().contains(&bobs));
    assert_eq!(plain.get("/ui/fleet").await.status(), 200);
    farm.tokens.remove("admin");
    let deadline = std::time::Instant::now() + PATIENCE;
    while plain.get("/ui/jobs").await.status() == 200 {
        assert!(std::time::Instant::now() < deadline, "a token that is taken out opens nothing");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn every_page_is_refused_to_whom_it_is_not_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut farm = ClosedFarm::start(folder.path(), &[]);
    let reader = farm.tokens.add("reader", "roles = [\"read\"]\nowner = \"a\"");
    let dropper = farm.tokens.add("dropper", "roles = [\"submit\"]\nowner = \"a\"");
    let plain = Plain::closed(&farm);
    let bearer = |token: &str| format!("Bearer {token}");
    let (reader, dropper) = (bearer(reader.reveal()), bearer(dropper.reveal()));
    let deadline = std::time::Instant::now() + PATIENCE;
    while plain.ask(Method::GET, "/ui/jobs", &[("authorization", &reader)], "").await.status()
        != 200
    {
        assert!(std::time::Instant::now() < deadline);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    for (method, path, need) in PAGES {
        let path =
            path.replace("{job}", "job-x").replace("{worker}", "w").replace("{still}", "s.png");
        let ask = async |authorization: Option<&str>| {
            let mut headers = vec![("sec-fetch-site", "same-origin")];
            headers.extend(authorization.map(|it| ("authorization", it)));
            let body = if method == "POST" { "x=" } else { "" };
            plain.ask(method.parse().unwrap(), &path, &headers, body).await.status().as_u16()
        };
        let Need::Role(role) = need else {
            assert_eq!(need, Need::Open, "{path}");
            continue;
        };
        let unknown = if method == "GET" && path != "/ui/events" { 303 } else { 401 };
        assert_eq!(ask(None).await, unknown, "{method} {path} without a token");
        let other = if role.as_str() == "read" { &dropper } else { &reader };
        assert_eq!(ask(Some(other)).await, 403, "{method} {path} by another role");
    }
}

#[tokio::test]
async fn where_nobody_is_asked_pages_are_open_and_other_sites_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(folder.path());
    let plain = Plain::open(&cluster);
    let first = plain.get("/").await;
    assert_eq!((first.status().as_u16(), place(&first).as_str()), (303, "/ui/jobs"));
    let page = plain.get("/ui/jobs").await;
    assert_eq!(page.status(), 200);
    is_guarded(page.headers());
    let page = page.text().await.unwrap();
    assert!(
        !page.contains("style=") && !page.contains("onclick"),
        "nothing that the policy would stop"
    );
    let at = page.find("/ui/assets/style-").unwrap();
    let style = &page[at..at + page[at..].find('"').unwrap()];
    let file = plain.get(style).await;
    assert!(file.headers()["cache-control"].to_str().unwrap().contains("immutable"));
    let tag = file.headers()["etag"].to_str().unwrap().to_owned();
    let again = plain.ask(Method::GET, style, &[("if-none-match", &tag)], "").await;
    assert_eq!(again.status(), 304);
    assert_eq!(plain.get("/ui/assets/style-0.css").await.status(), 404);
    assert_eq!(
        plain.get("/ui/login?next=%2Fui%2Ffleet").await.status(),
        303,
        "there is nothing to log in to"
    );
    let posted = plain.ask(Method::POST, "/ui/jobs/job-x/cancel", &[], "x=").await;
    assert_eq!(posted.status(), 403, "a form comes from a page of ours");
    assert_eq!(plain.post("/ui/jobs/job-x/cancel", "").await.status(), 404);
    let absent = plain.get("/ui/jobs/job-x").await;
    assert_eq!(absent.status(), 404);
    is_guarded(absent.headers());
    let nowhere = plain.get("/ui/nope").await;
    assert_eq!(nowhere.status(), 404);
    is_guarded(nowhere.headers());
    let told = nowhere.text().await.unwrap();
    assert!(told.contains("there is no page at /ui/nope") && told.contains("All jobs"), "{told}");
    let program = plain.get("/api/v1/nope").await;
    assert_eq!(program.headers()["content-type"], "application/problem+json");
}
