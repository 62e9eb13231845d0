//! People whom somebody else signs in: a proxy that tells of them in a header, and an identity provider.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, TcpListener};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use reqwest::redirect;
use serde_json::json;
use tempfile::TempDir;
use url::Url;

use crate::desk::{Client, Desk};
use crate::dump;
use crate::program::{PATIENCE, Server, command, on, runtime, scratch};
use crate::tools::skip;

const AT: &str = "--at 2026-11-01T00:00:00Z";

/// A server with this `[serve]` in its configuration, and the folder that lies in.
fn serve(serve: &str, arguments: &str) -> (TempDir, Server) {
    let folder = scratch();
    let path = folder.path().join("repute.toml");
    fs::write(&path, format!("[serve]\naudit_file = \"audit\"\n{serve}")).unwrap();
    fs::write(folder.path().join("secret"), "swordfish\n").unwrap();
    let server = Server::serve(&dump::lake().0, &format!("{AT} --config {} {arguments}", path.display()));
    (folder, server)
}

/// The audit lines: who, how, what, from where.
fn audit(folder: &TempDir) -> Vec<String> {
    let text = fs::read_to_string(folder.path().join("audit")).unwrap_or_default();
    let line = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let word = |name: &str| line[name].as_str().unwrap_or("-").to_owned();
        [word("who"), word("how"), word("what"), word("peer")].join(" ")
    };
    text.lines().map(line).collect()
}

const PROXY: &str = r#"
[serve.proxy]
peers = ["127.0.0.1", "10.0.0.0/8"]
user_header = "X-Forwarded-User"
groups_header = "X-Forwarded-Groups"
secret_header = "X-Proxy-Secret"
secret_file = "secret"
allow = { groups = ["mail"], users = ["jane@example.com"] }
operators = { groups = ["sre"] }
addresses = { users = ["jane@example.com"] }
"#;

const USER: (&str, &str) = ("X-Forwarded-User", "jane@example.com");
const SECRET: (&str, &str) = ("X-Proxy-Secret", "swordfish");

fn sending(server: &Server, headers: &[(&str, &str)]) -> Client {
    headers.iter().fold(Client::of(server), |client, (name, value)| client.with(name, value))
}

#[test]
fn a_proxy_tells_who_somebody_is() {
    let (folder, server) = serve(PROXY, "");
    let mut jane = sending(&server, &[USER, SECRET, ("X-Forwarded-For", "198.51.100.7, 10.1.1.1")]);
    let page = jane.get("/");
    assert_eq!(page.status, 200);
    assert!(page.text.contains(">jane@example.com<") && page.text.contains(">viewer<"), "{}", page.text);
    assert!(!page.text.contains("Sign out"), "that is the proxy's to do");
    assert_eq!(jane.get("/api/v1/reputation").status, 200);
    assert_eq!(jane.get("/metrics").status, 200);
    let mut john = sending(&server, &[("X-Forwarded-User", "john"), SECRET, ("X-Forwarded-Groups", "mail,sre")]);
    assert!(john.get("/").text.contains(">operator<"));
    let mut mary = sending(&server, &[("X-Forwarded-User", "mary"), SECRET, ("X-Forwarded-Groups", "sre")]);
    let page = mary.get("/");
    assert_eq!(page.status, 403);
    assert!(page.text.contains("`mary` is signed in, but is not let in here"), "{}", page.text);
    assert_eq!(mary.get("/api/v1/reputation").status, 403);
    let lines = audit(&folder);
    assert_eq!(lines[0], "jane@example.com proxy export 198.51.100.7");
    assert_eq!(lines[1], "mary proxy sign_in_failed 127.0.0.1");
}

