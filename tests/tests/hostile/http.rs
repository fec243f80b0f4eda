//! The same over HTTP: every route of the table, and what is only like one.

use tonic::Code;

use crate::catalogue::{Catalogue, Wanted};
use crate::places::inputs;
use crate::scene::{PATIENCE, Scene};

/// As a value of a query.
fn form(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// Every route of the table without a token, by whom it is not for, and what is only like a route.
pub(crate) async fn over_http(scene: &Scene, catalogue: &mut Catalogue) {
    let authority = std::fs::read(scene.farm.authority.certificate()).unwrap();
    let authority = reqwest::Certificate::from_pem(&authority).unwrap();
    let client = reqwest::Client::builder().timeout(PATIENCE).tls_certs_only([authority]);
    let client = client.build().unwrap();
    let mut asked = Vec::new();
    let (bobs, alice) = (scene.bobs.as_str(), Some(&scene.alice));
    for (method, path, need) in cleanplate_access::ROUTES {
        let path = path.replace("{job}", bobs).replace("{worker}", "w");
        asked.push(("no token", method, path.clone(), None, 401));
        asked.push(("a join token", method, path.clone(), Some(&scene.join), 403));
        asked.push(("a token that has ended", method, path.clone(), Some(&scene.over), 401));
        match need {
            cleanplate_access::Need::Role(role) if role.as_str() != "read" => {
                asked.push(("the role read", method, path.clone(), Some(&scene.reader), 403));
            }
            cleanplate_access::Need::Role(_) => {
                asked.push(("the role submit", method, path.clone(), Some(&scene.dropper), 403));
            }
            _ => {}
        }
        if path.contains(bobs) && method == "GET" {
            asked.push(("another owner's job", method, path, alice, 404));
        }
    }
    for (what, method, path, status) in [
        ("a slash more", "GET", "/api/v1/jobs/", 404),
        ("a slash more inside", "GET", "//api/v1/jobs", 404),
        ("a letter encoded", "GET", "/api/v1/%6aobs", 404),
        ("dots", "GET", "/healthz/..%2fapi/v1/jobs", 404),
        ("an id that is a path", "GET", "/api/v1/jobs/..%2f..%2fetc", 400),
        ("another method", "DELETE", "/api/v1/jobs", 405),
        ("TRACE", "TRACE", "/api/v1/jobs", 405),
        ("a form", "POST", "/api/v1/jobs", 415),
    ] {
        asked.push((what, method, path.to_owned(), alice, status));
    }
    for (_, what, input, code) in inputs(scene) {
        let query: String = form(&input);
        let status = if code == Code::PermissionDenied { 403 } else { 400 };
        asked.push((what, "GET", format!("/api/v1/glimpse?input={query}"), alice, status));
    }
    let others = format!("/api/v1/glimpse?owner=bob&input={}", form("/in/a.mp4"));
    asked.push(("for another owner", "GET", others, alice, 403));
    for (what, method, path, token, status) in asked {
        // A probe with an address of its own finds none here, and whoever is known may ask.
        let is_probe = ["/healthz", "/readyz", "/metrics"].contains(&path.as_str());
        if is_probe && what == "a join token" {
            continue;
        }
        let url = format!("{}{path}", scene.farm.url());
        let mut request = client.request(method.parse().unwrap(), url);
        if let Some(token) = token {
            request = request.bearer_auth(token.reveal());
        }
        let answer = request.send().await.unwrap();
        let code = answer.status().as_u16();
        let kind = answer.headers().get("content-type").map(|it| it.to_str().unwrap().to_owned());
        let said = answer.text().await.unwrap();
        let is_right = code == status && kind.as_deref() == Some("application/problem+json");
        let what = format!("{method} {}: {what}", path.replace(bobs, "{job}"));
        catalogue.add_other(
            "http",
            &what,
            Wanted::Http(status),
            (format!("{code}: {said}"), is_right),
        );
    }
}
