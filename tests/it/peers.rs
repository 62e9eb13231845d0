//! Real receivers: Debian's Alertmanager and Nagios, an SMTP server, and SNS with a queue behind it (moto).

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::notify::{Config, HOSTILE, lake};
use crate::program::{REPUTE, Run, poll, scratch};
use crate::receivers::{Alertmanager, Hook, MailServer, Process, free_address};
use crate::servers::Moto;
use crate::tools::{installed, python, run_python};

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn alertmanager_is_told_and_tells_others() {
    let hook = Hook::start();
    let Some(alertmanager) = Alertmanager::start(&hook.url) else { return };
    let notify = format!("[[notify]]\nname = \"am\"\nto = \"alertmanager\"\nurl = \"{}/\"\n", alertmanager.url);
    let config = Config::of(&notify).with("dashboard = \"https://repute.example/\"");
    assert_eq!(config.warning().stderr, "");
    let states = || {
        let mut states: Vec<String> = alertmanager
            .active()
            .iter()
            .map(|alert| alert["labels"]["severity"].as_str().unwrap().to_owned())
            .collect();
        states.sort();
        states
    };
    assert_eq!(states(), ["warning"]);
    let alert = alertmanager.active().remove(0);
    assert_eq!(
        alert["labels"],
        json!({"alertname": "bounces", "service": "repute", "severity": "warning", "account_id": "111122223333"})
    );
    assert_eq!(alert["generatorURL"], "https://repute.example/");
    assert_eq!(alert["annotations"]["description"], "bounce rate 10 % (10 of 100): over AWS's pause line (10 %)");
    // It passes on what fires.
    let passed_on = |status: &str, severity: &str| {
        poll(&format!("{severity} {status}"), PATIENCE, || {
            let mut alerts =
                hook.bodies().into_iter().flat_map(|body| body["alerts"].as_array().cloned().unwrap_or_default());
            alerts.rfind(|alert| alert["status"] == status && alert["labels"]["severity"] == severity)
        })
    };
    passed_on("firing", "warning");
    // It hears of it with every check: the end moves on.
    let ends = || alertmanager.active()[0]["endsAt"].as_str().unwrap().to_owned();
    let before = ends();
    std::thread::sleep(Duration::from_millis(1_100));
    config.warning();
    assert!(ends() > before, "{} is not after {before}", ends());
    // Severity is a label: what was a warning is over, and a critical alert begins.
    config.critical();
    assert_eq!(states(), ["critical"]);
    config.well();
    assert_eq!(states(), Vec::<String>::new());
    let over = passed_on("resolved", "critical");
    assert!(over["annotations"]["over"].as_str().unwrap().starts_with("it is OK again, "), "{over}");
}

/// Groups become labels, whatever is in them.
#[test]
fn alertmanager_gets_groups_as_labels() {
    let hook = Hook::start();
    let Some(alertmanager) = Alertmanager::start(&hook.url) else { return };
    let config =
        Config::of(&format!("[[notify]]\nname = \"am\"\nto = \"alertmanager\"\nurl = \"{}\"\n", alertmanager.url));
    config.write(0.05, 0.5);
    let by = "min_sends = 10\nby = [\"configuration_set\", \"tag:ses:from-domain\"]";
    let text = fs::read_to_string(config.path()).unwrap().replace("min_sends = 10", by);
    fs::write(config.path(), text).unwrap();
    assert_eq!(config.run("").expect(1).stderr, "");
    let sets: Vec<Value> =
        alertmanager.active().iter().map(|alert| alert["labels"]["configuration_set"].clone()).collect();
    assert_eq!(sets.len(), 2, "{sets:?}");
    assert!(sets.contains(&json!(HOSTILE)), "{sets:?}");
    assert_eq!(config.run("--test-notify am").expect(0).stdout, "am: delivered\n");
    assert_eq!(alertmanager.active().len(), 2, "the test is over at once");
}