/// Row by row what could make somebody out of nobody.
#[test]
fn a_header_names_nobody_whom_the_proxy_does_not_name() {
    let (_folder, server) = serve(PROXY, "");
    let variants: [(&str, &[(&str, &str)]); 14] = [
        ("no header", &[SECRET]),
        ("no secret", &[USER]),
        ("a wrong secret", &[USER, ("X-Proxy-Secret", "swordfis")]),
        ("an empty secret", &[USER, ("X-Proxy-Secret", "")]),
        ("the secret twice", &[USER, SECRET, SECRET]),
        ("the header twice", &[USER, USER, SECRET]),
        ("the header in another case as well", &[USER, ("x-forwarded-user", "john"), SECRET]),
        ("the header with underscores as well", &[USER, ("X_Forwarded_User", "john"), SECRET]),
        ("only the header with underscores", &[("X_Forwarded_User", "jane@example.com"), SECRET]),
        ("an empty name", &[("X-Forwarded-User", ""), SECRET]),
        ("two names", &[("X-Forwarded-User", "jane@example.com, john"), SECRET]),
        ("a name with a space", &[("X-Forwarded-User", "jane @example.com"), SECRET]),
        ("groups twice", &[USER, SECRET, ("X-Forwarded-Groups", "mail"), ("X-Forwarded-Groups", "sre")]),
        (
            "an open address elsewhere",
            &[("X-Forwarded-Uri", "/healthz"), ("X-Original-URL", "/healthz"), ("X-Rewrite-URL", "/healthz")],
        ),
    ];
    for (what, headers) in variants {
        // Each from another client, so that none is limited for what others did.
        let client = format!("10.9.9.{}", what.len());
        for path in ["/", "/api/v1/reputation", "/metrics", "/charts/bounce-rate.svg"] {
            let response = sending(&server, headers).with("X-Forwarded-For", &client).get(path);
            assert_eq!(response.status, 401, "{path} with {what}: {}", response.text);
        }
    }
    // From another address than the proxy's, whatever that says of itself.
    for more in
        [&[][..], &[("X-Forwarded-For", "127.0.0.1")], &[("X-Real-IP", "127.0.0.1"), ("Forwarded", "for=127.0.0.1")]]
    {
        let headers: Vec<_> = [USER, SECRET].into_iter().chain(more.iter().copied()).collect();
        assert_eq!(status_from("127.0.0.2", &server, "/", &headers), 401, "{more:?}");
        assert_eq!(status_from("127.0.0.2", &server, "/api/v1/reputation", &headers), 401, "{more:?}");
    }
    assert_eq!(status_from("127.0.0.1", &server, "/", &[USER, SECRET]), 200);
}

/// The status of a request that comes from this address.
fn status_from(address: &str, server: &Server, path: &str, headers: &[(&str, &str)]) -> u16 {
    let client = reqwest::Client::builder().local_address(address.parse::<IpAddr>().ok()).build().unwrap();
    let request = client.get(format!("{}{path}", server.url)).timeout(PATIENCE);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    runtime().block_on(async { request.send().await.unwrap().status().as_u16() })
}

/// A proxy that only forwards: its word on where people come from counts for limits and audit lines.
#[test]
fn limits_are_those_of_the_client_behind_the_proxy() {
    let desk = Desk::new();
    let proxy = "[serve.proxy]\npeers = [\"127.0.0.1\"]\n";
    let (_folder, server) = serve(proxy, &desk.options());
    let attempt = |client: &str, name: &str| {
        let mut client = Client::of(&server).with("X-Forwarded-For", client);
        client.sign_in(name, "a wrong password").status
    };
    let statuses: Vec<u16> = (0..22).map(|number| attempt("198.51.100.1", &format!("n{number}"))).collect();
    assert!(statuses[..20].iter().all(|status| *status == 401) && statuses.contains(&429), "{statuses:?}");
    assert_eq!(attempt("198.51.100.2", "other"), 401);
    // What a client writes before the proxy's own word counts for nothing.
    assert_eq!(attempt("203.0.113.9, 198.51.100.1", "another"), 429);
    assert_eq!(desk.audit()[0]["peer"], json!("198.51.100.1"));
    assert!(Client::of(&server).with(USER.0, "adam").get("/").status == 401, "it signs nobody in");
}

/// The identity provider of `tests/node/oidc.mjs`, ended when it is dropped.
struct Provider {
    child: Child,
    issuer: String,
    _folder: TempDir,
}

impl Provider {
    /// Knows repute by this secret, at this address.
    fn start(base_url: &str) -> Option<Self> {
        let Some(node) = std::env::var_os("REPUTE_NODE") else {
            return skip("REPUTE_NODE names no folder with oidc-provider");
        };
        let folder = scratch();
        let script = folder.path().join("oidc.mjs");
        fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node/oidc.mjs"), &script).unwrap();
        symlink(Path::new(&node).join("node_modules"), folder.path().join("node_modules")).unwrap();
        let mut command = Command::new("node");
        command.arg(&script).args(["repute", "swordfish", &format!("{base_url}/sign-in/oidc/done")]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let issuer = lines.find(|line| line.starts_with("http")).expect("the provider says where it is");
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { child, issuer, _folder: folder })
    }

