//! A program of the user's own: a message on its standard input as JSON, and what matters in variables. No shell is between.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process;

use super::Undelivered;
use super::message::Message;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Command {
    /// The program and its arguments.
    pub(crate) words: Vec<String>,
}

impl Command {
    pub(crate) async fn deliver(&self, message: &Message, timeout: Duration) -> Result<(), Undelivered> {
        let Some((program, arguments)) = self.words.split_first() else { return Ok(()) };
        let failed = |what: String| Undelivered::Unreachable(format!("`{program}` {what}"));
        let mut command = process::Command::new(program);
        // Its errors are told beside ours; our standard output is the monitoring system's.
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).kill_on_drop(true);
        for name in ["kind", "state", "rule", "incident", "title"] {
            let value = message.field(name).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
            command.env(format!("REPUTE_ALERT_{}", name.to_ascii_uppercase()), value);
        }
        let mut child = command.spawn().map_err(|error| failed(format!("cannot be started: {error}")))?;
        let run = async {
            if let Some(mut stdin) = child.stdin.take() {
                // Whoever does not read it has its reasons.
                let _ = stdin.write_all(format!("{}\n", message.json()).as_bytes()).await;
            }
            child.wait().await
        };
        match tokio::time::timeout(timeout, run).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(failed(format!("ended with {status}"))),
            Ok(Err(error)) => Err(failed(format!("was lost: {error}"))),
            Err(_) => Err(failed("did not end in time, and was killed".to_owned())),
        }
    }
}
