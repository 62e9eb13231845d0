//! The files of users and tokens, as `repute user` and `repute token` write them.

use std::collections::BTreeSet;
use std::path::Path;

use chrono::{DateTime, Utc};
use repute_web::access::{PasswordHash, Rights, Role, Scope, Token, TokenDigest, Tokens, User, Users, read_name};
use serde::Deserialize;
use toml::Spanned;

use super::rules::Mistake;
use super::{File, time};
use crate::exit::Failure;

/// The users file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct UsersText {
    #[serde(rename = "user")]
    users: Vec<UserText>,
}

/// `[[user]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct UserText {
    name: Spanned<String>,
    role: Option<Spanned<String>>,
    #[serde(default)]
    addresses: bool,
    password: Spanned<String>,
}

/// The tokens file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TokensText {
    #[serde(rename = "token")]
    tokens: Vec<TokenText>,
}

/// `[[token]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenText {
    name: Spanned<String>,
    sha256: Spanned<String>,
    role: Option<Spanned<String>>,
    #[serde(default)]
    addresses: bool,
    scope: Option<Spanned<String>>,
    #[serde(default, deserialize_with = "time")]
    expires: Option<DateTime<Utc>>,
}

/// Reads a users file.
pub(crate) fn read_users(path: &Path) -> Result<Users, Failure> {
    let file = File::read(path, "users file")?;
    let text: UsersText = file.parse()?;
    let mut names = BTreeSet::new();
    let user = |user: UserText| {
        let name = read_unique(&user.name, "user", &mut names)?;
        let password = parse(&user.password, |text| {
            PasswordHash::parse(text)
                .map_err(|error| format!("user `{name}`: {error}; write it with `repute user password {name}`"))
        })?;
        Ok(User { rights: Rights { role: read_role(user.role.as_ref())?, addresses: user.addresses }, name, password })
    };
    let users: Result<Vec<User>, Mistake> = text.users.into_iter().map(user).collect();
    Ok(Users::new(users.map_err(|(span, what)| file.refuse(span.start, &what))?))
}

/// Reads a tokens file.
pub(crate) fn read_tokens(path: &Path) -> Result<Tokens, Failure> {
    let file = File::read(path, "tokens file")?;
    let text: TokensText = file.parse()?;
    let mut names = BTreeSet::new();
    let token = |token: TokenText| {
        let name = read_unique(&token.name, "token", &mut names)?;
        let digest = parse(&token.sha256, |text| {
            let wrong = || {
                format!("token `{name}`: `sha256` is not 64 hexadecimal digits; make the token with `repute token add`")
            };
            TokenDigest::parse(text).ok_or_else(wrong)
        })?;
        let scope =
            token.scope.as_ref().map(|scope| parse(scope, |text| text.parse::<Scope>().map_err(|e| e.to_string())));
        Ok(Token {
            rights: Rights { role: read_role(token.role.as_ref())?, addresses: token.addresses },
            scope: scope.transpose()?.unwrap_or(Scope::All),
            expires: token.expires,
            name,
            digest,
        })
    };
    let tokens: Result<Vec<Token>, Mistake> = text.tokens.into_iter().map(token).collect();
    Ok(Tokens::new(tokens.map_err(|(span, what)| file.refuse(span.start, &what))?))
}

fn parse<T>(text: &Spanned<String>, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<T, Mistake> {
    parse(text.get_ref()).map_err(|what| (text.span(), what))
}

fn read_role(text: Option<&Spanned<String>>) -> Result<Role, Mistake> {
    let Some(text) = text else { return Ok(Role::Viewer) };
    parse(text, |text| text.parse::<Role>().map_err(|error| error.to_string()))
}

fn read_unique(name: &Spanned<String>, kind: &str, names: &mut BTreeSet<String>) -> Result<String, Mistake> {
    let read = parse(name, |text| read_name(text).map_err(|error| error.to_string()))?;
    if !names.insert(read.clone()) {
        return Err((name.span(), format!("there is another {kind} `{read}`; keep one of them")));
    }
    Ok(read)
}
