//! A browser, driven over WebDriver: Chromium and its driver, where this machine has both (`scripts/setup-chromium.sh`).

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use cleanplate_tests::cluster::{PATIENCE, free_port};
use reqwest::{Client, Method};
use serde_json::{Value, json};

/// How long to wait before a page is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// The key of an element's id in what the driver answers.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A window of a browser; it ends when this is dropped.
pub(super) struct Browser {
    driver: Child,
    client: Client,
    session: String,
    _profile: tempfile::TempDir,
}

/// Why there is no browser on this machine; nothing where there is one.
pub(super) fn missing() -> Option<String> {
    let is_there = |program: &str| {
        Command::new(program).arg("--version").output().is_ok_and(|it| it.status.success())
    };
    let absent = ["chromium", "chromedriver"].into_iter().find(|program| !is_there(program))?;
    Some(format!("{absent} is not installed; scripts/setup-chromium.sh does it"))
}

impl Browser {
    /// Opens a window of this size, for a person who likes pages light or dark.
    pub(super) async fn open((width, height): (u32, u32), dark: bool) -> Self {
        let port = free_port();
        let profile = tempfile::tempdir().unwrap();
        let driver = Command::new("chromedriver")
            .args([format!("--port={port}"), "--silent".to_owned()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the driver starts");
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let mut arguments = vec![
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--ignore-certificate-errors".to_owned(),
            "--no-proxy-server".to_owned(),
            "--no-first-run".to_owned(),
            format!("--window-size={width},{height}"),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        if dark {
            arguments.push("--blink-settings=preferredColorScheme=0".to_owned());
        }
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "acceptInsecureCerts": true,
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        let mut browser =
            Self { driver, client, session: format!("{url}/session"), _profile: profile };
        let deadline = Instant::now() + PATIENCE;
        let begun = loop {
            let asked = browser.client.post(&browser.session).body(wanted.to_string()).send().await;
            match asked {
                Ok(answer) => break answer.text().await.unwrap(),
                Err(error) => {
                    assert!(Instant::now() < deadline, "the driver does not answer: {error}")
                }
            }
            tokio::time::sleep(ASK_AGAIN).await;
        };
        let begun: Value = serde_json::from_str(&begun).unwrap();
        let id = begun["value"]["sessionId"].as_str().unwrap_or_else(|| panic!("{begun}"));
        browser.session = format!("{url}/session/{id}");
        browser
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> Result<Value, String> {
        let request = self.client.request(method.clone(), format!("{}{path}", self.session));
        let request = if method == Method::GET { request } else { request.body(body.to_string()) };
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let text = answer.text().await.map_err(|error| error.to_string())?;
        let told: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        match told["value"].get("error") {
            Some(error) => Err(format!("{path}: {error}: {}", told["value"]["message"])),
            None => Ok(told["value"].clone()),
        }
    }

    /// Goes to a page.
    pub(super) async fn go(&self, url: &str) {
        self.ask(Method::POST, "/url", json!({ "url": url })).await.unwrap();
    }

    /// Runs a function's body in the page; returns its value.
    pub(super) async fn run(&self, script: &str) -> Value {
        let body = json!({ "script": script, "args": [] });
        self.ask(Method::POST, "/execute/sync", body)
            .await
            .unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    async fn find(&self, selector: &str) -> Option<String> {
        let body = json!({ "using": "css selector", "value": selector });
        let found = self.ask(Method::POST, "/element", body).await.ok()?;
        found[ELEMENT].as_str().map(str::to_owned)
    }

    /// Waits until the page has such an element.
    pub(super) async fn wait_for(&self, selector: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(element) = self.find(selector).await {
                return element;
            }
            if Instant::now() > deadline {
                panic!("no {selector} at {}: {}", self.at().await, self.text("body").await);
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    /// Waits until a script's value is true.
    pub(super) async fn until(&self, what: &str, script: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.run(script).await != Value::Bool(true) {
            if Instant::now() > deadline {
                panic!("not in time: {what} at {}: {}", self.at().await, self.text("body").await);
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    /// Presses a button or follows a link.
    pub(super) async fn click(&self, selector: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            // A part of the page may be replaced in this very moment.
            let element = self.wait_for(selector).await;
            match self.ask(Method::POST, &format!("/element/{element}/click"), json!({})).await {
                Ok(_) => return,
                Err(error) => assert!(Instant::now() < deadline, "{selector}: {error}"),
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    /// Types into a field.
    pub(super) async fn type_into(&self, selector: &str, text: &str) {
        let element = self.wait_for(selector).await;
        self.ask(Method::POST, &format!("/element/{element}/clear"), json!({})).await.ok();
        let path = format!("/element/{element}/value");
        self.ask(Method::POST, &path, json!({ "text": text })).await.unwrap();
    }

    /// Presses keys, one after the other, wherever the focus is.
    pub(super) async fn press(&self, keys: &[&str]) {
        let actions: Vec<Value> = keys
            .iter()
            .flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key })))
            .collect();
        let body = json!({ "actions": [{ "type": "key", "id": "keys", "actions": actions }] });
        self.ask(Method::POST, "/actions", body).await.unwrap();
    }

    /// Draws with the mouse from one point to another of an element, in shares of a thousand of its size.
    pub(super) async fn drag(&self, selector: &str, from: (u32, u32), to: (u32, u32)) {
        self.wait_for(selector).await;
        let script = format!(
            "const box = document.querySelector({selector:?}); box.scrollIntoView({{ block: 'center' }}); \
             const it = box.getBoundingClientRect(); return [it.x, it.y, it.width, it.height];"
        );
        let place = self.run(&script).await;
        let part = |at: usize| place[at].as_f64().unwrap();
        let point = |(x, y): (u32, u32)| {
            let x = part(0) + part(2) * f64::from(x) / 1000.0;
            let y = part(1) + part(3) * f64::from(y) / 1000.0;
            json!({ "type": "pointerMove", "duration": 60, "origin": "viewport", "x": x as i64, "y": y as i64 })
        };
        let actions = json!([
            point(from),
            { "type": "pointerDown", "button": 0 },
            point(to),
            { "type": "pointerUp", "button": 0 },
        ]);
        let body = json!({ "actions": [{
            "type": "pointer", "id": "mouse", "parameters": { "pointerType": "mouse" }, "actions": actions,
        }] });
        self.ask(Method::POST, "/actions", body).await.unwrap();
    }

    /// Where it is.
    pub(super) async fn at(&self) -> String {
        self.ask(Method::GET, "/url", Value::Null).await.unwrap().as_str().unwrap().to_owned()
    }

    /// What an element says; nothing where it is not there.
    pub(super) async fn text(&self, selector: &str) -> String {
        let script = format!("return document.querySelector({selector:?})?.textContent ?? '';");
        self.run(&script).await.as_str().unwrap_or_default().to_owned()
    }

    /// Keeps a picture of the whole page.
    pub(super) async fn picture(&self, path: &Path) {
        let told = self.ask(Method::GET, "/screenshot", Value::Null).await.unwrap();
        let bytes =
            base64::engine::general_purpose::STANDARD.decode(told.as_str().unwrap()).unwrap();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// Sets the size of the window.
    pub(super) async fn resize(&self, width: u32, height: u32) {
        let body = json!({ "width": width, "height": height });
        self.ask(Method::POST, "/window/rect", body).await.unwrap();
    }

    /// What the browser's console has to complain of since it was last asked.
    pub(super) async fn complaints(&self) -> Vec<String> {
        let told = self.ask(Method::POST, "/se/log", json!({ "type": "browser" })).await.unwrap();
        let told = told.as_array().unwrap().iter();
        told.filter(|it| it["level"] == "SEVERE" || it["level"] == "WARNING")
            .map(Value::to_string)
            .collect()
    }

    /// From now on adds up how far things moved by themselves on this page.
    pub(super) async fn watch_shifts(&self) {
        let script = "window.moved = 0; new PerformanceObserver((list) => { for (const it of list.getEntries()) { \
                      if (!it.hadRecentInput) window.moved += it.value; } }).observe({ type: 'layout-shift' });";
        self.run(script).await;
    }

    /// How far things moved.
    pub(super) async fn shifts(&self) -> f64 {
        self.run("return window.moved;").await.as_f64().expect("it was watched")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends its browser when it is asked to end.
        let id = self.driver.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().ok();
        self.driver.wait().ok();
    }
}
