//! Whoever asks a coordinator over HTTP, with or without TLS and a token.

use std::fs;

use cleanplate_tests::closed::ClosedFarm;
use cleanplate_tests::cluster::PATIENCE;
use reqwest::{Certificate, Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;

/// Whoever asks.
pub(crate) struct Web {
    pub(crate) client: Client,
    pub(crate) url: String,
    pub(crate) token: Option<String>,
}

impl Web {
    pub(crate) fn of(url: String) -> Self {
        let client = Client::builder().timeout(PATIENCE).pool_max_idle_per_host(0).build().unwrap();
        Self { client, url, token: None }
    }

    /// Through TLS, by this token.
    pub(crate) fn closed(farm: &ClosedFarm, token: &str) -> Self {
        let authority = fs::read(farm.authority.certificate()).unwrap();
        let client = Client::builder()
            .timeout(PATIENCE)
            .tls_certs_only([Certificate::from_pem(&authority).unwrap()])
            .build()
            .unwrap();
        Self { client, url: farm.url(), token: Some(token.to_owned()) }
    }

    pub(crate) fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.url));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.ask(Method::GET, path).send().await.unwrap()
    }

    pub(crate) async fn get_json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}: {}", answer.text().await.unwrap());
        assert_eq!(answer.headers()["content-type"], "application/json");
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: &Value) -> Response {
        let request = self.ask(method, path).header("content-type", "application/json");
        request.body(body.to_string()).send().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Response {
        self.send(Method::POST, path, body).await
    }

    pub(crate) async fn submit(&self, body: &Value) -> String {
        let answer = self.post("/api/v1/jobs", body).await;
        let (status, place) = (answer.status(), answer.headers().get("location").cloned());
        let told: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert_eq!(status, StatusCode::CREATED, "{told}");
        let job = told["job"].as_str().unwrap().to_owned();
        assert_eq!(place.unwrap(), format!("/api/v1/jobs/{job}"));
        job
    }

    pub(crate) async fn keyed(&self, key: &str, body: &Value) -> Response {
        let request = self.ask(Method::POST, "/api/v1/jobs").header("idempotency-key", key);
        let request = request.header("content-type", "application/json");
        request.body(body.to_string()).send().await.unwrap()
    }

    pub(crate) async fn document(&self) -> Value {
        self.get_json("/openapi.json").await
    }
}

/// Insists that an answer is a problem of this status and name; returns it.
pub(crate) async fn problem(answer: Response, status: u16, name: &str) -> Value {
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
