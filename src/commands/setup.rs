//! `repute setup`: what sets up AWS, printed; nothing is changed there.
//!
//! ```text
//! template.json + names typed ──> template ──> YAML, JSON
//!                                     └──resolve──> commands, policy
//! ```

mod commands;
mod resolve;
mod yaml;

use serde_json::{Map, Value};

use crate::cli::{SetUp, SetupArgs, TemplateFormat};
use crate::exit::{Exit, Failure};
use crate::output::{self, plain};
use resolve::Names;

const TEMPLATE: &str = include_str!("setup/template.json");

pub(super) fn run(args: &SetupArgs) -> Result<Exit, Failure> {
    check(args)?;
    let template = template(args)?;
    let names = Names { region: &args.region, account: &args.account };
    match (args.print, args.format) {
        (SetUp::Cloudformation, TemplateFormat::Yaml) => output::print(&yaml::document(&template))?,
        (SetUp::Cloudformation, TemplateFormat::Json) => output::print_json(&template)?,
        (SetUp::Commands, _) => output::print(&commands::script(&resolve::resources(&template, &names), args))?,
        (SetUp::Policy, _) => {
            let resources = resolve::resources(&template, &names);
            output::print_json(&resources["ReaderPolicy"]["Properties"]["PolicyDocument"])?;
        }
    }
    Ok(Exit::Done)
}

/// The template with what was typed as defaults of its parameters.
fn template(args: &SetupArgs) -> Result<Value, Failure> {
    let mut template: Value = serde_json::from_str(TEMPLATE).map_err(anyhow::Error::from)?;
    let creates = if args.existing_configuration_set { "no" } else { "yes" };
    let defaults: [(&str, Value); 8] = [
        ("BucketName", args.bucket.as_str().into()),
        ("ConfigurationSetName", args.configuration_set.as_str().into()),
        ("CreateConfigurationSet", creates.into()),
        ("StreamName", args.stream.as_str().into()),
        ("QueueName", args.queue.as_str().into()),
        ("Prefix", args.prefix.as_str().into()),
        ("ErrorPrefix", args.error_prefix.as_str().into()),
        ("BufferSeconds", args.buffer_seconds.into()),
    ];
    for (parameter, default) in defaults {
        if let Some(parameter) = template["Parameters"][parameter].as_object_mut() {
            let kind = parameter.shift_remove("Type").unwrap_or_default();
            let rest = std::mem::take(parameter);
            let first = [("Type".to_owned(), kind), ("Default".to_owned(), default)];
            *parameter = first.into_iter().chain(rest).collect::<Map<_, _>>();
        }
    }
    Ok(template)
}

/// Whether AWS takes these names (API references of S3, SES, Firehose, SQS and IAM).
fn check(args: &SetupArgs) -> Result<(), Failure> {
    let letters = |byte: u8, more: &[u8]| byte.is_ascii_alphanumeric() || more.contains(&byte);
    let named = |option: &str, name: &str, lengths: std::ops::RangeInclusive<usize>, more: &[u8]| {
        if lengths.contains(&name.len()) && name.bytes().all(|byte| letters(byte, more)) {
            return Ok(());
        }
        let more = more.iter().map(|byte| format!("`{}`", *byte as char)).collect::<Vec<_>>().join(" ");
        Err(Failure::Usage(format!(
            "--{option} `{}`: AWS takes {} to {} letters and digits there, and {more}",
            plain(name),
            lengths.start(),
            lengths.end()
        )))
    };
    named("bucket", &args.bucket, 3..=63, b".-")?;
    if args.bucket.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(Failure::Usage(format!("--bucket `{}`: names of buckets have no capital letters", args.bucket)));
    }
    named("configuration-set", &args.configuration_set, 1..=64, b"_-")?;
    // The roles are named after the stream, and have 64 characters at most.
    named("stream", &args.stream, 1..=55, b"_.-")?;
    named("queue", &args.queue, 1..=75, b"_-")?;
    named("prefix", &args.prefix, 1..=128, b"_.-/=")?;
    named("error-prefix", &args.error_prefix, 1..=128, b"_.-/=")?;
    named("region", &args.region, 1..=32, b"-")?;
    if args.account.len() != 12 || !args.account.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Failure::Usage(format!("--account `{}`: accounts have 12 digits", plain(&args.account))));
    }
    if args.prefix.starts_with(&args.error_prefix) || args.error_prefix.starts_with(&args.prefix) {
        return Err(Failure::Usage(format!(
            "--prefix `{}` and --error-prefix `{}`: S3 takes no notifications of prefixes that begin alike",
            args.prefix, args.error_prefix
        )));
    }
    Ok(())
}
