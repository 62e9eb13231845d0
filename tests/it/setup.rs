//! What `setup` prints, judged by cfn-lint, by the AWS SDK's models, and by carrying it out on moto.

use serde_json::{Value, json};

use crate::mail::{Mail, object, time};
use crate::program::{Run, command, repute, scratch};
use crate::servers::Moto;
use crate::tools::{python, run_python};

const NAMES: &str = "--bucket my-ses-events --configuration-set orders --stream ses.orders --queue ses-orders --prefix mail/ --buffer-seconds 90";

fn print(what: &str, options: &str) -> String {
    repute(format!("setup --print {what} {options}").split_whitespace()).expect(0).stdout
}

#[test]
fn the_template_passes_cfn_lint_in_either_form() {
    let Some(python) = python() else { return };
    let folder = scratch();
    for (number, options) in
        [NAMES, "--bucket b23", &format!("{NAMES} --existing-configuration-set")].iter().enumerate()
    {
        let yaml = object(folder.path(), &format!("{number}.yaml"), print("cloudformation", options));
        let json_options = format!("{options} --format json");
        let json = object(folder.path(), &format!("{number}.json"), print("cloudformation", &json_options));
        let (yaml, json) = (yaml.to_str().unwrap(), json.to_str().unwrap());
        assert_eq!(run_python(&python, "setup.py", ["same", yaml, json]), true);
        for file in [yaml, json] {
            let lint = run_python(&python, "setup.py", ["lint", file]);
            assert_eq!((&lint["code"], &lint["said"]), (&json!(0), &json!("")), "{options}");
        }
    }
}

#[test]
fn the_commands_do_what_the_template_does() {
    let Some(python) = python() else { return };
    let folder = scratch();
    for region in ["us-east-1", "eu-central-1"] {
        let options = format!("{NAMES} --region {region} --account 123456789012");
        let script = object(folder.path(), "script.sh", print("commands", &options));
        let template =
            object(folder.path(), "template.json", print("cloudformation", &format!("{options} --format json")));
        let arguments = ["compare", script.to_str().unwrap(), template.to_str().unwrap(), region, "123456789012"];
        let operations = run_python(&python, "setup.py", arguments);
        assert_eq!(operations.as_array().unwrap().len(), 17, "{operations}");
        Run::of(std::process::Command::new("sh").arg("-n").arg(&script)).expect(0);
        let policy: Value = serde_json::from_str(&print("policy", &options)).unwrap();
        assert!(print("commands", &options).contains(&policy.to_string()));
    }
    let existing = print("commands", &format!("{NAMES} --existing-configuration-set"));
    assert!(!existing.contains("create-configuration-set --"), "{existing}");
}

/// The commands are carried out; what they made has no findings, and the reader's policy is enough to import, and no more.
#[test]
fn what_is_set_up_works_with_the_readers_rights() {
    let Some(python) = python() else { return };
    let (moto, folder) = (Moto::start(&python), scratch());
    let script = object(folder.path(), "script.sh", print("commands", &format!("{NAMES} --account 123456789012")));
    let mail = Mail::new(1, time("2026-10-05T08:00:00Z")).send();
    let event = object(folder.path(), "event.json", mail);
    let arguments = ["make", &moto.endpoint, script.to_str().unwrap(), "my-ses-events", event.to_str().unwrap()];
    let made = run_python(&python, "setup.py", arguments);
    println!("moto lacks {}", made["lacking"]);
    assert!(made["lacking"].as_array().unwrap().iter().all(|said| said.to_string().contains("event-destination")));
    let user = |arguments: &str| {
        let mut command = moto.command();
        command.env("AWS_ACCESS_KEY_ID", made["key"].as_str().unwrap());
        command.env("AWS_SECRET_ACCESS_KEY", made["secret"].as_str().unwrap());
        Run::of(command.args(arguments.split(' ')))
    };
    let sound = user("doctor firehose://ses.orders --format json").expect(0).json();
    assert_eq!(sound["findings"], json!([]));
    assert_eq!(sound["stream"]["prefix"], "mail/!{timestamp:yyyy/MM/dd/HH}/");
    let lake = folder.path().join("lake");
    let put = user(&format!("replay {} --to firehose://ses.orders", event.display())).expect(4);
    assert!(put.stderr.contains("firehose:PutRecordBatch"), "{}", put.stderr);
    let import =
        |stream: &str| user(&format!("import firehose://{stream} --quiet --format json --lake {}", lake.display()));
    assert_eq!(import("ses.orders").expect(0).json()["records"]["events"], 1);
    // The bucket of another stream.
    let other = import("ses-events").expect(4);
    assert!(other.stderr.contains("s3:ListBucket on arn:aws:s3:::raw"), "{}", other.stderr);
}

#[test]
fn names_that_aws_refuses_are_refused_here() {
    for (options, words) in [
        ("--bucket Ab", "--bucket"),
        ("--bucket My-Bucket", "capital letters"),
        ("--bucket=-abc", "begin and end with a letter"),
        ("--bucket abc.", "begin and end with a letter"),
        ("--bucket a..b", "two dots"),
        ("--bucket 192.168.5.4", "IP addresses"),
        ("--bucket xn--abc", "`xn--`"),
        ("--bucket abc-s3alias", "`-s3alias`"),
        ("--bucket ab", "3 to 63 characters are taken, not 2"),
        ("--bucket 日本日本", "`日本日本`: only letters from A to Z, digits and `.` `-`"),
        ("--bucket a\u{1b}[31mb", "\\u{1b}[31mb"),
        ("--bucket abc --region EU-CENTRAL-1", "written like `eu-central-1`"),
        ("--bucket abc --account 1111-2222-3333", "without anything between"),
        ("--bucket a'b;c", "--bucket"),
        ("--bucket abc --stream a/b", "--stream"),
        ("--bucket abc --configuration-set a.b", "--configuration-set"),
        ("--bucket abc --prefix ses/ --error-prefix ses/errors/", "begin alike"),
        ("--bucket abc --prefix !{timestamp:yyyy}/", "--prefix"),
        ("--bucket abc --account 12", "12 digits"),
        ("--bucket abc --buffer-seconds 901", "901"),
        ("", "--bucket"),
    ] {
        let run = repute(format!("setup --print commands {options}").split_whitespace()).expect(2);
        assert!(run.stderr.contains(words) && run.stdout.is_empty(), "{options}: {}", run.stderr);
        assert!(!run.stderr.contains('\u{1b}'), "{options}: {}", run.stderr);
    }
    // Whose bound it is, and no more of a long name than helps.
    let long =
        repute(["setup", "--print", "policy", "--bucket", "abc", "--stream", &"x".repeat(3_000)]).expect(2).stderr;
    assert!(long.contains("`-firehose` is put behind it") && long.len() < 300, "{long}");
    // A variable that is set to nothing is as one that is not set.
    let mut command = command();
    command.args(["setup", "--print", "commands", "--bucket", "abc"]).env("AWS_REGION", "");
    assert!(Run::of(&mut command).expect(0).stdout.contains("AWS_REGION=us-east-1"));
}
