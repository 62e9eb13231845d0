//! Pages that stay open: figures follow the lake, and whoever reads keeps the place.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use serde_json::json;

use crate::driver::{Page, browse};
use crate::mail::{Lake, Mail};
use crate::program::{Server, poll};

/// Mail of the last hours, and some that bounced.
fn events(range: std::ops::Range<usize>) -> Vec<String> {
    let start: DateTime<Utc> = Utc::now().duration_trunc(TimeDelta::minutes(1)).unwrap() - TimeDelta::hours(5);
    let mails = range.map(|number| {
        let sent = start + TimeDelta::seconds(number as i64);
        Mail { set: format!("set-{}", number % 3), ..Mail::new(number, sent) }
    });
    let told = |mail: Mail| {
        let bounces = mail.id.ends_with('7').then(|| mail.bounce("Permanent", "NoEmail"));
        std::iter::once(mail.send()).chain(bounces).collect::<Vec<_>>()
    };
    mails.flat_map(told).collect()
}

/// Waits until the server tells of so many sends.
fn await_sends(server: &Server, sends: u64) {
    let told = || {
        let answer = server.get("/api/v1/rates");
        (answer.status == 200 && answer.json()[0]["counts"]["send"] == sends).then_some(())
    };
    tokio::task::block_in_place(|| poll("the new events", std::time::Duration::from_secs(20), told));
}

/// As if half a minute had passed.
async fn look_again(page: &Page) {
    page.value("void (document.body.dataset.live = '0')").await;
    page.value("void document.dispatchEvent(new Event('visibilitychange'))").await;
    page.until("document.querySelector('[data-live-status]').textContent.startsWith('Updated')").await;
    page.value("void (document.body.dataset.live = '30')").await;
}

#[test]
fn figures_follow_the_lake_and_the_reader_keeps_the_place() {
    browse(async |page| {
        let mut lake = Lake::of(&events(0..600));
        let server = Server::serve(&lake.path(), "");
        page.goto(&format!("{}/?range=24h", server.url)).await;
        page.until("document.querySelector('[data-live-status]').textContent.startsWith('Loaded')").await;
        let sends = "document.querySelector('.tile-figure').textContent";
        assert_eq!(page.value(sends).await, "600");

        // A reader: something unfolded, something typed, something marked, a table scrolled, a chart under the pointer.
        page.click("#chart-bounce_rate summary").await;
        page.click(".more-filters summary").await;
        page.value("void (document.querySelector('input[name=value]').value = 'half a wo')").await;
        page.value("void document.querySelector('input[name=value]').focus()").await;
        page.value("void document.querySelector('input[name=value]').setSelectionRange(2, 5)").await;
        page.value("void (document.querySelector('#chart-bounce_rate .scroll').scrollTop = 120)").await;
        let (x, y) = crate::browser::place_of(page, "chart-bounce_rate", 30).await;
        page.pointer("mouseMoved", x, y).await;
        page.until("!document.querySelector('#chart-bounce_rate .plot-tip').hidden").await;
        // What stands above may become longer: the place is where the chart stands on the screen.
        let place_of_chart = "Math.round(document.querySelector('#chart-bounce_rate').getBoundingClientRect().top)";
        let place = page.number(place_of_chart).await;
        assert!(page.number("scrollY").await > 0);

        lake.add(&events(600..1_000));
        await_sends(&server, 1_000);
        look_again(page).await;
        assert_eq!(page.value(sends).await, "1,000");
        assert_eq!(page.number(place_of_chart).await, place);
        assert_eq!(page.value("document.querySelector('#chart-bounce_rate details').open").await, true);
        assert_eq!(page.number("document.querySelector('#chart-bounce_rate .scroll').scrollTop").await, 120);
        assert_eq!(page.value("document.querySelector('.more-filters').open").await, true);
        assert_eq!(page.value("document.activeElement.name").await, "value");
        let field = "(f => [f.value, f.selectionStart, f.selectionEnd])(document.activeElement)";
        assert_eq!(page.value(field).await, json!(["half a wo", 2, 5]));
        assert_eq!(page.value("document.querySelector('#chart-bounce_rate .plot-tip').hidden").await, false);
        let status = page.text("[data-live-status]").await;
        assert!(status.starts_with("Updated ") && status.ends_with(" UTC"), "{status}");
        // What is announced is announced politely.
        assert_eq!(page.value("document.querySelector('[data-live-status]').role").await, "status");
    });
}

#[test]
fn a_server_that_cannot_be_reached_is_told_with_the_age_of_what_is_shown() {
    browse(async |page| {
        let lake = Lake::of(&events(0..60));
        let mut server = Server::serve(&lake.path(), "");
        page.goto(&server.url).await;
        page.until("document.querySelector('[data-live-status]').textContent.startsWith('Loaded')").await;
        server.terminate();
        page.click("[data-live-now]").await;
        page.until("document.querySelector('.live').dataset.state === 'lost'").await;
        let status = page.text("[data-live-status]").await;
        assert!(
            status.starts_with("The server cannot be reached; shown is ") && status.ends_with(" s old"),
            "{status}"
        );
        assert_eq!(page.text(".tile-figure").await, "60", "what was shown stays");
        // The browser says itself that the connection was refused.
        let complaints = page.complaints().await;
        let refused = |one: &serde_json::Value| one["message"].as_str().unwrap().contains("ERR_CONNECTION_REFUSED");
        assert!(complaints.as_array().unwrap().iter().all(refused), "{complaints}");
    });
}

#[test]
fn a_page_can_be_paused() {
    browse(async |page| {
        let mut lake = Lake::of(&events(0..60));
        let server = Server::serve(&lake.path(), "");
        page.goto(&server.url).await;
        page.click("[data-live-pause]").await;
        assert!(page.text("[data-live-status]").await.starts_with("Paused; shown is "));
        assert_eq!(page.text("[data-live-pause]").await, "Resume");
        lake.add(&events(60..100));
        await_sends(&server, 100);
        page.value("void (document.body.dataset.live = '0')").await;
        page.value("void document.dispatchEvent(new Event('visibilitychange'))").await;
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        assert_eq!(page.text(".tile-figure").await, "60");
        // On the next page it is still paused.
        page.goto(&format!("{}/rates", server.url)).await;
        assert!(page.text("[data-live-status]").await.starts_with("Paused"));
        page.goto(&server.url).await;
        page.click("[data-live-pause]").await;
        page.until("document.querySelector('.tile-figure').textContent === '100'").await;
        page.until("document.querySelector('[data-live-status]').textContent.startsWith('Updated ')").await;
    });
}

/// The first events appear on a page that said that there are none.
#[test]
fn an_empty_page_fills_by_itself() {
    browse(async |page| {
        let mut lake = Lake::planned();
        let server = Server::serve(&lake.path(), "");
        page.goto(&server.url).await;
        assert_eq!(page.text("h1").await, "No events yet");
        lake.add(&events(0..60));
        await_sends(&server, 60);
        look_again(page).await;
        assert_eq!(page.text(".tile-figure").await, "60");
        // Charts that came later can be pointed at as well.
        page.until("document.querySelector('.plot-box').hasAttribute('data-enhanced')").await;
    });
}
