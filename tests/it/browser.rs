//! The dashboard in a real browser: at phone and desktop widths, in light and dark, with pointer and keys.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use repute_datasets::{Plan, generate};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::driver::{Page, browse};
use crate::dump::{SEED, VERIFIED};
use crate::program::{SCRATCH, Server, import, scratch};

/// Phone, laptop and desktop.
const WIDTHS: [u32; 3] = [390, 1_280, 1_920];

/// What a page may weigh with its style and script, as it comes and unpacked; charts are part of the page, but images.
const LIGHT: i64 = 60_000;
const UNPACKED: i64 = 150_000;

/// A lake as the demo makes it: 60,000 events up to a fixed time.
pub(crate) fn demo_lake() -> &'static (TempDir, PathBuf) {
    static LAKE: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    LAKE.get_or_init(|| {
        let folder = scratch();
        let (dump, lake) = (folder.path().join("dump"), folder.path().join("lake"));
        generate(&Plan::new(60_000, SEED), &dump, &mut |_| ()).unwrap();
        import(&dump, &lake);
        (folder, lake)
    })
}

pub(crate) fn dashboard() -> Server {
    Server::serve(&demo_lake().1, &format!("--at 2026-11-01T00:00:00Z {VERIFIED}"))
}

/// The addresses of the navigation.
async fn navigation(page: &Page, server: &Server) -> Vec<String> {
    page.goto(&server.url).await;
    let links = page.value("[...document.querySelectorAll('nav[aria-label=Pages] a')].map(a => a.href)").await;
    links.as_array().unwrap().iter().map(|link| link.as_str().unwrap().to_owned()).collect()
}

/// Pages beside those of the navigation, and how many charts each shows.
const PAGES: [(&str, i64); 9] = [
    ("", 3),
    ("rates", 5),
    ("rates?by=provider&compare=before&range=7d", 5),
    ("rates?range=24h&zone=Asia/Kolkata&provider=Gmail", 5),
    ("providers?by=recipient_domain&limit=100", 0),
    ("campaigns?by=outgoing_ip&order=sends", 0),
    ("bounces?class=content", 0),
    ("rates?from=2020-01-01T00:00&to=2020-01-02T00:00", 0),
    ("?from=2020-01-01T00:00&to=2020-01-02T00:00", 0),
];

#[test]
fn every_page_fits_every_screen() {
    browse(async |page| {
        let server = dashboard();
        let mut pages: Vec<(String, Option<i64>)> =
            navigation(page, &server).await.into_iter().map(|address| (address, None)).collect();
        assert!(pages.len() >= 5, "{pages:?}");
        pages.extend(PAGES.map(|(path, charts)| (format!("{}/{path}", server.url), Some(charts))));
        for (address, charts) in pages {
            for width in WIDTHS {
                for scheme in ["light", "dark"] {
                    page.show(width, 900, scheme).await;
                    page.goto(&address).await;
                    assert_fits(page, &format!("{address} at {width} px, {scheme}"), width, scheme, charts).await;
                }
            }
            assert_is_light(page, &address).await;
        }
    });
}

async fn assert_fits(page: &Page, at: &str, width: u32, scheme: &str, charts: Option<i64>) {
    let wide = page.number("document.documentElement.scrollWidth").await;
    assert!(wide <= i64::from(width), "{at}: the page is {wide} px wide");
    assert_eq!(page.number("document.querySelectorAll('h1').length").await, 1, "{at}");
    // Charts are large enough to be read and not cut off.
    let shown = "[...document.querySelectorAll('figure svg.chart')].map(svg => svg.getBoundingClientRect())";
    let readable =
        format!("{shown}.filter(b => b.width >= 250 && b.height >= 120 && b.left >= 0 && b.right <= {width}).length");
    let readable = page.number(&readable).await;
    assert_eq!(page.number(&format!("{shown}.length")).await, readable, "{at}");
    assert_eq!(readable, charts.unwrap_or(readable), "{at}");
    let ground = page.value("getComputedStyle(document.body).backgroundColor").await;
    assert_eq!(is_light(&ground), scheme == "light", "{at}: the ground is {ground}");
}

fn is_light(colour: &Value) -> bool {
    let digits = colour.as_str().unwrap().split(|c: char| !c.is_ascii_digit());
    let channels: Vec<u32> = digits.filter_map(|digits| digits.parse().ok()).collect();
    channels[..3].iter().sum::<u32>() > 3 * 128
}

async fn assert_is_light(page: &Page, at: &str) {
    let entries = "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]";
    let sum = |what: &str| format!("{entries}.reduce((sum, entry) => sum + entry.{what}, 0)");
    let images =
        page.number("[...document.querySelectorAll('svg')].reduce((sum, svg) => sum + svg.outerHTML.length, 0)");
    let images = images.await;
    let unpacked = page.number(&sum("decodedBodySize")).await;
    // What is kept from the page before counts as well.
    let light = page.number(&sum("encodedBodySize")).await;
    assert!((1..=LIGHT).contains(&light), "{at}: {light} bytes come");
    assert!(unpacked - images <= UNPACKED, "{at}: {unpacked} bytes, {images} of them charts");
    println!("{at}: {light} bytes packed, {unpacked} unpacked, {images} of them drawings");
}

