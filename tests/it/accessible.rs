//! What axe-core says about every page, in light and dark, on a phone and a laptop; and that no page complains on its console.

use serde_json::{Value, json};

use crate::browser::{dashboard, demo_lake};
use crate::desk::{Client, Desk};
use crate::program::{Server, scratch};
use crate::tools::check_in_browser;

/// States of pages that links of the navigation do not show.
const STATES: [&str; 17] = [
    "/?range=24h&zone=Europe/Berlin&configuration_set=marketing",
    "/?from=2020-01-01T00:00&to=2020-01-02T00:00",
    "/rates?by=provider&compare=before&range=7d",
    "/rates?provider=nobody",
    "/providers?by=recipient_domain&limit=100&range=7d",
    "/campaigns?by=tag:campaign&order=complaints&range=7d",
    "/bounces?class=invalid_mailbox",
    "/bounces?provider=nobody",
    "/providers?configuration_set=(none)",
    "/delays?by=recipient_domain&range=7d",
    "/engagement?by=campaign&range=7d",
    "/silences",
    "/alerts/bounce_rate_10m",
    "/alerts/bounce_rate_10m?preview=1&warn=2+%25",
    "/messages?event_type=Bounce&range=24h",
    "/quarantine",
    "/health",
];

fn assert_clean(server: &Server, pages: &[Value]) {
    assert_clean_for(server, pages, &[]);
}

/// For somebody who sends these cookies.
fn assert_clean_for(server: &Server, pages: &[Value], cookies: &[(&str, &str)]) {
    let question = json!({
        "base": server.url, "navigation": true, "pages": pages, "cookies": cookies, "widths": [390, 1280],
        "schemes": ["light", "dark"], "axe": true,
    });
    let Some(answer) = check_in_browser(&question) else { return };
    assert!(answer["visited"].as_array().unwrap().len() >= pages.len() + 5, "{}", answer["visited"]);
    let findings: Vec<String> = answer["findings"].as_array().unwrap().iter().map(Value::to_string).collect();
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[test]
fn axe_finds_nothing_on_any_page() {
    let mut pages: Vec<Value> = STATES.map(|path| json!({"path": path})).into();
    pages.push(json!({"path": "/?range=fortnight", "status": 400}));
    pages.push(json!({"path": "/nowhere", "status": 404}));
    assert_clean(&dashboard(), &pages);
}

#[test]
fn axe_finds_nothing_where_there_are_no_events_yet() {
    let folder = scratch();
    let server = Server::serve(&folder.path().join("lake"), "");
    assert_clean(&server, &[]);
}

/// The page to sign in, wrong passwords included, and what the others show of whoever did.
#[test]
fn axe_finds_nothing_where_people_sign_in() {
    let desk = Desk::new();
    let server = desk.serve(&demo_lake().1, "--at 2026-11-01T00:00:00Z");
    let pages = ["/sign-in", "/sign-in?to=/rates", "/messages?event_type=Bounce&range=24h", "/alerts/bounce_rate_10m"];
    let pages: Vec<Value> = pages.map(|path| json!({"path": path})).into();
    for name in ["vera", "adam"] {
        let client = Client::signed_in(&server, name);
        let cookies: Vec<_> = client.cookies.iter().filter_map(|cookie| cookie.split_once('=')).collect();
        assert_clean_for(&server, &pages, &cookies);
    }
}
