//! Slack's incoming webhooks.
//!
//! Sources: docs.slack.dev, "Sending messages using incoming webhooks", "Formatting message text" (which characters are escaped), and
//! "Blocks" (a header holds 150 characters, a section's text 3,000).

use std::time::Duration;

use serde_json::{Value, json};

use super::message::{Message, cut};
use super::secret::Secret;
use super::state::{Kind, Level};
use super::{Undelivered, http};

const HEADER: usize = 150;

/// Less than 3,000: escaping makes text longer.
const SECTION: usize = 2_000;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Slack {
    pub(crate) url: Secret,
}

impl Slack {
    pub(crate) async fn deliver(&self, message: &Message, timeout: Duration) -> Result<(), Undelivered> {
        let request = http::client(timeout)?.post(self.url.read()?);
        http::post(request, &body(message)).await.map(|_| ())
    }
}

fn body(message: &Message) -> Value {
    let icon = match (message.kind, message.level) {
        (Kind::Resolved, _) => ":white_check_mark:",
        (_, Level::Warning) => ":warning:",
        (_, Level::Critical) => ":rotating_light:",
        (_, Level::Unknown) => ":grey_question:",
    };
    let title = message.title();
    let mut lines =
        escaped(&message.lines().iter().map(|(name, value)| format!("{name}: {value}\n")).collect::<String>());
    if lines.chars().count() > SECTION {
        lines = cut(&lines, SECTION);
    }
    // Text in plain_text elements means nothing but itself; `text` is what notifications show.
    json!({
        "text": format!("{icon} {}", escaped(&cut(&title, HEADER))),
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": cut(&title, HEADER), "emoji": false}},
            {"type": "section", "text": {"type": "mrkdwn", "text": format!("{icon} {}", escaped(&cut(&message.sentence(), SECTION / 5)))}},
            {"type": "section", "text": {"type": "mrkdwn", "text": lines}},
        ],
    })
}

/// Without what Slack reads as a mention, a link or an entity.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn nobody_is_mentioned_and_nothing_is_too_long() {
        let mut message = Message::test(DateTime::UNIX_EPOCH, Kind::Opened, None);
        message.facts.sentence = format!("<!channel> & {}", "<".repeat(4_000));
        message.about.group = vec![("tag:x".to_owned(), Some(format!("<@U1>{}", "&".repeat(4_000))))];
        let body = body(&message);
        let text = body["blocks"][1]["text"]["text"].as_str().unwrap();
        assert!(text.starts_with(":warning: &lt;!channel&gt; &amp; "), "{text}");
        for block in body["blocks"].as_array().unwrap() {
            let text = block["text"]["text"].as_str().unwrap();
            let most = if block["type"] == "header" { 150 } else { 3_000 };
            assert!(text.chars().count() <= most, "{}", text.chars().count());
            assert!(block["type"] == "header" || !text.contains('<'));
        }
        assert!(!body["text"].as_str().unwrap().contains('<'));
    }
}
