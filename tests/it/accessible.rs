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
    "/import/quarantine",
    "/health",
];

/// These pages, and those of the navigation.
fn assert_clean(server: &Server, pages: &[Value]) {
    ask(server, &json!({"navigation": true, "pages": pages}), pages.len() + 5);
}

/// What there is to say of at least so many pages.
fn ask(server: &Server, what: &Value, least: usize) {
    let mut question = json!({"base": server.url, "widths": [390, 1280], "schemes": ["light", "dark"], "axe": true});
    question.as_object_mut().unwrap().extend(what.as_object().unwrap().clone());
    let Some(answer) = check_in_browser(&question) else { return };
    assert!(answer["visited"].as_array().unwrap().len() >= least, "{}", answer["visited"]);
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
    ask(&server, &json!({"pages": [{"path": "/sign-in"}, {"path": "/sign-in?to=/rates"}]}), 2);
    for name in ["vera", "adam"] {
        let client = Client::signed_in(&server, name);
        let cookies: Vec<_> = client.cookies.iter().filter_map(|cookie| cookie.split_once('=')).collect();
        let pages = ["/", "/messages?event_type=Bounce&range=24h", "/silences"].map(|path| json!({"path": path}));
        ask(&server, &json!({"pages": pages, "cookies": cookies}), pages.len());
    }
}
