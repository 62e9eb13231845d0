//! Debian's chromium and chromedriver, driven as somebody at a screen would: real keys, real pointer.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{runtime, scratch};
use crate::tools::installed;

/// What is waited for must come within this time.
const PATIENCE: Duration = Duration::from_secs(10);

/// A chromedriver, ended when it is dropped.
pub(crate) struct Driver {
    child: Child,
    url: String,
    profile: TempDir,
}

impl Driver {
    /// Nothing if this test may be left out.
    pub(crate) fn start() -> Option<Self> {
        installed("chromium")?;
        let mut command = Command::new(installed("chromedriver")?);
        let mut child = command.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            line.split_once("successfully on port ").map(|(_, port)| port.trim_end_matches('.').to_owned())
        });
        let url = format!("http://127.0.0.1:{}", port.expect("chromedriver names its port"));
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { child, url, profile: scratch() })
    }

    async fn open(&self) -> Page {
        let profile = format!("--user-data-dir={}", self.profile.path().display());
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--hide-scrollbars",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            &profile,
        ];
        let options = json!({"binary": "/usr/bin/chromium", "args": arguments});
        let capabilities = json!({"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}});
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let client = builder.capabilities(capabilities.as_object().unwrap().clone()).connect(&self.url).await.unwrap();
        let session = client.session_id().await.unwrap().unwrap();
        Page { client, session: format!("{}/session/{session}", self.url) }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Gives a browser's window of 1,280 x 900 to a test; afterwards nothing may have been complained of on its console. Leaves the test out
/// where there is no browser and it may be.
pub(crate) fn browse(test: impl AsyncFnOnce(&Page)) {
    let Some(driver) = Driver::start() else { return };
    runtime().block_on(async {
        let page = driver.open().await;
        page.show(1_280, 900, "light").await;
        test(&page).await;
        assert_eq!(page.complaints().await, json!([]));
        page.client.clone().close().await.unwrap();
    });
}

/// A browser window.
pub(crate) struct Page {
    pub(crate) client: Client,
    session: String,
}

impl Page {
    /// A command of chromedriver's that WebDriver does not have.
    async fn post(&self, path: &str, body: &Value) -> Value {
        let answer = reqwest::Client::new().post(format!("{}/{path}", self.session)).json(body).send().await.unwrap();
        answer.json::<Value>().await.unwrap()["value"].clone()
    }

    pub(crate) async fn devtools(&self, command: &str, parameters: Value) {
        let answer = self.post("goog/cdp/execute", &json!({"cmd": command, "params": parameters})).await;
        assert!(answer["error"].is_null(), "{command}: {answer}");
    }

    /// In this size, and in the colours that the system asks for: `light` or `dark`.
    pub(crate) async fn show(&self, width: u32, height: u32, scheme: &str) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
        let dark = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", dark).await;
    }

    pub(crate) async fn goto(&self, address: &str) {
        self.client.goto(address).await.unwrap();
    }

    /// What an expression is in the page.
    pub(crate) async fn value(&self, script: &str) -> Value {
        self.client.execute(&format!("return {script}"), Vec::new()).await.unwrap_or_else(|e| panic!("{script}: {e}"))
    }

    pub(crate) async fn number(&self, script: &str) -> i64 {
        self.value(script).await.as_f64().unwrap_or_else(|| panic!("{script} is no number")) as i64
    }

    pub(crate) async fn text(&self, selector: &str) -> String {
        let text = self.value(&format!("document.querySelector({selector:?}).textContent")).await;
        text.as_str().unwrap().trim().to_owned()
    }

    /// Complaints of the browser since the last time: blocked styles, missing files, errors.
    pub(crate) async fn complaints(&self) -> Value {
        self.post("se/log", &json!({"type": "browser"})).await
    }

    pub(crate) async fn click(&self, selector: &str) {
        let found = self.client.find(Locator::Css(selector)).await.unwrap_or_else(|e| panic!("{selector}: {e}"));
        found.click().await.unwrap();
    }

    /// Presses keys one after the other: `Tab`, `Enter`, `ArrowLeft`, with `Shift+` before them if it is held.
    pub(crate) async fn press(&self, keys: &[&str]) {
        for key in keys {
            let (shift, key) = key.strip_prefix("Shift+").map_or((0, *key), |key| (8, key));
            let code = match key {
                "Tab" => 9,
                "Enter" => 13,
                "Escape" => 27,
                "End" => 35,
                "Home" => 36,
                "ArrowLeft" => 37,
                "ArrowRight" => 39,
                other => panic!("`{other}` is not known here"),
            };
            let mut event = json!({"type": "rawKeyDown", "key": key, "code": key, "windowsVirtualKeyCode": code, "modifiers": shift});
            self.devtools("Input.dispatchKeyEvent", event.clone()).await;
            if key == "Enter" {
                let mut typed = event.clone();
                typed["type"] = "char".into();
                typed["text"] = "\r".into();
                self.devtools("Input.dispatchKeyEvent", typed).await;
            }
            event["type"] = "keyUp".into();
            self.devtools("Input.dispatchKeyEvent", event).await;
        }
    }

    /// What the pointer does: `mouseMoved`, `mousePressed`, `mouseReleased`.
    pub(crate) async fn pointer(&self, what: &str, x: f64, y: f64) {
        let is_button = what != "mouseMoved";
        let event = json!({
            "type": what, "x": x, "y": y, "button": if is_button { "left" } else { "none" },
            "buttons": u8::from(what == "mousePressed"), "clickCount": u8::from(is_button),
        });
        self.devtools("Input.dispatchMouseEvent", event).await;
    }

    /// Waits until an expression is true in the page.
    #[track_caller]
    pub(crate) fn until<'a>(&'a self, script: &'a str) -> impl Future<Output = ()> + 'a {
        let place = std::panic::Location::caller();
        async move {
            let until = Instant::now() + PATIENCE;
            while self.value(script).await != true {
                assert!(Instant::now() < until, "{place}: never true: {script}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// The address once it holds the text.
    pub(crate) async fn address_with(&self, text: &str) -> String {
        self.until(&format!("location.href.includes({text:?})")).await;
        self.address().await
    }

    pub(crate) async fn address(&self) -> String {
        self.client.current_url().await.unwrap().to_string()
    }
}
