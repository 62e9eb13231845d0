//! What the program says about itself.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::program::repute;

/// Commands and options that their help must show.
const COMMANDS: [(&str, &[&str]); 24] = [
    ("bounces", &["--since", "--until", "--by", "--only", "--class", "--limit", "--addresses", "--format"]),
    ("demo", &["--dir", "--events", "--listen"]),
    (
        "import",
        &[
            "--since",
            "--until",
            "--margin",
            "--endpoint",
            "--requester-pays",
            "firehose://",
            "--lake",
            "--jobs",
            "--max-bad",
            "--promote-tag",
            "--again",
            "--quiet",
            "--format",
        ],
    ),
    (
        "rates",
        &[
            "--window",
            "--since",
            "--until",
            "--by",
            "--only",
            "--clock",
            "--limit",
            "--verified",
            "--no-feedback-loop",
            "--format",
        ],
    ),
    ("reputation", &["--last-sends", "--reset", "--at", "--verified", "--format"]),
    ("messages", &["--recipient", "--message-id", "--subject", "--since", "--until", "--limit", "--format"]),
    ("engagement", &["--since", "--until", "--clock", "--window", "--by", "--only", "--limit", "--rows", "--format"]),
    ("delays", &["--since", "--until", "--window", "--by", "--only", "--limit", "--rows", "--format"]),
    ("check", &["--max-age", "--timeout", "--quiet", "--at", "--format", "--last-sends"]),
    ("serve", &["--listen", "--at", "--max-age", "--verified", "--watch", "--watch-every", "sqs://QUEUE"]),
    ("serve", &["--landing", "--firehose-keys-file", "--sns-topic", "--sns-confirm", "--sns-sha1"]),
    ("serve", &["--host", "--base-url", "--users-file", "--tokens-file", "--audit-file"]),
    ("user", &["add", "change", "password", "remove", "list", "repute user add jane"]),
    ("token", &["add", "remove", "list", "Authorization: Bearer"]),
    ("lake", &["stats", "fsck"]),
    ("lake stats", &["--format"]),
    ("lake fsck", &["--repair", "--drop", "--format"]),
    ("quarantine", &["list", "show", "retry"]),
    ("quarantine retry", &["--class", "--all", "--from", "--format"]),
    ("generate", &["--events", "--seed", "--out", "--gzip", "--framing", "--days", "--end"]),
    ("replay", &["--to", "--rate", "--resume", "--dry-run", "--since", "--endpoint", "--quiet"]),
    ("setup", &["--print", "--bucket", "--configuration-set", "--stream", "--region", "cloudformation", "policy"]),
    ("openapi", &["document"]),
    ("completions", &["<SHELL>"]),
];

#[test]
fn every_command_explains_its_options() {
    let overview = repute(["--help"]).expect(0);
    for (command, options) in COMMANDS {
        let first = command.split(' ').next().unwrap_or(command);
        assert!(overview.stdout.contains(&format!("  {first} ")), "{command} is not in\n{}", overview.stdout);
        let help = repute(command.split(' ').chain(["--help"])).expect(0);
        assert_eq!(help.stderr, "");
        for option in options {
            assert!(help.stdout.contains(option), "{command} --help lacks {option}:\n{}", help.stdout);
        }
    }
    let version = repute(["--version"]).expect(0);
    assert_eq!(version.stdout, format!("repute {}\n", env!("CARGO_PKG_VERSION")));
    repute::<_, &str>([]).expect(2);
    repute(["repair"]).expect(2);
}

#[test]
fn bash_can_read_its_completions() {
    let script = repute(["completions", "bash"]).expect(0).stdout;
    assert!(script.contains("reputation"));
    let mut bash = Command::new("bash").arg("-n").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    bash.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = bash.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
