//! `repute token`: the tokens of programs.

use std::io::{self, Write};
use std::path::Path;

use chrono::{SecondsFormat, Utc};
use repute_web::access::NewToken;
use serde_json::{Value, json};
use toml_edit::{Datetime, Table, value};

use super::user::{rights, say, seen};
use crate::cli::{Format, TokenAddArgs, TokenCommand, TokenListArgs};
use crate::config::{Config, read_tokens};
use crate::exit::{Exit, Failure};
use crate::output;
use crate::roll::Roll;

const HEAD: &str = "Which programs may use the API and the metrics; `repute token` keeps this file.";

pub(super) fn run(config: &Config, command: &TokenCommand) -> Result<Exit, Failure> {
    match command {
        TokenCommand::Add(args) => add(&config.tokens_file(args.file.tokens_file.as_ref())?, args),
        TokenCommand::Remove(args) => {
            let mut tokens = open(&config.tokens_file(args.file.tokens_file.as_ref())?)?;
            tokens.remove(&args.name)?;
            say("removed", &args.name, "", &tokens.save()?);
            Ok(Exit::Done)
        }
        TokenCommand::List(args) => list(&config.tokens_file(args.file.tokens_file.as_ref())?, args),
    }
}

/// Opens the file if it has no mistakes, so that none is written back.
fn open(path: &Path) -> Result<Roll, Failure> {
    if path.exists() {
        read_tokens(path)?;
    }
    Roll::open(path, "token", HEAD)
}

fn add(path: &Path, args: &TokenAddArgs) -> Result<Exit, Failure> {
    let token = NewToken::make();
    let mut table = Table::new();
    table["name"] = value(args.name.as_str());
    table["sha256"] = value(token.digest.to_string());
    table["role"] = value(args.role.as_str());
    table["addresses"] = value(args.addresses);
    table["scope"] = value(args.scope.as_str());
    if let Some(lasts) = args.expires {
        let until = (Utc::now() + lasts).to_rfc3339_opts(SecondsFormat::Secs, true);
        table["expires"] = value(until.parse::<Datetime>()?);
    }
    let mut tokens = open(path)?;
    tokens.add(&args.name, table)?;
    say("added", &args.name, &rights(args.role, args.addresses), &tokens.save()?);
    let _ = writeln!(io::stderr(), "this is shown once; send it as `Authorization: Bearer TOKEN`:");
    output::print(&format!("{}\n", token.text))?;
    Ok(Exit::Done)
}

fn list(path: &Path, args: &TokenListArgs) -> Result<Exit, Failure> {
    let tokens = read_tokens(path)?;
    let tokens = tokens.iter();
    let now = Utc::now();
    match args.format {
        Format::Json => {
            let rows = tokens.map(|token| {
                json!({
                    "name": token.name,
                    "role": token.rights.role.as_str(),
                    "addresses": token.rights.addresses,
                    "scope": token.scope.as_str(),
                    "expires": token.expires.map(|time| time.to_rfc3339_opts(SecondsFormat::Secs, true)),
                    "expired": token.expires.is_some_and(|time| time <= now),
                })
            });
            output::print_json(&Value::Array(rows.collect()))?;
        }
        Format::Text => {
            let header = ["name", "role", "addresses", "scope", "expires"].map(str::to_owned);
            let expires = |token: &repute_web::access::Token| match token.expires {
                None => "never".to_owned(),
                Some(time) if time <= now => "expired".to_owned(),
                Some(time) => time.to_rfc3339_opts(SecondsFormat::Secs, true),
            };
            let rows: Vec<_> = tokens
                .map(|token| {
                    let cells = [token.rights.role.as_str(), seen(token.rights.addresses), token.scope.as_str()];
                    let cells = cells.map(str::to_owned);
                    [token.name.clone()].into_iter().chain(cells).chain([expires(token)]).collect()
                })
                .collect();
            output::print(&output::table(&header, &rows, 5))?;
        }
    }
    Ok(Exit::Done)
}
