//! Whether AWS takes the names that were typed (API references of S3, SES, Firehose, SQS and IAM; S3 user guide, "General purpose
//! bucket naming rules").

use std::borrow::Cow;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use crate::cli::SetupArgs;
use crate::output::plain;

/// So much of a name is repeated.
const SHOWN: usize = 80;

/// What AWS, or repute, would have against a name, with the option that names it.
pub(super) fn check(args: &SetupArgs) -> Result<(), String> {
    let wrong = |option: &str, name: &str, what: &str| Err(format!("--{option} `{}`: {what}", shown(name)));
    if let Some(what) = against_bucket(&args.bucket) {
        return wrong("bucket", &args.bucket, &what);
    }
    if !args.region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        return wrong("region", &args.region, "regions are written like `eu-central-1`");
    }
    if args.account.len() != 12 || !args.account.bytes().all(|byte| byte.is_ascii_digit()) {
        return wrong("account", &args.account, "accounts have 12 digits, written without anything between");
    }
    let queue = "AWS takes 80, and `-dead` is put behind it";
    let stream = "AWS takes 64, and `-firehose` is put behind it for a role";
    for (option, name, lengths, marks, why) in [
        ("configuration-set", &args.configuration_set, 1..=64, "_-", ""),
        ("stream", &args.stream, 1..=55, "_.-", stream),
        ("queue", &args.queue, 1..=75, "_-", queue),
        ("prefix", &args.prefix, 1..=128, "_.-/=", ""),
        ("error-prefix", &args.error_prefix, 1..=128, "_.-/=", ""),
    ] {
        if let Some(what) = against(name, &lengths, marks, why) {
            return wrong(option, name, &what);
        }
    }
    if args.prefix.starts_with(&args.error_prefix) || args.error_prefix.starts_with(&args.prefix) {
        return Err(format!(
            "--prefix `{}` and --error-prefix `{}`: S3 takes no notifications of prefixes that begin alike; end both in `/`, as in \
             `ses/` and `ses-errors/`",
            args.prefix, args.error_prefix
        ));
    }
    Ok(())
}

fn shown(name: &str) -> Cow<'_, str> {
    match name.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", plain(&name[..end])).into(),
        None => plain(name),
    }
}

/// What is wrong with letters and length. `why` explains a bound that is not AWS's own.
fn against(name: &str, lengths: &RangeInclusive<usize>, marks: &str, why: &str) -> Option<String> {
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || marks.contains(char::from(byte))) {
        let marks = marks.chars().map(|mark| format!("`{mark}`")).collect::<Vec<_>>().join(" ");
        return Some(format!("only letters from A to Z, digits and {marks} may be in it"));
    }
    let bounds = format!("{} to {} characters are taken, not {}", lengths.start(), lengths.end(), name.len());
    let why = if why.is_empty() { String::new() } else { format!(": {why}") };
    (!lengths.contains(&name.len())).then(|| bounds + &why)
}

fn against_bucket(name: &str) -> Option<String> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Some("names of buckets have no capital letters".to_owned());
    }
    if let Some(what) = against(name, &(3..=63), ".-", "") {
        return Some(what);
    }
    let is_edge = |c: char| c.is_ascii_alphanumeric();
    let prefix = ["xn--", "sthree-", "amzn-s3-demo-"].into_iter().find(|prefix| name.starts_with(prefix));
    let suffix =
        ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"].into_iter().find(|suffix| name.ends_with(suffix));
    match (prefix, suffix) {
        _ if !name.starts_with(is_edge) || !name.ends_with(is_edge) => {
            Some("names of buckets begin and end with a letter or digit".to_owned())
        }
        _ if name.contains("..") => Some("names of buckets have no two dots side by side".to_owned()),
        _ if name.parse::<Ipv4Addr>().is_ok() => Some("names of buckets are no IP addresses".to_owned()),
        (Some(prefix), _) => Some(format!("AWS keeps names that begin with `{prefix}` to itself")),
        (_, Some(suffix)) => Some(format!("AWS keeps names that end in `{suffix}` to itself")),
        (None, None) => None,
    }
}
