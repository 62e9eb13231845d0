//! `repute user`: the people who sign in with a password.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;

use console::Term;
use repute_web::access::{PasswordHash, Role, random_password};
use serde_json::{Value, json};
use toml_edit::{Table, value};

use crate::cli::{Format, UserAddArgs, UserChangeArgs, UserCommand, UserListArgs, UserPasswordArgs};
use crate::config::{Config, read_users};
use crate::exit::{Exit, Failure};
use crate::output;
use crate::roll::Roll;

const HEAD: &str = "Who may sign in to the dashboard with a password; `repute user` keeps this file.";

pub(super) fn run(config: &Config, command: &UserCommand) -> Result<Exit, Failure> {
    match command {
        UserCommand::Add(args) => add(&config.users_file(args.file.users_file.as_ref())?, args),
        UserCommand::Change(args) => change(&config.users_file(args.file.users_file.as_ref())?, args),
        UserCommand::Password(args) => password(&config.users_file(args.file.users_file.as_ref())?, args),
        UserCommand::Remove(args) => {
            let mut users = open(&config.users_file(args.file.users_file.as_ref())?)?;
            users.remove(&args.name)?;
            say("removed", &args.name, "", &users.save()?);
            Ok(Exit::Done)
        }
        UserCommand::List(args) => list(&config.users_file(args.file.users_file.as_ref())?, args),
    }
}

/// Opens the file if it has no mistakes, so that none is written back.
fn open(path: &Path) -> Result<Roll, Failure> {
    if path.exists() {
        read_users(path)?;
    }
    Roll::open(path, "user", HEAD)
}

fn add(path: &Path, args: &UserAddArgs) -> Result<Exit, Failure> {
    let taken = path.exists() && read_users(path)?.iter().any(|user| user.name == args.name);
    if taken {
        // Before a password is asked for.
        return Err(Failure::Usage(format!(
            "there is a user `{}` in `{}` already: `repute user change` and `repute user password` change one",
            args.name,
            path.display()
        )));
    }
    let hash = new_password(&args.name, args.generate)?;
    let mut table = Table::new();
    table["name"] = value(args.name.as_str());
    table["role"] = value(args.role.as_str());
    table["addresses"] = value(args.addresses);
    table["password"] = value(hash.to_string());
    let mut users = open(path)?;
    users.add(&args.name, table)?;
    say("added", &args.name, &rights(args.role, args.addresses), &users.save()?);
    Ok(Exit::Done)
}

fn change(path: &Path, args: &UserChangeArgs) -> Result<Exit, Failure> {
    let mut users = open(path)?;
    let user = users.find(&args.name)?;
    if let Some(role) = args.role {
        user["role"] = value(role.as_str());
    }
    if let Some(addresses) = args.addresses {
        user["addresses"] = value(addresses);
    }
    let path = users.save()?;
    let users = read_users(&path)?;
    let rights =
        users.iter().find(|user| user.name == args.name).map(|user| rights(user.rights.role, user.rights.addresses));
    say("changed", &args.name, &rights.unwrap_or_default(), &path);
    Ok(Exit::Done)
}

fn password(path: &Path, args: &UserPasswordArgs) -> Result<Exit, Failure> {
    open(path)?.find(&args.name)?;
    let hash = new_password(&args.name, args.generate)?;
    let mut users = open(path)?;
    users.find(&args.name)?["password"] = value(hash.to_string());
    say("changed the password of", &args.name, "", &users.save()?);
    Ok(Exit::Done)
}

fn list(path: &Path, args: &UserListArgs) -> Result<Exit, Failure> {
    let users = read_users(path)?;
    let users = users.iter();
    match args.format {
        Format::Json => {
            let rows = users.map(|user| json!({"name": user.name, "role": user.rights.role.as_str(), "addresses": user.rights.addresses}));
            output::print_json(&Value::Array(rows.collect()))?;
        }
        Format::Text => {
            let header = ["name", "role", "addresses"].map(str::to_owned);
            let rows: Vec<_> = users
                .map(|user| {
                    vec![
                        user.name.clone(),
                        user.rights.role.as_str().to_owned(),
                        seen(user.rights.addresses).to_owned(),
                    ]
                })
                .collect();
            output::print(&output::table(&header, &rows, 3))?;
        }
    }
    Ok(Exit::Done)
}

/// A password as typed twice, as the first line of standard input, or one made up, which is printed.
fn new_password(name: &str, generate: bool) -> Result<PasswordHash, Failure> {
    let password = if generate {
        let password = random_password();
        output::print(&format!("{password}\n"))?;
        password
    } else if io::stdin().is_terminal() {
        let term = Term::stderr();
        let ask = |question: &str| {
            let _ = write!(io::stderr(), "{question}: ");
            term.read_secure_line()
        };
        let password = ask(&format!("Password for {name}"))?;
        if ask("The same again")? != password {
            return Err(Failure::Usage("the two passwords differ: nothing was changed".to_owned()));
        }
        password
    } else {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line)?;
        line.trim_end_matches(['\r', '\n']).to_owned()
    };
    PasswordHash::of(&password).map_err(|error| Failure::Usage(format!("{error}: nothing was changed")))
}

/// What somebody may do and see, in words.
pub(super) fn rights(role: Role, addresses: bool) -> String {
    format!(" as {role}, who sees addresses {}", seen(addresses))
}

pub(super) fn seen(addresses: bool) -> &'static str {
    if addresses { "whole" } else { "masked" }
}

/// Tells what was done, on standard error.
pub(super) fn say(done: &str, name: &str, how: &str, path: &Path) {
    let _ = writeln!(io::stderr(), "{done} `{name}`{how} in `{}`", path.display());
}
