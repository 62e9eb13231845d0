//! `repute user` and `repute token`: who may sign in, and what may ask.

use std::path::PathBuf;

use chrono::TimeDelta;
use clap::{Args, Subcommand};
use repute_web::access::{Role, Scope, read_name};

use super::format::Format;
use crate::when::parse_duration;

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Add somebody; the password is asked for, or read from standard input
    Add(UserAddArgs),
    /// Change what somebody may do and see
    Change(UserChangeArgs),
    /// Give somebody another password, which signs them out
    Password(UserPasswordArgs),
    /// Remove somebody, which signs them out
    Remove(UserRemoveArgs),
    /// List everybody
    List(UserListArgs),
}

/// Where users are kept.
#[derive(Debug, Args)]
pub(crate) struct UsersFile {
    /// The file [default: `serve.users_file` of repute.toml]
    #[arg(long, env = "REPUTE_USERS_FILE", value_name = "FILE")]
    pub(crate) users_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct UserAddArgs {
    /// What they sign in with
    #[arg(value_parser = parse_name)]
    pub(crate) name: String,
    /// What they may do: a viewer looks, an operator also changes rules, silences and imports
    #[arg(long, value_name = "ROLE", default_value = "viewer", value_parser = parse_role)]
    pub(crate) role: Role,
    /// They see recipients' addresses and subjects whole
    #[arg(long)]
    pub(crate) addresses: bool,
    /// Make a password up and print it
    #[arg(long)]
    pub(crate) generate: bool,
    #[command(flatten)]
    pub(crate) file: UsersFile,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true).args(["role", "addresses"]))]
pub(crate) struct UserChangeArgs {
    /// Who
    #[arg(value_parser = parse_name)]
    pub(crate) name: String,
    /// What they may do: viewer or operator
    #[arg(long, value_name = "ROLE", value_parser = parse_role)]
    pub(crate) role: Option<Role>,
    /// Whether they see recipients' addresses and subjects whole
    #[arg(long, value_name = "true|false")]
    pub(crate) addresses: Option<bool>,
    #[command(flatten)]
    pub(crate) file: UsersFile,
}

#[derive(Debug, Args)]
pub(crate) struct UserPasswordArgs {
    /// Who
    #[arg(value_parser = parse_name)]
    pub(crate) name: String,
    /// Make a password up and print it
    #[arg(long)]
    pub(crate) generate: bool,
    #[command(flatten)]
    pub(crate) file: UsersFile,
}

#[derive(Debug, Args)]
pub(crate) struct UserRemoveArgs {
    /// Who
    #[arg(value_parser = parse_name)]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) file: UsersFile,
}

#[derive(Debug, Args)]
pub(crate) struct UserListArgs {
    /// How they are printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) file: UsersFile,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token and print it
    Add(TokenAddArgs),
    /// Remove a token, which is refused from then on
    Remove(TokenRemoveArgs),
    /// List the tokens
    List(TokenListArgs),
}

/// Where tokens are kept.
#[derive(Debug, Args)]
pub(crate) struct TokensFile {
    /// The file [default: `serve.tokens_file` of repute.toml]
    #[arg(long, env = "REPUTE_TOKENS_FILE", value_name = "FILE")]
    pub(crate) tokens_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct TokenAddArgs {
    /// Whose it is, as audit lines show it
    #[arg(value_parser = parse_name)]
    pub(crate) name: String,
    /// What it may do: a viewer's reads, an operator's also changes rules, silences and imports
    #[arg(long, value_name = "ROLE", default_value = "viewer", value_parser = parse_role)]
    pub(crate) role: Role,
    /// It sees recipients' addresses and subjects whole
    #[arg(long)]
    pub(crate) addresses: bool,
    /// What it is good for: all, api or metrics
    #[arg(long, value_name = "SCOPE", default_value = "all", value_parser = parse_scope)]
    pub(crate) scope: Scope,
    /// For how long it is good, as in 90d [default: until it is removed]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) expires: Option<TimeDelta>,
    #[command(flatten)]
    pub(crate) file: TokensFile,
}

#[derive(Debug, Args)]
pub(crate) struct TokenRemoveArgs {
    /// Whose
    #[arg(value_parser = parse_name)]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) file: TokensFile,
}

#[derive(Debug, Args)]
pub(crate) struct TokenListArgs {
    /// How they are printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) file: TokensFile,
}

fn parse_name(text: &str) -> Result<String, String> {
    read_name(text).map_err(|error| error.to_string())
}

fn parse_role(text: &str) -> Result<Role, String> {
    text.parse().map_err(|error: repute_web::access::UnknownRole| error.to_string())
}

fn parse_scope(text: &str) -> Result<Scope, String> {
    text.parse().map_err(|error: repute_web::access::UnknownScope| error.to_string())
}