#[test]
fn pictures_are_kept_for_people() {
    browse(async |page| {
        let server = dashboard();
        for width in WIDTHS {
            for scheme in ["light", "dark"] {
                page.show(width, 900, scheme).await;
                page.goto(&server.url).await;
                let height = page.number("document.documentElement.scrollHeight").await;
                page.show(width, height as u32, scheme).await;
                let folder = Path::new(SCRATCH).join("screenshots");
                fs::create_dir_all(&folder).unwrap();
                let png = page.client.screenshot().await.unwrap();
                fs::write(folder.join(format!("overview-{width}-{scheme}.png")), png).unwrap();
            }
        }
    });
}

#[test]
fn filters_work_by_hand_and_stand_in_the_address() {
    browse(async |page| {
        let server = dashboard();
        page.goto(&server.url).await;
        page.click("a[href*='range=7d']").await;
        page.address_with("range=7d").await;
        page.click("select[name=configuration_set] option[value=marketing]").await;
        page.click(".filters button[type=submit]").await;
        let address = page.address_with("configuration_set=marketing").await;
        assert!(address.contains("range=7d"), "{address}");
        assert_eq!(page.number("document.querySelectorAll('table.sets tbody tr').length").await, 1);
        // The address alone brings the same page back.
        page.goto(&address).await;
        assert_eq!(page.value("document.querySelector('select[name=configuration_set]').value").await, "marketing");
        // Another page keeps what is chosen, and adds to it.
        page.click("nav[aria-label=Pages] a[href^='/rates']").await;
        let rates = page.address_with("/rates?").await;
        assert!(rates.contains("range=7d") && rates.contains("configuration_set=marketing"), "{rates}");
        page.click(".more-filters summary").await;
        page.value("document.querySelector('input[name=filter]').value = 'provider'").await;
        page.value("document.querySelector('input[name=value]').value = 'Gmail'").await;
        page.value("document.querySelector('input[name=zone]').value = 'Europe/Berlin'").await;
        page.click(".filters button[type=submit]").await;
        let address = page.address_with("value=Gmail").await;
        assert!(page.text(".chips").await.contains("provider: Gmail"), "{}", page.text(".chips").await);
        assert!(
            address.contains("zone=Europe%2FBerlin") && address.contains("configuration_set=marketing"),
            "{address}"
        );
        let shown = page.text(".page-head p").await;
        assert!(shown.contains("CET") || shown.contains("CEST"), "{shown}");
        page.click(".chips a").await;
        page.until("!document.querySelector('.chips')").await;
        assert!(page.address().await.contains("configuration_set=marketing"), "{}", page.address().await);
    });
}

#[test]
fn rates_are_compared_and_divided() {
    browse(async |page| {
        let server = dashboard();
        page.goto(&format!("{}/rates?range=7d", server.url)).await;
        page.click("a.toggle").await;
        page.address_with("compare=before").await;
        assert!(page.text(".legend").await.contains("period before"));
        page.click("nav[aria-label='Divide by'] a[href*='by=provider']").await;
        let address = page.address_with("by=provider").await;
        assert!(address.contains("compare=before") && address.contains("range=7d"), "{address}");
        let legend = page.text(".legend").await;
        assert!(legend.contains("Gmail") && legend.contains("period before"), "{legend}");
        // The figures are there as a table too, a column for each line.
        let columns = page.number("document.querySelectorAll('#chart-bounce_rate thead th').length").await;
        assert_eq!(columns, 5 + 6);
    });
}

/// The middle of a window of a chart, on the screen.
pub(crate) async fn place_of(page: &Page, chart: &str, window: usize) -> (f64, f64) {
    let place = format!(
        "(hint => {{ hint.scrollIntoView({{block: 'center'}}); const b = hint.getBoundingClientRect(); return [b.left + b.width / 2, \
         b.top + b.height / 3]; }})(document.querySelectorAll('#{chart} .hint')[{window}])"
    );
    let place = page.value(&place).await;
    (place[0].as_f64().unwrap(), place[1].as_f64().unwrap())
}

#[test]
fn the_pointer_shows_the_figures_of_a_window_and_chooses_a_range() {
    browse(async |page| {
        let server = dashboard();
        page.goto(&format!("{}/rates", server.url)).await;
        let (x, y) = place_of(page, "chart-bounce_rate", 20).await;
        page.pointer("mouseMoved", x, y).await;
        let tip = page.text("#chart-bounce_rate .plot-tip").await;
        let cells = "[...document.querySelectorAll('#chart-bounce_rate tbody tr')[20].cells].map(c => c.textContent)";
        let row = page.value(cells).await;
        for cell in [1, 2, 3, 4] {
            assert!(tip.contains(row[cell].as_str().unwrap()), "{tip} is not {row}");
        }
        assert_eq!(page.value("document.querySelector('#chart-delivery_rate .plot-line').hidden").await, false);
        assert_eq!(page.value("document.querySelector('#chart-delivery_rate .plot-tip').hidden").await, true);
        let (end, _) = place_of(page, "chart-bounce_rate", 25).await;
        page.pointer("mousePressed", x, y).await;
        page.pointer("mouseMoved", end, y).await;
        page.pointer("mouseReleased", end, y).await;
        // Windows of half a day from 2026-10-11 on: the 21st to the 26th.
        let address = page.address_with("from=").await;
        assert!(address.contains("from=2026-10-21T00%3A00&to=2026-10-24T00%3A00"), "{address}");
    });
}

