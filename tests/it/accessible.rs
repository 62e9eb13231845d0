//! What axe-core says about every page, in light and dark, on a phone and a laptop; and that no page complains on its console.

use serde_json::{Value, json};

use crate::browser::dashboard;
use crate::program::{Server, scratch};
use crate::tools::check_in_browser;

/// States of pages that links of the navigation do not show.
const STATES: [&str; 9] = [
    "/?range=24h&zone=Europe/Berlin&configuration_set=marketing",
    "/?from=2020-01-01T00:00&to=2020-01-02T00:00",
    "/rates?by=provider&compare=before&range=7d",
    "/rates?provider=nobody",
    "/providers?by=recipient_domain&limit=100&range=7d",
    "/campaigns?by=tag:campaign&order=complaints&range=7d",
    "/bounces?class=invalid_mailbox",
    "/bounces?provider=nobody",
    "/providers?configuration_set=(none)",
];

fn assert_clean(server: &Server, pages: &[Value]) {
    let question = json!({
        "base": server.url, "navigation": true, "pages": pages, "widths": [390, 1280], "schemes": ["light", "dark"], "axe": true,
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