    fn configuration(&self, more: &str) -> String {
        format!(
            "[serve.oidc]\nissuer = \"{}\"\nclient_id = \"repute\"\nclient_secret_file = \"secret\"\nlabel = \"the house\"\n\
             scopes = [\"email\", \"profile\", \"groups\"]\noperators = {{ groups = [\"sre\"] }}\naddresses = {{ groups = [\"support\"] }}\n{more}",
            self.issuer
        )
    }

    /// Has it spoil its tokens from now on, or not any more.
    fn spoil(&self, fault: &str) {
        self.ask(&format!("/fault?name={fault}"));
    }

    fn ask(&self, path: &str) {
        let url = format!("{}{path}", self.issuer);
        runtime().block_on(async { reqwest::get(url).await.unwrap().error_for_status().unwrap() });
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const COMPANY: &str = "allow = { domains = [\"example.com\"] }\n";

/// A provider, and a server that it knows.
struct House {
    provider: Provider,
    folder: TempDir,
    server: Server,
}

impl House {
    fn open(more: &str, arguments: &str) -> Option<Self> {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let base_url = format!("http://{free}");
        let provider = Provider::start(&base_url)?;
        let folder = scratch();
        let path = folder.path().join("repute.toml");
        let text =
            format!("[serve]\nbase_url = \"{base_url}\"\naudit_file = \"audit\"\n{}", provider.configuration(more));
        fs::write(&path, text).unwrap();
        fs::write(folder.path().join("secret"), "swordfish\n").unwrap();
        let mut command = command();
        command.args(["serve", "--listen", &free.to_string(), "--config"]).arg(&path).args(AT.split(' '));
        command.args(arguments.split_whitespace()).arg("--lake").arg(&dump::lake().0);
        let server = Server::start(&mut command);
        Some(Self { provider, folder, server })
    }

    /// Goes to the provider as this account, and comes back with what it gave: the address, still to be asked for.
    fn way_back(&self, browser: &mut Client, account: &str, to: &str) -> String {
        let start = browser.get(&format!("/sign-in/oidc?to={to}"));
        assert_eq!(start.status, 303, "{start:?}");
        let there = start.header("location").to_owned();
        let wanted = Url::parse(&there).unwrap();
        let asked: Vec<_> = wanted.query_pairs().map(|(name, _)| name.into_owned()).collect();
        for name in [
            "response_type",
            "client_id",
            "state",
            "nonce",
            "code_challenge",
            "code_challenge_method",
            "redirect_uri",
            "scope",
        ] {
            assert!(asked.iter().any(|one| one == name), "{name} is missing in {there}");
        }
        assert!(there.contains("code_challenge_method=S256") && there.contains("response_type=code"), "{there}");
        self.follow(&there, account)
    }

    /// Follows the provider's redirects up to the one that leads back.
    fn follow(&self, there: &str, account: &str) -> String {
        let client = reqwest::Client::builder().redirect(redirect::Policy::none()).build().unwrap();
        let (mut address, mut cookies) = (there.to_owned(), BTreeMap::new());
        for _ in 0..10 {
            if address.starts_with(&self.server.url) {
                return address[self.server.url.len()..].to_owned();
            }
            if address.contains("/interaction/") {
                address = format!("{address}?account={account}");
            }
            let sent: Vec<_> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let request = client.get(&address).header("Cookie", sent.join("; "));
            let response = runtime().block_on(async { request.send().await.unwrap() });
            for cookie in response.headers().get_all("set-cookie") {
                let (name, value) = cookie.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
                cookies.insert(name.to_owned(), value.to_owned());
            }
            let next =
                response.headers().get("location").unwrap_or_else(|| panic!("{address} leads nowhere: {response:?}"));
            address = Url::parse(&address).unwrap().join(next.to_str().unwrap()).unwrap().to_string();
        }
        panic!("no end of redirects");
    }

    /// Signs in as this account.
    fn sign_in(&self, account: &str) -> (Client, crate::program::Response) {
        let mut browser = Client::of(&self.server);
        let back = self.way_back(&mut browser, account, "/rates?range=7d");
        let response = browser.get(&back);
        (browser, response)
    }
}

#[test]
fn an_identity_provider_signs_people_in() {
    let Some(house) = House::open(COMPANY, "--log debug") else { return };
    let page = Client::of(&house.server).get("/bounces?class=content");
    assert_eq!(page.status, 401);
    assert!(page.text.contains("Sign in with the house"), "{}", page.text);
    assert!(page.text.contains("href=\"/sign-in/oidc?to=%2Fbounces%3Fclass%3Dcontent\""), "{}", page.text);
    assert!(!page.text.contains("type=\"password\""));

    let mut browser = Client::of(&house.server);
    let back = house.way_back(&mut browser, "jane", "/rates?range=7d");
    let transaction = browser.cookies[0].clone();
    assert!(transaction.starts_with("repute-oidc="), "{transaction}");
    let done = browser.get(&back);
    assert_eq!(done.status, 200, "{done:?}");
    // The strict cookie is not sent along with a redirect from another site: the page goes on by itself.
    assert!(done.text.contains("<meta http-equiv=\"refresh\" content=\"0; url=/rates?range=7d\">"), "{}", done.text);
    let cookies: Vec<_> = done.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap()).collect();
    assert!(
        cookies.iter().any(|cookie| cookie.starts_with("repute-session=") && cookie.ends_with("; SameSite=Strict")),
        "{cookies:?}"
    );
    assert!(
        cookies.iter().any(|cookie| cookie.starts_with("repute-oidc=;") && cookie.contains("Max-Age=0")),
        "{cookies:?}"
    );
    let page = browser.get("/");
    assert!(page.text.contains(">jane@example.com<") && page.text.contains(">operator<"), "{}", page.text);

    // Once: neither the code nor the transaction is good again.
    let mut again = Client::of(&house.server);
    again.cookies.push(transaction);
    assert_eq!(again.get(&back).status, 403);
    let (mut john, done) = house.sign_in("john");
    assert_eq!(done.status, 200);
    assert!(john.get("/").text.contains(">viewer<"));
    let (mut mallory, done) = house.sign_in("mallory");
    assert_eq!((done.status, mallory.get("/").status), (403, 401));
    assert!(
        done.text.contains("`mallory@evil.example` is signed in at the identity provider, but is not let in here"),
        "{}",
        done.text
    );
    let (mut trudy, done) = house.sign_in("trudy");
    assert_eq!((done.status, trudy.get("/").status), (403, 401), "her address is not verified");
    let (_, done) = house.sign_in("nobody");
    assert_eq!(done.status, 403);
    assert!(done.text.contains("access_denied nobody signed in"), "{}", done.text);
    let token = browser.form_token("/");
    assert_eq!(browser.clone().post("/sign-out", &[("token", &token)]).status, 303);
    assert_eq!(browser.get("/").status, 401);
    let lines = audit(&house.folder);
    assert_eq!(
        lines,
        [
            "jane@example.com oidc sign_in 127.0.0.1",
            "- oidc sign_in_failed 127.0.0.1",
            "john@example.com oidc sign_in 127.0.0.1",
            "mallory@evil.example oidc sign_in_failed 127.0.0.1",
            "- oidc sign_in_failed 127.0.0.1",
            "- oidc sign_in_failed 127.0.0.1",
            "jane@example.com oidc sign_out 127.0.0.1",
        ]
    );
    let log = house.server.log();
    let code = back.split("code=").nth(1).unwrap().split('&').next().unwrap();
    for secret in ["swordfish", code, &browser_secret(&cookies)] {
        assert!(!log.contains(secret), "`{secret}` was logged");
    }
}

fn browser_secret(cookies: &[&str]) -> String {
    let session = cookies.iter().find(|cookie| cookie.starts_with("repute-session=")).unwrap();
    session.split(['=', ';']).nth(1).unwrap().to_owned()
}

#[test]
fn what_comes_back_must_be_what_was_sent_for() {
    let Some(house) = House::open(COMPANY, "") else { return };
    let changed = |change: &dyn Fn(&str, &mut Client) -> String| {
        let mut browser = Client::of(&house.server);
        let back = house.way_back(&mut browser, "jane", "/");
        let back = change(&back, &mut browser);
        let status = browser.get(&back).status;
        (status, browser.get("/").status)
    };
    assert_eq!(changed(&|back, _| back.to_owned()), (200, 200));
    let state = |back: &str, state: &str| {
        let (before, rest) = back.split_once("state=").unwrap();
        let after = rest.split_once('&').map_or("", |(_, after)| after);
        format!("{before}state={state}&{after}")
    };
    assert_eq!(changed(&|back, _| state(back, "another")), (403, 401), "another state");
    assert_eq!(changed(&|back, _| state(back, "")), (403, 401), "no state");
    assert_eq!(
        changed(&|back, browser| {
            browser.cookies.clear();
            back.to_owned()
        }),
        (403, 401),
        "another browser"
    );
    assert_eq!(
        changed(&|back, browser| {
            browser.cookies[0].push('A');
            back.to_owned()
        }),
        (403, 401),
        "a changed cookie"
    );
    assert_eq!(changed(&|back, _| back.replace("code=", "code=x")), (403, 401), "another code");
    assert_eq!(changed(&|back, _| format!("{back}x")), (403, 401), "another issuer");
    // Somebody else's answer in this browser: it would sign its owner in as somebody else.
    let mut attacker = Client::of(&house.server);
    let theirs = house.way_back(&mut attacker, "john", "/");
    let mut victim = Client::of(&house.server);
    house.way_back(&mut victim, "jane", "/");
    assert_eq!(victim.get(&theirs).status, 403);
    assert_eq!(victim.get("/").status, 401);
    // Nobody is sent elsewhere afterwards.
    let mut browser = Client::of(&house.server);
    let back = house.way_back(&mut browser, "jane", "https://evil.example/");
    assert!(browser.get(&back).text.contains("content=\"0; url=/\""));
}

#[test]
fn tokens_that_are_not_the_providers_sign_nobody_in() {
    let Some(house) = House::open(COMPANY, "") else { return };
    for fault in [
        "nonce",
        "no-nonce",
        "audience",
        "issuer",
        "expired",
        "unsigned",
        "stranger",
        "public-key-as-secret",
        "access-token",
        "subject",
    ] {
        house.provider.spoil(fault);
        let (mut browser, done) = house.sign_in("jane");
        assert!([403, 429].contains(&done.status), "{fault}: {}", done.status);
        assert_eq!(browser.get("/").status, 401, "{fault}");
        assert!(browser.cookies.is_empty(), "{fault}");
    }
    house.provider.spoil("");
    assert_eq!(house.sign_in("jane").1.status, 200);
}

/// The provider comes up after the server, and the rest works meanwhile.
#[test]
fn a_provider_that_is_away_is_waited_for() {
    let Some(provider) = Provider::start("http://127.0.0.1:9") else { return };
    let desk = Desk::new();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let configuration = provider.configuration(COMPANY).replace(&provider.issuer, &format!("http://{gone}"));
    let (_folder, server) = serve(&format!("base_url = \"http://127.0.0.1:9\"\n{configuration}"), &desk.options());
    let page = Client::of(&server).get("/sign-in/oidc");
    assert_eq!((page.status, page.header("retry-after")), (503, "5"));
    assert!(page.text.contains("cannot be reached"), "{}", page.text);
    assert!(server.log().contains(&format!("cannot reach the identity provider `http://{gone}/`")), "{}", server.log());
    let mut vera = Client::signed_in(&server, "vera");
    assert_eq!(vera.get("/").status, 200);
    let page = Client::of(&server).get("/").text;
    assert!(page.contains("Sign in with the house") && page.contains("type=\"password\""), "{page}");
}

/// What is wrong, and at which line of `[serve]` and what follows.
const MISTAKES: [(&str, usize, [&str; 2]); 19] = [
    ("[serve.proxy]\npeers = []\n", 1, ["`peers` names no address", "127.0.0.1"]),
    ("[serve.proxy]\nuser_header = \"X-User\"\n", 1, ["missing field", "peers"]),
    ("[serve.proxy]\npeers = [\"localhost\"]\n", 2, ["`localhost` is no address", "10.0.0.0/8"]),
    ("[serve.proxy]\npeers = [\"0.0.0.0/0\"]\n", 2, ["every address", "name the proxy's"]),
    (
        "[serve.proxy]\npeers = [\"::1\"]\nuser_header = \"X User\"\n",
        3,
        ["`user_header`: `X User` is no header's name", "X-Forwarded-User"],
    ),
    ("[serve.proxy]\npeers = [\"::1\"]\nuser_header = \"X_User\"\n", 3, ["underscore", "choose another name"]),
    (
        "[serve.proxy]\npeers = [\"::1\"]\nuser_header = \"Authorization\"\n",
        3,
        ["a meaning of its own", "choose another"],
    ),
    (
        "[serve.proxy]\npeers = [\"::1\"]\nuser_header = \"X-A\"\ngroups_header = \"x-a\"\n",
        1,
        ["two of its headers are the same", "its own"],
    ),
    (
        "[serve.proxy]\npeers = [\"::1\"]\nuser_header = \"X-A\"\nsecret_header = \"X-B\"\n",
        1,
        ["`secret_header` needs `secret_file`", "secret_env"],
    ),
    (
        "[serve.proxy]\npeers = [\"::1\"]\nuser_header = \"X-A\"\nsecret_file = \"secret\"\n",
        1,
        ["needs `secret_header`", "the proxy sends it"],
    ),
    (
        "[serve.proxy]\npeers = [\"::1\"]\noperators = { users = [\"a\"] }\n",
        1,
        ["signs nobody in without `user_header`", "X-Forwarded-User"],
    ),
    (
        "[serve.proxy]\npeers = [\"::1\"]\nuser_header = \"X-A\"\noperators = { groups = [\"a\"] }\n",
        1,
        ["only with `groups_header`", "X-Forwarded-Groups"],
    ),
    ("[serve.proxy]\npeers = [\"::1\"]\nusers = [\"a\"]\n", 3, ["unknown field `users`", "`allow`"]),
    (
        "[serve.oidc]\nissuer = \"https://a.example\"\nclient_id = \"x\"\n",
        1,
        ["needs `base_url`", "https://ses.example.com"],
    ),
    (
        "base_url = \"https://b.example\"\n[serve.oidc]\nissuer = \"https://a.example\"\nclient_id = \"x\"\n",
        2,
        ["who of the provider's people is let in", "everybody = true"],
    ),
    (
        "base_url = \"https://b.example\"\n[serve.oidc]\nissuer = \"https://a.example\"\nclient_id = \"x\"\nallow = { everybody = true, users = [\"a\"] }\n",
        2,
        ["some and everybody", "keep one"],
    ),
    (
        "base_url = \"https://b.example\"\n[serve.oidc]\nissuer = \"http://a.example\"\nclient_id = \"x\"\nallow = { everybody = true }\n",
        3,
        ["without TLS", "write it with https"],
    ),
    (
        "base_url = \"https://b.example\"\n[serve.oidc]\nissuer = \"https://a.example\"\nclient_id = \"\"\nallow = { everybody = true }\n",
        2,
        ["`client_id` is empty", "the provider gave"],
    ),
    (
        "base_url = \"https://b.example\"\n[serve.oidc]\nissuer = \"https://a.example\"\nclient_id = \"x\"\nclient_secret_file = \"a\"\nclient_secret_env = \"B\"\nallow = { everybody = true }\n",
        2,
        ["exclude each other", "keep one"],
    ),
];

#[test]
fn mistakes_name_line_and_remedy() {
    for (text, line, words) in MISTAKES {
        let folder = scratch();
        let path = folder.path().join("repute.toml");
        fs::write(&path, format!("[serve]\n{text}")).unwrap();
        let run = on(&dump::lake().0, &format!("serve --config {}", path.display())).expect(2);
        assert!(run.stderr.contains(&format!("{}:{}: ", path.display(), line + 1)), "{text}: {}", run.stderr);
        for word in words {
            assert!(run.stderr.contains(word), "{text}: {}", run.stderr);
        }
    }
    let folder = scratch();
    let path = folder.path().join("repute.toml");
    fs::write(
        &path,
        "[serve.proxy]\npeers = [\"::1\"]\nuser_header = \"X-A\"\nsecret_header = \"X-B\"\nsecret_file = \"nowhere\"\n",
    )
    .unwrap();
    let run = on(&dump::lake().0, &format!("serve --config {}", path.display())).expect(2);
    assert!(run.stderr.contains("nowhere"), "{}", run.stderr);
}