#[test]
fn everything_can_be_reached_with_keys() {
    browse(async |page| {
        let server = dashboard();
        page.goto(&format!("{}/rates", server.url)).await;
        page.press(&["Tab"]).await;
        assert_eq!(page.text(":focus").await, "Skip to content");
        page.press(&["Enter"]).await;
        assert_eq!(page.value("document.activeElement.id").await, "main");
        // From there on, what a pointer can do: each stop is seen, and says what it is.
        let mut stops: Vec<String> = Vec::new();
        for _ in 0..200 {
            page.press(&["Tab"]).await;
            let stop = "(e => e === document.body ? '' : (e.ariaLabel || e.labels?.[0]?.innerText || e.innerText || e.title || '?'))(document.activeElement)";
            let stop = page.value(stop).await.as_str().unwrap().trim().to_owned();
            if stop.is_empty() || stop == "Skip to content" {
                break;
            }
            let outline = page.value("getComputedStyle(document.activeElement).outlineStyle").await;
            assert_ne!(outline, "none", "{stop} does not show that it has the focus");
            assert_ne!(stop, "?", "{}", page.value("document.activeElement.outerHTML").await);
            stops.push(stop);
        }
        for wanted in
            ["24 hours", "Configuration set", "More filters", "Apply", "provider", "CSV", "Figures as a table"]
        {
            assert!(stops.iter().any(|stop| stop.contains(wanted)), "{wanted} is not among {stops:?}");
        }
        page.value("document.querySelector('#chart-bounce_rate .plot-box').focus()").await;
        page.press(&["Home", "ArrowRight"]).await;
        let told = page.text("#chart-bounce_rate [role=status]").await;
        assert!(told.starts_with("11 Oct 12:00 to 12 Oct 00:00 UTC, "), "{told}");
        page.press(&["Shift+ArrowRight", "Shift+ArrowRight", "Enter"]).await;
        let address = page.address_with("from=").await;
        assert!(address.contains("from=2026-10-11T12%3A00&to=2026-10-13T00%3A00"), "{address}");
    });
}

#[test]
fn colours_follow_the_system_until_others_are_chosen() {
    browse(async |page| {
        let server = dashboard();
        let ground = async || page.value("getComputedStyle(document.body).backgroundColor").await;
        page.show(1_280, 900, "dark").await;
        page.goto(&server.url).await;
        assert!(!is_light(&ground().await));
        page.click("[data-theme-choice=light]").await;
        assert!(is_light(&ground().await));
        page.goto(&format!("{}/bounces", server.url)).await;
        assert!(is_light(&ground().await), "kept on the next page");
        assert_eq!(page.value("document.querySelector('[data-theme-choice=light]').ariaPressed").await, "true");
        page.click("[data-theme-choice='']").await;
        assert!(!is_light(&ground().await));
    });
}

#[test]
fn without_a_script_everything_but_live_figures_works() {
    browse(async |page| {
        let server = dashboard();
        page.devtools("Emulation.setScriptExecutionDisabled", json!({"value": true})).await;
        page.show(390, 844, "light").await;
        page.goto(&server.url).await;
        let shown = async |selector: &str| {
            page.client.find(fantoccini::Locator::Css(selector)).await.unwrap().is_displayed().await.unwrap()
        };
        assert!(!shown(".live").await && !shown("nav[aria-label=Pages]").await);
        page.click(".menu-button").await;
        assert!(shown("nav[aria-label=Pages]").await);
        page.click("nav[aria-label=Pages] a[href^='/rates']").await;
        assert!(page.address().await.ends_with("/rates"), "{}", page.address().await);
        page.click("a[href*='range=7d']").await;
        page.click(".more-filters summary").await;
        page.click(".filters button[type=submit]").await;
        assert!(page.address().await.contains("range=7d"), "{}", page.address().await);
        page.devtools("Emulation.setScriptExecutionDisabled", json!({"value": false})).await;
    });
}

#[test]
fn an_empty_lake_says_what_to_do() {
    browse(async |page| {
        let folder = scratch();
        let server = Server::serve(&folder.path().join("lake"), "");
        page.show(390, 844, "light").await;
        page.goto(&server.url).await;
        assert_eq!(page.text("h1").await, "No events yet");
        assert!(page.number("document.documentElement.scrollWidth").await <= 390);
    });
}
