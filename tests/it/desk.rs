//! A dashboard that people have to sign in to, and those who do.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use reqwest::header::{HeaderMap, SET_COOKIE};
use reqwest::{Method, redirect};
use serde_json::Value;
use tempfile::TempDir;

use crate::program::{PATIENCE, Response, Run, Server, command, runtime, scratch};

/// Users of every kind: name, password, arguments of `repute user add`.
pub(crate) const USERS: [(&str, &str, &str); 3] = [
    ("vera", "vera looks only", ""),
    ("olga", "olga may operate", "--role operator"),
    ("adam", "adam sees all of it", "--role operator --addresses"),
];

/// Tokens of every kind: name and arguments of `repute token add`.
pub(crate) const TOKENS: [(&str, &str); 4] =
    [("reader", ""), ("worker", "--role operator"), ("auditor", "--addresses"), ("scraper", "--scope metrics")];

/// Files of users and tokens, and where audit lines go.
pub(crate) struct Desk {
    pub(crate) folder: TempDir,
    tokens: Vec<String>,
}

impl Desk {
    /// With all [`USERS`] and [`TOKENS`].
    pub(crate) fn new() -> Self {
        let mut desk = Self { folder: scratch(), tokens: Vec::new() };
        for (name, password, arguments) in USERS {
            desk.users(&format!("add {name} {arguments}"), password).expect(0);
        }
        for (name, arguments) in TOKENS {
            let run = desk.program("token", &format!("add {name} {arguments}"), "").expect(0);
            desk.tokens.push(run.stdout.trim().to_owned());
        }
        desk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `repute user ...` on its file, with a line on standard input.
    pub(crate) fn users(&self, arguments: &str, line: &str) -> Run {
        self.program("user", arguments, line)
    }

    /// `repute user ...` or `repute token ...`.
    pub(crate) fn program(&self, kind: &str, arguments: &str, line: &str) -> Run {
        let mut command = command();
        command.arg(kind).args(arguments.split_whitespace());
        command.arg(format!("--{kind}s-file")).arg(self.path(&format!("{kind}s.toml")));
        with_line(&mut command, line)
    }

    /// What this token's holder sends.
    pub(crate) fn token(&self, name: &str) -> &str {
        &self.tokens[TOKENS.iter().position(|(one, _)| *one == name).unwrap()]
    }

    /// Options of `repute serve` with these files.
    pub(crate) fn options(&self) -> String {
        let path = |name: &str| self.path(name).display().to_string();
        format!(
            "--users-file {} --tokens-file {} --audit-file {}",
            path("users.toml"),
            path("tokens.toml"),
            path("audit")
        )
    }

    pub(crate) fn serve(&self, lake: &Path, arguments: &str) -> Server {
        Server::serve(lake, &format!("{} {arguments}", self.options()))
    }

    /// The audit lines so far.
    pub(crate) fn audit(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.path("audit")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Runs a command with a line on its standard input.
pub(crate) fn with_line(command: &mut std::process::Command, line: &str) -> Run {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(format!("{line}\n").as_bytes());
    crate::program::finish_within(child, PATIENCE)
}

/// Whoever asks, with what they send along each time.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    /// As a browser keeps them: `name=value`.
    pub(crate) cookies: Vec<String>,
    pub(crate) headers: Vec<(String, String)>,
}

impl Client {
    /// Somebody who has not signed in.
    pub(crate) fn of(server: &Server) -> Self {
        let http = reqwest::Client::builder().redirect(redirect::Policy::none()).build().unwrap();
        Self { http, url: server.url.clone(), cookies: Vec::new(), headers: Vec::new() }
    }

    /// One of [`USERS`], signed in.
    #[track_caller]
    pub(crate) fn signed_in(server: &Server, name: &str) -> Self {
        let mut client = Self::of(server);
        let (_, password, _) = USERS.into_iter().find(|(one, _, _)| *one == name).unwrap();
        let response = client.sign_in(name, password);
        assert_eq!(response.status, 303, "{response:?}");
        client
    }

    /// With a header more.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Whoever holds this token.
    pub(crate) fn bearing(server: &Server, token: &str) -> Self {
        Self::of(server).with("Authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn sign_in(&mut self, name: &str, password: &str) -> Response {
        self.post("/sign-in", &[("user", name), ("password", password), ("to", "/rates?range=7d")])
    }

    pub(crate) fn get(&mut self, path: &str) -> Response {
        self.send(Method::GET, path, None)
    }

    /// Sends a form.
    pub(crate) fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Response {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.send(Method::POST, path, Some(("application/x-www-form-urlencoded", form)))
    }

    /// Sends a request as it is, follows no redirect, and keeps cookies.
    #[track_caller]
    pub(crate) fn send(&mut self, method: Method, path: &str, body: Option<(&str, String)>) -> Response {
        let mut request = self.http.request(method, format!("{}{path}", self.url)).timeout(PATIENCE);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if !self.cookies.is_empty() {
            request = request.header("Cookie", self.cookies.join("; "));
        }
        if let Some((kind, body)) = body {
            request = request.header("Content-Type", kind).body(body);
        }
        let response = runtime().block_on(async {
            let response = request.send().await.unwrap();
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            Response { status, headers, text: response.text().await.unwrap_or_default() }
        });
        self.keep(&response.headers);
        response
    }

    fn keep(&mut self, headers: &HeaderMap) {
        for header in headers.get_all(SET_COOKIE) {
            let text = header.to_str().unwrap();
            let pair = text.split(';').next().unwrap();
            let name = pair.split('=').next().unwrap();
            self.cookies.retain(|cookie| cookie.split('=').next() != Some(name));
            if !pair.ends_with('=') {
                self.cookies.push(pair.to_owned());
            }
        }
    }

    /// The token in a form of a page.
    #[track_caller]
    pub(crate) fn form_token(&mut self, path: &str) -> String {
        let page = self.get(path).text;
        let (_, rest) =
            page.split_once("name=\"token\" value=\"").unwrap_or_else(|| panic!("no form on {path}: {page}"));
        rest.split('"').next().unwrap().to_owned()
    }
}