const NAGIOS: &str = "\
log_file=FOLDER/nagios.log
cfg_file=FOLDER/objects.cfg
object_cache_file=FOLDER/objects.cache
precached_object_file=FOLDER/objects.precache
status_file=FOLDER/status.dat
status_update_interval=1
lock_file=FOLDER/nagios.lock
temp_file=FOLDER/nagios.tmp
temp_path=FOLDER
check_result_path=FOLDER/results
command_file=FOLDER/nagios.cmd
query_socket=FOLDER/nagios.qh
nagios_user=USER
nagios_group=USER
state_retention_file=FOLDER/retention.dat
retain_state_information=0
interval_length=1
check_external_commands=0
illegal_macro_output_chars=`~$&|'\"<>
use_syslog=0
";

const OBJECTS: &str = "\
define timeperiod { timeperiod_name always\n alias always\n sunday 00:00-24:00\n monday 00:00-24:00\n tuesday 00:00-24:00\n \
wednesday 00:00-24:00\n thursday 00:00-24:00\n friday 00:00-24:00\n saturday 00:00-24:00\n}
define command { command_name ok\n command_line /bin/true\n}
define command { command_name repute\n command_line COMMAND\n}
define command { command_name tell\n command_line /usr/bin/printf '%s\\n' '$SERVICESTATE$: $SERVICEOUTPUT$' >> FOLDER/told\n}
define contact { contact_name ops\n host_notification_period always\n service_notification_period always\n \
host_notification_options n\n service_notification_options w,u,c,r\n host_notification_commands tell\n service_notification_commands tell\n}
define host { host_name mail\n address 127.0.0.1\n check_command ok\n max_check_attempts 1\n check_interval 60\n check_period always\n \
contacts ops\n notification_period always\n notification_interval 0\n}
define service { service_description ses\n host_name mail\n check_command repute\n max_check_attempts 1\n check_interval 2\n retry_interval 2\n \
check_period always\n contacts ops\n notification_period always\n notification_interval 0\n}
";

/// Nagios runs the check itself, shows its state and figures, and notifies.
#[test]
fn nagios_shows_state_and_figures() {
    let Some(nagios) = installed("nagios4") else { return };
    // It gives up root for the user it is told; its folder must be that user's, and lie where that user may go.
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("results")).unwrap();
    let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
    let user = if user.trim() == "root" { "nagios" } else { user.trim() };
    let config = Config::of("");
    config.write(0.05, 0.08);
    let copied = folder.path().join("lake");
    assert!(Command::new("cp").arg("-r").arg(lake()).arg(&copied).status().unwrap().success());
    let program = folder.path().join("repute");
    fs::copy(REPUTE, &program).unwrap();
    fs::copy(config.path(), folder.path().join("repute.toml")).unwrap();
    let at = |text: &str| text.replace("FOLDER", &folder.path().to_string_lossy()).replace("USER", user);
    let command = format!("{} check --config FOLDER/repute.toml --lake FOLDER/lake", program.display());
    fs::write(folder.path().join("nagios.cfg"), at(NAGIOS)).unwrap();
    fs::write(folder.path().join("objects.cfg"), at(&OBJECTS.replace(" { ", " {\n ").replace("COMMAND", &command)))
        .unwrap();
    if user == "nagios" {
        assert!(Command::new("chown").args(["-R", "nagios"]).arg(folder.path()).status().unwrap().success());
    }
    let verified = Run::of(Command::new(&nagios).arg("-v").arg(folder.path().join("nagios.cfg")));
    assert_eq!(verified.code, 0, "{}", verified.stdout);
    let _process = Process::start(Command::new(&nagios).arg(folder.path().join("nagios.cfg")));
    let status = |state: &str| {
        poll(&format!("Nagios' state {state}"), PATIENCE, || {
            let text = fs::read_to_string(folder.path().join("status.dat")).ok()?;
            let service = text.split("servicestatus {").nth(1)?.split("\t}").next()?.to_owned();
            service
                .contains(&format!("\tcurrent_state={state}\n"))
                .then_some(service)
                .filter(|text| text.contains("has_been_checked=1"))
        })
    };
    let critical = status("2");
    assert!(
        critical
            .contains("\tplugin_output=REPUTE CRITICAL - bounce rate 10 % (10 of 100): over AWS's pause line (10 %)\n"),
        "{critical}"
    );
    assert!(
        critical.contains("'bounces'=10%\\;5\\;8\\;0\\;100") || critical.contains("'bounces'=10%;5;8;0;100"),
        "{critical}"
    );
    let long = critical.lines().find(|line| line.starts_with("\tlong_plugin_output=")).unwrap();
    assert!(long.contains("CRITICAL    bounces: bounce rate 10 %"), "{long}");
    let told = folder.path().join("told");
    let text =
        poll("Nagios' notification", PATIENCE, || fs::read_to_string(&told).ok().filter(|text| !text.is_empty()));
    assert!(text.starts_with("CRITICAL: REPUTE CRITICAL - bounce rate 10 %"), "{text}");
    // It is well again; Nagios sees and tells it.
    config.write(0.5, 0.9);
    fs::copy(config.path(), folder.path().join("repute.toml")).unwrap();
    status("0");
    poll("Nagios' all-clear", PATIENCE, || {
        fs::read_to_string(&told).ok().filter(|text| text.contains("\nOK: REPUTE OK - "))
    });
}

fn smtp(server: &MailServer, extra: &str) -> String {
    let address = server.address;
    format!(
        "[[notify]]\nname = \"mail\"\nto = \"smtp\"\nserver = \"{}\"\nport = {}\nfrom = \"repute <repute@shop.example>\"\nrecipients = [\"Ops <ops@corp.example>\", \"boss@corp.example\"]\n{extra}\n",
        address.ip(),
        address.port()
    )
}

#[test]
fn mail_is_sent_over_smtp() {
    let Some(python) = python() else { return };
    let server = MailServer::start(&python, "plain", "mx.corp.example");
    let config = Config::of(&smtp(&server, "tls = \"plain\""));
    config.write(0.05, 0.5);
    let text = fs::read_to_string(config.path())
        .unwrap()
        .replace("min_sends = 10", "min_sends = 10\nby = [\"configuration_set\"]\nonly = { provider = \"\" }");
    let text = text.replace("only = { provider = \"\" }\n", "");
    fs::write(config.path(), text).unwrap();
    assert_eq!(config.run("").expect(1).stderr, "");
    let mail = server.mail(&python);
    assert_eq!(mail.len(), 2);
    let hostile = mail.iter().find(|mail| mail["headers"]["Subject"].as_str().unwrap().contains('}')).unwrap();
    assert_eq!(hostile["from"], "repute@shop.example");
    assert_eq!(hostile["to"], json!(["ops@corp.example", "boss@corp.example"]));
    assert_eq!(hostile["headers"]["Subject"], format!("[repute] WARNING: bounces of {HOSTILE}, account 111122223333"));
    assert_eq!(hostile["headers"]["Auto-Submitted"], "auto-generated");
    assert!(hostile["text"].as_str().unwrap().contains("(5 of 50): over AWS's pause line (10 %)"), "{hostile}");
    let thread = hostile["headers"]["References"].clone();
    // The end belongs to the same thread.
    let text = fs::read_to_string(config.path())
        .unwrap()
        .replace("warn = 0.05", "warn = 0.5")
        .replace("critical = 0.5", "critical = 0.9");
    fs::write(config.path(), text).unwrap();
    config.run("").expect(0);
    let mail = server.mail(&python);
    assert_eq!(mail.len(), 4);
    assert!(mail[2..].iter().any(|mail| mail["headers"]["References"] == thread), "{mail:?}");
    assert!(mail[2]["headers"]["Subject"].as_str().unwrap().starts_with("[repute] RESOLVED: bounces of "), "{mail:?}");
}

#[test]
fn mail_is_encrypted_unless_told_otherwise() {
    let Some(python) = python() else { return };
    let folder = scratch();
    let password = folder.path().join("password");
    fs::write(&password, "secret\n").unwrap();
    for (kind, tls) in [("starttls", ""), ("implicit", "tls = \"implicit\"")] {
        let server = MailServer::start(&python, kind, "mx.corp.example");
        let ca = server.certificate();
        let login = format!("username = \"repute\"\npassword_file = \"{}\"\n", password.display());
        let trusted = Config::of(&smtp(&server, &format!("{tls}\nca_file = \"{}\"\n{login}", ca.display())));
        assert_eq!(trusted.warning().stderr, "", "{kind}");
        let mail = server.mail(&python);
        assert_eq!((mail.len(), &mail[0]["tls"], &mail[0]["login"]), (1, &json!(true), &json!("repute")), "{kind}");
        // A certificate that nobody vouches for is none.
        let run = Config::of(&smtp(&server, tls)).warning();
        assert!(
            run.stderr.contains("notify `mail`: 1 message not delivered") && run.stderr.contains("certificate"),
            "{}",
            run.stderr
        );
        fs::write(&password, "wrong\n").unwrap();
        let run = trusted.critical();
        assert!(run.stderr.contains("535"), "{}", run.stderr);
        fs::write(&password, "secret\n").unwrap();
        assert_eq!(server.mail(&python).len(), 1);
    }
    let plain = MailServer::start(&python, "plain", "mx.corp.example");
    let run = Config::of(&smtp(&plain, "")).warning();
    assert!(run.stderr.contains("the server offers no STARTTLS; write tls = \"implicit\""), "{}", run.stderr);
    assert_eq!(plain.mail(&python).len(), 0);
}

/// Behind a name of one's own, SES is known by how it greets.
#[test]
fn ses_is_refused_unless_told_otherwise() {
    let Some(python) = python() else { return };
    let server = MailServer::start(&python, "plain", "email-smtp.eu-west-1.amazonaws.com");
    let run = Config::of(&smtp(&server, "tls = \"plain\"")).critical();
    assert!(
        run.stderr.contains("is SES (it greets as `email-smtp.eu-west-1.amazonaws.com`): when AWS pauses the account"),
        "{}",
        run.stderr
    );
    assert_eq!(server.mail(&python).len(), 0);
    let allowed = Config::of(&smtp(&server, "tls = \"plain\"\nallow_ses = true")).critical();
    assert_eq!(allowed.stderr, "");
    assert_eq!(server.mail(&python).len(), 1);
}

#[test]
fn sns_passes_messages_to_a_queue() {
    let Some(python) = python() else { return };
    let moto = Moto::start(&python);
    let topic = run_python(&python, "sns.py", [moto.endpoint.as_str(), "make"]);
    let topic = topic.as_str().unwrap();
    let config = Config::of(&format!("[[notify]]\nname = \"sns\"\nto = \"sns\"\ntopic = \"{topic}\"\n"));
    let check = |warn: f64, critical: f64, code: i32| {
        config.write(warn, critical);
        // The region is the topic's, whatever the settings say.
        let mut command = moto.command();
        command
            .env("AWS_REGION", "us-east-1")
            .arg("check")
            .arg("--lake")
            .arg(lake())
            .arg("--config")
            .arg(config.path());
        Run::of(&mut command).expect(code)
    };
    let queued = || run_python(&python, "sns.py", [moto.endpoint.as_str(), "read"]).as_array().unwrap().clone();
    assert_eq!(check(0.05, 0.08, 2).stderr, "");
    let messages = queued();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0]["Subject"], "[repute] CRITICAL: bounces, account 111122223333");
    assert!(messages[0]["Message"].as_str().unwrap().starts_with("bounce rate 10 % (10 of 100)"), "{messages:?}");
    let attributes = &messages[0]["MessageAttributes"];
    assert_eq!((&attributes["state"]["Value"], &attributes["kind"]["Value"]), (&json!("CRITICAL"), &json!("opened")));
    check(0.05, 0.08, 2);
    assert!(queued().is_empty());
    assert_eq!(check(0.5, 0.9, 0).stderr, "");
    assert_eq!(queued()[0]["Subject"], "[repute] RESOLVED: bounces, account 111122223333");
    // A topic that is not there, and nobody at all.
    let gone = Config::of(&format!("[[notify]]\nname = \"sns\"\nto = \"sns\"\ntopic = \"{topic}-gone\"\n"));
    gone.write(0.05, 0.08);
    let mut command = moto.command();
    let run = Run::of(command.arg("check").arg("--lake").arg(lake()).arg("--config").arg(gone.path())).expect(2);
    assert!(
        run.stderr.contains("notify `sns`: 1 message not delivered") && run.stderr.contains("does not exist"),
        "{}",
        run.stderr
    );
    let mut command = moto.command();
    command.env("AWS_ENDPOINT_URL", format!("http://{}", free_address()));
    let run = Run::of(command.arg("check").arg("--lake").arg(lake()).arg("--config").arg(gone.path())).expect(2);
    assert!(run.stderr.contains("notify `sns`: 1 message not delivered"), "{}", run.stderr);
}

/// Paths in the tests above are given as they are; in the file they are relative to it.
#[test]
fn secrets_lie_beside_the_configuration() {
    let hook = Hook::start();
    let config = Config::of("[[notify]]\nname = \"h\"\nto = \"slack\"\nurl_file = \"slack-url\"\n");
    config.write(0.05, 0.5);
    fs::write(config.folder.path().join("slack-url"), format!("{}/x\n", hook.url)).unwrap();
    assert_eq!(config.run("").expect(1).stderr, "");
    assert_eq!(hook.take().len(), 1);
    fs::remove_file(config.folder.path().join("slack-url")).unwrap();
    let run = config.critical();
    assert!(run.stderr.contains("cannot read `") && run.stderr.contains("slack-url`: No such file"), "{}", run.stderr);
    assert!(Path::new(&config.path()).exists());
}
