//! The dashboard in a real browser: at phone and desktop widths, in light and dark, with its filters used by hand.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use repute_datasets::{Plan, generate};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::dump::{SEED, VERIFIED};
use crate::program::{SCRATCH, Server, import, runtime, scratch};
use crate::tools::installed;

/// Phone, laptop and desktop.
const WIDTHS: [u32; 3] = [390, 1_280, 1_920];

/// A chromedriver, ended when it is dropped.
struct Driver {
    child: Child,
    url: String,
    profile: TempDir,
}

impl Driver {
    fn start() -> Option<Self> {
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

/// A browser window.
struct Page {
    client: Client,
    session: String,
}

impl Page {
    /// A command of chromedriver's that WebDriver does not have.
    async fn post(&self, path: &str, body: &Value) -> Value {
        let answer = reqwest::Client::new().post(format!("{}/{path}", self.session)).json(body).send().await.unwrap();
        answer.json::<Value>().await.unwrap()["value"].clone()
    }

    async fn devtools(&self, command: &str, parameters: Value) {
        let answer = self.post("goog/cdp/execute", &json!({"cmd": command, "params": parameters})).await;
        assert!(answer["error"].is_null(), "{command}: {answer}");
    }

    async fn show(&self, width: u32, height: u32, scheme: &str) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
        let dark = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", dark).await;
    }

    async fn number(&self, script: &str) -> i64 {
        self.client.execute(&format!("return {script}"), Vec::new()).await.unwrap().as_f64().unwrap() as i64
    }

    /// Complaints of the browser: blocked styles, missing files, errors.
    async fn complaints(&self) -> Value {
        self.post("se/log", &json!({"type": "browser"})).await
    }

    async fn click(&self, selector: &str) {
        self.client
            .find(Locator::Css(selector))
            .await
            .unwrap_or_else(|e| panic!("{selector}: {e}"))
            .click()
            .await
            .unwrap();
    }

    /// The address once it holds the text, or what it is after five seconds.
    async fn address_with(&self, text: &str) -> String {
        let until = Instant::now() + Duration::from_secs(5);
        loop {
            let address = self.address().await;
            if address.contains(text) || Instant::now() > until {
                return address;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn address(&self) -> String {
        self.client.current_url().await.unwrap().to_string()
    }
}

/// A lake as the demo makes it: 60,000 events up to a fixed time.
fn demo_lake() -> &'static (TempDir, PathBuf) {
    static LAKE: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    LAKE.get_or_init(|| {
        let folder = scratch();
        let (dump, lake) = (folder.path().join("dump"), folder.path().join("lake"));
        generate(&Plan::new(60_000, SEED), &dump, &mut |_| ()).unwrap();
        import(&dump, &lake);
        (folder, lake)
    })
}

fn dashboard() -> Server {
    Server::serve(&demo_lake().1, &format!("--at 2026-11-01T00:00:00Z {VERIFIED}"))
}

#[test]
fn the_overview_fits_every_screen() {
    let Some(driver) = Driver::start() else { return };
    let server = dashboard();
    runtime().block_on(async {
        let page = driver.open().await;
        for width in WIDTHS {
            for scheme in ["light", "dark"] {
                page.show(width, 900, scheme).await;
                page.client.goto(&server.url).await.unwrap();
                assert_looks_right(&page, width, scheme).await;
                let height = page.number("document.documentElement.scrollHeight").await;
                page.show(width, height as u32, scheme).await;
                keep(&page.client.screenshot().await.unwrap(), width, scheme);
            }
        }
        assert_eq!(page.complaints().await, json!([]));
        page.client.close().await.unwrap();
    });
}

/// Pages, and how many charts each shows.
const PAGES: [(&str, i64); 8] = [
    ("rates", 5),
    ("rates?by=provider&compare=before", 5),
    ("rates?range=24h&zone=Asia/Kolkata&provider=Gmail", 5),
    ("providers", 0),
    ("campaigns?by=outgoing_ip&order=sends", 0),
    ("bounces", 0),
    ("bounces?class=content", 0),
    ("rates?from=2020-01-01T00:00&to=2020-01-02T00:00", 0),
];

#[test]
fn every_page_fits_every_screen() {
    let Some(driver) = Driver::start() else { return };
    let server = dashboard();
    runtime().block_on(async {
        let page = driver.open().await;
        for (path, charts) in PAGES {
            for width in WIDTHS {
                for scheme in ["light", "dark"] {
                    let at = format!("{path} at {width} px, {scheme}");
                    page.show(width, 900, scheme).await;
                    page.client.goto(&format!("{}/{path}", server.url)).await.unwrap();
                    let wide = page.number("document.documentElement.scrollWidth").await;
                    assert!(wide <= i64::from(width), "{at}: the page is {wide} px wide");
                    let shown =
                        "[...document.querySelectorAll('figure svg')].filter(s => s.getBoundingClientRect().width > 0)";
                    assert_eq!(page.number(&format!("{shown}.length")).await, charts, "{at}");
                    assert_eq!(page.number("document.querySelectorAll('h1').length").await, 1, "{at}");
                    let weight = "performance.getEntriesByType('navigation')[0].transferSize";
                    let weight = page.number(weight).await;
                    assert!((1..=150_000).contains(&weight), "{at}: {weight} bytes came");
                }
            }
        }
        assert_eq!(page.complaints().await, json!([]));
        page.client.close().await.unwrap();
    });
}

async fn assert_looks_right(page: &Page, width: u32, scheme: &str) {
    let at = format!("{width} px, {scheme}");
    assert_eq!(page.number("document.documentElement.clientWidth").await, i64::from(width), "{at}");
    let wide = page.number("document.documentElement.scrollWidth").await;
    assert!(wide <= i64::from(width), "{at}: the page is {wide} px wide");
    // Two charts are shown at every width, large enough to be read and not cut off.
    let charts =
        "[...document.querySelectorAll('figure svg')].map(s => s.getBoundingClientRect()).filter(b => b.width > 0)";
    assert_eq!(page.number(&format!("{charts}.length")).await, 2, "{at}");
    let readable =
        format!("{charts}.filter(b => b.width >= 250 && b.height >= 120 && b.left >= 0 && b.right <= {width}).length");
    assert_eq!(page.number(&readable).await, 2, "{at}");
    let ground =
        page.client.execute("return getComputedStyle(document.body).backgroundColor", Vec::new()).await.unwrap();
    let channels: Vec<u32> = ground
        .as_str()
        .unwrap()
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect();
    let is_light = channels[..3].iter().sum::<u32>() > 3 * 128;
    assert_eq!(is_light, scheme == "light", "{at}: the ground is {ground}");
}

/// Keeps a picture for people, and the two of the documentation where that is asked for.
fn keep(png: &[u8], width: u32, scheme: &str) {
    let folder = Path::new(SCRATCH).join("screenshots");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("overview-{width}-{scheme}.png")), png).unwrap();
    if width == 1_280 && std::env::var("REPUTE_UPDATE_SCREENSHOTS").as_deref() == Ok("1") {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
        fs::write(docs.join(format!("dashboard-{scheme}.png")), png).unwrap();
    }
}

#[test]
fn filters_work_by_hand_and_stand_in_the_address() {
    let Some(driver) = Driver::start() else { return };
    let server = dashboard();
    runtime().block_on(async {
        let page = driver.open().await;
        page.show(1_280, 900, "light").await;
        page.client.goto(&server.url).await.unwrap();
        page.click("a[href*='range=7d']").await;
        assert!(page.address().await.contains("range=7d"), "{}", page.address().await);
        page.click("select[name=configuration_set] option[value=marketing]").await;
        page.click("form button[type=submit]").await;
        let address = page.address_with("configuration_set=marketing").await;
        assert!(address.contains("configuration_set=marketing") && address.contains("range=7d"), "{address}");
        let rows = page.number("document.querySelectorAll('table.sets tbody tr').length").await;
        assert_eq!(rows, 1);
        // The address alone brings the same page back.
        page.client.goto(&address).await.unwrap();
        let shown = page
            .client
            .find(Locator::Css("select[name=configuration_set]"))
            .await
            .unwrap()
            .prop("value")
            .await
            .unwrap();
        assert_eq!(shown.as_deref(), Some("marketing"));
        page.click("table.sets tbody th a").await;
        assert!(page.address().await.contains("configuration_set=marketing"));
        assert_eq!(page.complaints().await, json!([]));
        page.client.close().await.unwrap();
    });
}

#[test]
fn an_empty_lake_says_what_to_do() {
    let Some(driver) = Driver::start() else { return };
    let folder = scratch();
    let server = Server::serve(&folder.path().join("lake"), "");
    runtime().block_on(async {
        let page = driver.open().await;
        page.show(390, 844, "light").await;
        page.client.goto(&server.url).await.unwrap();
        assert!(page.client.find(Locator::Css("h1")).await.unwrap().text().await.unwrap().contains("No events yet"));
        assert!(page.number("document.documentElement.scrollWidth").await <= 390);
        assert_eq!(page.complaints().await, json!([]));
        page.client.close().await.unwrap();
    });
}
