//! Who is let in, and who is not: users, sessions, tokens, forms.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use repute_web::{Audience, route_list};
use reqwest::Method;
use serde_json::{Value, json};

use crate::desk::{Client, Desk, USERS, with_line};
use crate::dump;
use crate::program::{Server, command, on, poll, scratch};

const AT: &str = "--at 2026-11-01T00:00:00Z";

/// A desk and its server over the lake of the generator.
fn open() -> (Desk, Server) {
    let desk = Desk::new();
    let server = desk.serve(&dump::lake().0, AT);
    (desk, server)
}

/// The path of a route as somebody may ask for it.
fn filled(route: &str) -> String {
    let mut path = String::new();
    for part in route.split('/').skip(1) {
        let is_chart = path == "/charts";
        path.push('/');
        path.push_str(match part {
            "{file}" if is_chart => "bounce-rate.svg",
            part if part.starts_with('{') => "1",
            part => part,
        });
    }
    path
}

fn routes(audience: Audience) -> Vec<String> {
    let routes: Vec<_> =
        route_list().into_iter().filter(|(_, one)| *one == audience).map(|(path, _)| filled(&path)).collect();
    assert!(!routes.is_empty());
    routes
}

fn is_for_programs(path: &str) -> bool {
    path == "/api" || path.starts_with("/api/") || path == "/metrics"
}

/// Every route, with everything that is no sign-in.
#[test]
fn no_route_is_open_to_strangers() {
    let (desk, server) = open();
    let digest = fs::read_to_string(desk.path("tokens.toml")).unwrap();
    let digest = digest.split("sha256 = \"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let token = desk.token("auditor");
    let closed = routes(Audience::SignedIn);
    for known in [
        "/",
        "/rates",
        "/bounces",
        "/metrics",
        "/api/v1/rates",
        "/api/v1/openapi.json",
        "/charts/bounce-rate.svg",
        "/sign-out",
    ] {
        assert!(closed.iter().any(|path| path == known), "{known} is missing in {closed:?}");
    }
    let described = Client::bearing(&server, desk.token("reader")).get("/api/v1/openapi.json").json();
    for path in described["paths"].as_object().unwrap().keys() {
        assert!(closed.contains(&filled(path)), "{path} is described but not listed");
    }
    let strangers = [
        ("nothing", "X-Nothing", String::new()),
        ("a made-up session", "Cookie", "repute-session=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned()),
        ("a session without an id", "Cookie", "repute-session=".to_owned()),
        ("the secure session's name", "Cookie", "__Host-repute-session=AAAA".to_owned()),
        ("a password as for Basic", "Authorization", "Basic YWRhbTphZGFtIHNlZXMgYWxsIG9mIGl0".to_owned()),
        ("no token", "Authorization", "Bearer ".to_owned()),
        ("part of a token", "Authorization", format!("Bearer {}", &token[..token.len() - 1])),
        ("more than a token", "Authorization", format!("Bearer {token}A")),
        ("what is kept of a token", "Authorization", format!("Bearer {digest}")),
        ("a token without its scheme", "Authorization", token.to_owned()),
        ("a user a proxy might name", "X-Forwarded-User", "adam".to_owned()),
    ];
    for (what, name, value) in &strangers {
        // Each from another address would be another matter: wrong tokens are limited, so each kind has a server of its own.
        let server = desk.serve(&dump::lake().0, AT);
        let stranger = Client::of(&server).with(name, value);
        for path in closed.iter().map(String::as_str).chain(["/nowhere", "/api/v1/nothing", "/api", "/static/x.css"]) {
            for method in
                [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS]
            {
                let response = stranger.clone().send(method.clone(), path, None);
                let is_limited = *name == "Authorization" && is_for_programs(path) && response.status == 429;
                assert!(response.status == 401 || is_limited, "{method} {path} with {what}: {}", response.status);
                assert!(
                    !response.text.contains("marketing") && !response.text.contains("lake"),
                    "{path}: {}",
                    response.text
                );
                if response.status == 401 && is_for_programs(path) {
                    assert_eq!(response.header("www-authenticate"), "Bearer realm=\"repute\"", "{path}");
                    assert_eq!(response.header("content-type"), "application/problem+json", "{path}");
                }
                assert_eq!(response.header("set-cookie"), "", "{path}");
            }
        }
    }
    // A token is good for programs only.
    for path in ["/", "/rates", "/charts/bounce-rate.svg", "/sign-out"] {
        assert_eq!(Client::bearing(&server, token).get(path).status, 401, "{path}");
    }
    for path in routes(Audience::Everybody) {
        let response = Client::of(&server).get(&path);
        // There is no identity provider here, and nobody comes back from one.
        let expected: &[u16] = if path.starts_with("/sign-in/oidc") { &[403, 404] } else { &[200] };
        assert!(expected.contains(&response.status), "{path}: {}", response.status);
        assert!(!response.text.contains("marketing"), "{path}");
    }
    assert_eq!(server.get("/healthz").text, "ok");
}

/// Every route again, by those who may.
#[test]
fn every_route_is_open_to_those_who_signed_in() {
    let (desk, server) = open();
    let mut vera = Client::signed_in(&server, "vera");
    let mut reader = Client::bearing(&server, desk.token("reader"));
    for path in routes(Audience::SignedIn) {
        for client in [&mut vera, &mut reader].into_iter().take(if is_for_programs(&path) { 2 } else { 1 }) {
            let status = client.get(&path).status;
            assert!([200, 303, 400, 404, 405, 422].contains(&status), "{path}: {status}");
        }
    }
    assert_eq!(vera.get("/nowhere").status, 404);
    for (name, path, status) in [
        ("scraper", "/metrics", 200),
        ("scraper", "/api/v1/rates", 401),
        ("reader", "/metrics", 200),
        ("worker", "/api/v1/reputation", 200),
    ] {
        assert_eq!(Client::bearing(&server, desk.token(name)).get(path).status, status, "{name} {path}");
    }
}

#[test]
fn signing_in_and_out() {
    let (desk, server) = open();
    let mut adam = Client::of(&server);
    let page = adam.get("/rates?range=7d");
    assert_eq!(page.status, 401);
    assert!(page.text.contains("name=\"to\" value=\"/rates?range=7d\""), "{}", page.text);
    assert!(page.text.contains("autocomplete=\"username\"") && page.text.contains("autocomplete=\"current-password\""));
    assert!(!page.text.contains("<script") || page.text.contains("<script src="), "it works without a script");
    let response = adam.sign_in("adam", "adam sees all of it");
    assert_eq!((response.status, response.header("location")), (303, "/rates?range=7d"));
    let cookie = response.header("set-cookie").to_owned();
    assert!(
        cookie.starts_with("repute-session=") && cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"),
        "{cookie}"
    );
    let page = adam.get("/");
    assert_eq!(page.status, 200);
    assert!(page.text.contains(">adam<") && page.text.contains(">operator<"), "{}", page.text);
    let token = adam.form_token("/");
    let mut second = Client::signed_in(&server, "adam");
    assert_ne!(second.form_token("/"), token, "each session has its own");
    // Another session's token, a wrong one, none: nothing happens.
    for wrong in [&[][..], &[("token", "")], &[("token", "x")], &[("token", second.form_token("/").as_str())]] {
        assert_eq!(adam.post("/sign-out", wrong).status, 403, "{wrong:?}");
    }
    assert_eq!(
        adam.send(Method::POST, "/sign-out", Some(("application/json", format!("{{\"token\":\"{token}\"}}")))).status,
        403
    );
    assert_eq!(adam.get("/sign-out").status, 405, "a link signs nobody out");
    assert_eq!(adam.get("/").status, 200);
    let mut before = adam.clone();
    let out = adam.post("/sign-out", &[("token", &token)]);
    assert_eq!((out.status, out.header("location")), (303, "/sign-in?out=1"));
    assert!(out.header("set-cookie").contains("Max-Age=0"), "{out:?}");
    assert!(adam.cookies.is_empty());
    assert_eq!(before.get("/").status, 401, "the session has ended, not only the cookie");
    assert_eq!(second.get("/").status, 200, "the other one has not");
    let kinds: Vec<_> =
        desk.audit().iter().map(|line| format!("{} {} {}", line["who"], line["what"], line["how"])).collect();
    let sign_in = r#""adam" "sign_in" "password""#;
    assert_eq!(kinds, [sign_in, sign_in, r#""adam" "sign_out" "password""#]);
    let mode = fs::metadata(desk.path("audit")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// An id that somebody planted in the browser before is not the one after signing in, and never gets valid.
#[test]
fn sessions_cannot_be_fixed() {
    let (_desk, server) = open();
    let planted = "repute-session=PLANTEDPLANTEDPLANTEDPLANTEDPLANTEDPLANTEDPLA";
    let mut victim = Client::of(&server);
    victim.cookies.push(planted.to_owned());
    assert_eq!(victim.get("/").status, 401);
    assert_eq!(victim.sign_in("adam", "adam sees all of it").status, 303);
    assert_ne!(victim.cookies, [planted]);
    let mut attacker = Client::of(&server);
    attacker.cookies.push(planted.to_owned());
    assert_eq!(attacker.get("/").status, 401);
    // Signing in again ends the session before.
    let mut before = victim.clone();
    assert_eq!(victim.sign_in("vera", "vera looks only").status, 303);
    assert_eq!(before.get("/").status, 401);
    assert!(victim.get("/").text.contains(">vera<"));
}

#[test]
fn cookies_are_for_tls_only_where_there_is_tls() {
    let desk = Desk::new();
    let server = desk.serve(&dump::lake().0, &format!("{AT} --base-url https://ses.example.com"));
    let mut adam = Client::of(&server).with("Host", "ses.example.com").with("Origin", "https://ses.example.com");
    let response = adam.sign_in("adam", "adam sees all of it");
    assert_eq!(response.status, 303, "{response:?}");
    let cookie = response.header("set-cookie");
    assert!(
        cookie.starts_with("__Host-repute-session=") && cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict; Secure"),
        "{cookie}"
    );
    let page = adam.get("/");
    assert_eq!((page.status, page.header("strict-transport-security")), (200, "max-age=31536000"));
    assert_eq!(Client::of(&server).with("Host", "other.example.com").get("/").status, 421);
}

#[test]
fn wrong_passwords_are_told_from_nothing() {
    let (desk, server) = open();
    let hash = fs::read_to_string(desk.path("users.toml")).unwrap();
    let hash = hash.split("password = \"").nth(3).unwrap().split('"').next().unwrap().to_owned();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    for (name, password) in [
        ("adam", "adam sees all of i"),
        ("adam", ""),
        ("adam", hash.as_str()),
        ("adam", "vera looks only"),
        ("ADAM", "adam sees all of it"),
        ("nobody", "adam sees all of it"),
        ("", ""),
    ] {
        let response = Client::of(&server).sign_in(name, password);
        assert_eq!(response.status, 401, "{name} {password}");
        assert!(response.text.contains("Name or password is wrong."), "{}", response.text);
        assert_eq!(response.header("set-cookie"), "");
    }
    let long = Client::of(&server).sign_in("adam", &"x".repeat(1_025));
    assert_eq!(long.status, 400);
    assert!(long.text.contains("at most 1024 bytes"), "{}", long.text);
    let start = Instant::now();
    assert_eq!(Client::of(&server).sign_in("adam", &"x".repeat(1 << 20)).status, 413);
    assert!(start.elapsed() < Duration::from_secs(5));
    let failed: Vec<_> = desk.audit().into_iter().filter(|line| line["what"] == "sign_in_failed").collect();
    assert_eq!(failed.len(), 7);
    assert_eq!(
        failed.iter().map(|line| line["who"].clone()).collect::<Vec<_>>()[..5],
        [json!("adam"), json!("adam"), json!("adam"), json!("adam"), Value::Null]
    );
}

/// Nobody learns from the time whether a name is known.
#[test]
fn an_unknown_name_takes_as_long_as_a_wrong_password() {
    let (_desk, server) = open();
    let time = |name: &str| {
        let start = Instant::now();
        assert_eq!(Client::of(&server).sign_in(name, "a wrong password").status, 401);
        start.elapsed()
    };
    time("adam");
    let pairs: Vec<_> = (0..8).map(|number| (time("vera"), time(&format!("nobody{number}")))).collect();
    let best = |times: Vec<Duration>| times.into_iter().min().unwrap().as_secs_f64();
    let (known, unknown) = pairs.into_iter().unzip();
    let (known, unknown) = (best(known), best(unknown));
    println!("known {known:.4} s, unknown {unknown:.4} s");
    assert!((0.5..2.0).contains(&(unknown / known)), "known {known} s, unknown {unknown} s");
}

#[test]
fn guessing_is_slowed_down() {
    let (desk, server) = open();
    let statuses: Vec<u16> = (0..12).map(|_| Client::of(&server).sign_in("adam", "a wrong password").status).collect();
    assert_eq!(statuses[..10], [401; 10]);
    let limited = Client::of(&server).sign_in("adam", "adam sees all of it");
    assert_eq!(limited.status, 429, "also with the right one");
    let wait: u64 = limited.header("retry-after").parse().unwrap();
    assert!((1..=31).contains(&wait), "{wait}");
    assert!(limited.text.contains("Too many attempts"), "{}", limited.text);
    // Others may still sign in, until the address has tried too much.
    assert_eq!(Client::of(&server).sign_in("vera", "vera looks only").status, 303);
    let statuses: Vec<u16> =
        (0..12).map(|n| Client::of(&server).sign_in(&format!("n{n}"), "wrong password").status).collect();
    assert!(statuses.contains(&429), "{statuses:?}");
    assert_eq!(server.get("/healthz").status, 200);
    // Wrong tokens are limited, right ones are not.
    let wrong: Vec<u16> = (0..3).map(|_| Client::bearing(&server, "repute_wrong").get("/metrics").status).collect();
    assert!(wrong.contains(&429), "{wrong:?}");
    assert_eq!(Client::bearing(&server, desk.token("scraper")).get("/metrics").status, 200);
}

/// Pages of other sites can make a browser send things, and say so.
#[test]
fn other_sites_change_nothing() {
    let (_desk, server) = open();
    let mut adam = Client::signed_in(&server, "adam");
    let token = adam.form_token("/");
    for (name, value) in [
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
    ] {
        let mut foreign = adam.clone().with(name, value);
        assert_eq!(foreign.post("/sign-out", &[("token", &token)]).status, 403, "{name}: {value}");
        assert_eq!(foreign.sign_in("vera", "vera looks only").status, 403, "{name}: {value}");
        assert_eq!(foreign.get("/").status, 200, "looking is another matter");
    }
    for path in routes(Audience::SignedIn) {
        let response = adam.clone().with("Origin", "https://evil.example").post(&path, &[("token", &token)]);
        assert_eq!(response.status, 403, "{path}");
    }
    let host = adam.clone().with("Host", "evil.example");
    for path in routes(Audience::SignedIn).into_iter().chain(routes(Audience::Everybody)) {
        let response = host.clone().get(&path);
        assert_eq!(response.status, 421, "{path}");
        assert!(!response.text.contains("marketing"), "{path}");
    }
    let own = server.url.clone();
    assert_eq!(adam.with("Origin", &own).post("/sign-out", &[("token", &token)]).status, 303);
}

/// Whoever may only look is refused whatever changes something, on every route that takes anything.
#[test]
fn viewers_change_nothing() {
    let (desk, server) = open();
    let mut vera = Client::signed_in(&server, "vera");
    let token = vera.form_token("/");
    let mut refused = 0;
    for path in routes(Audience::SignedIn).into_iter().filter(|path| path != "/sign-out") {
        let mut clients = vec![vera.clone()];
        if is_for_programs(&path) {
            clients =
                vec![Client::bearing(&server, desk.token("reader")), Client::bearing(&server, desk.token("auditor"))];
        }
        for mut client in clients {
            let response = client.post(&path, &[("token", &token), ("reason", "a"), ("for", "1h"), ("version", "1")]);
            assert!([403, 405].contains(&response.status), "{path}: {}", response.status);
            refused += usize::from(response.status == 403);
        }
    }
    assert!(refused >= 6, "{refused} routes that change something");
    assert!(desk.audit().iter().all(|line| line["what"] != "act"), "{:?}", desk.audit());
}

/// A link in a web mailer: the browser keeps a strict cookie to itself, and sends it when our own page asks again.
#[test]
fn links_of_other_sites_lead_in() {
    let (_desk, server) = open();
    let mut followed = Client::of(&server).with("Sec-Fetch-Site", "cross-site").with("Sec-Fetch-Mode", "navigate");
    let page = followed.get("/rates?range=7d&zone=UTC");
    assert_eq!(page.status, 401);
    assert!(
        page.text.contains("<meta http-equiv=\"refresh\" content=\"0; url=/rates?range=7d&#38;zone=UTC\">"),
        "{}",
        page.text
    );
    let mut again = Client::of(&server).with("Sec-Fetch-Site", "same-origin").with("Sec-Fetch-Mode", "navigate");
    assert!(again.get("/rates").text.contains("type=\"password\""));
}

#[test]
fn nobody_is_sent_to_another_server() {
    let (_desk, server) = open();
    for to in ["https://evil.example/", "//evil.example", "/\\evil.example", "/sign-out", "\r\nX: y"] {
        let fields = [("user", "vera"), ("password", "vera looks only"), ("to", to)];
        let response = Client::of(&server).post("/sign-in", &fields);
        assert_eq!((response.status, response.header("location")), (303, "/"), "{to:?}");
    }
    let page = Client::of(&server).get("/sign-in?to=%22%3E%3Cscript%3E");
    assert!(page.text.contains("name=\"to\" value=\"/\""), "{}", page.text);
}

/// Changes of the files hold within seconds, for sessions that are open too.
#[test]
fn changes_of_the_files_hold_at_once() {
    let (desk, server) = open();
    let mut adam = Client::signed_in(&server, "adam");
    let mut vera = Client::signed_in(&server, "vera");
    let mut olga = Client::signed_in(&server, "olga");
    let limit = Duration::from_secs(10);
    desk.users("change vera --role operator", "").expect(0);
    poll("vera's role", limit, || vera.get("/").text.contains(">operator<").then_some(()));
    desk.users("password olga", "olga has another one").expect(0);
    poll("olga's session to end", limit, || (olga.get("/").status == 401).then_some(()));
    assert_eq!(olga.sign_in("olga", "olga may operate").status, 401);
    assert_eq!(olga.sign_in("olga", "olga has another one").status, 303);
    desk.users("remove adam", "").expect(0);
    poll("adam's session to end", limit, || (adam.get("/").status == 401).then_some(()));
    let token = desk.token("reader").to_owned();
    assert_eq!(Client::bearing(&server, &token).get("/metrics").status, 200);
    desk.program("token", "remove reader", "").expect(0);
    poll("the token's end", limit, || (Client::bearing(&server, &token).get("/metrics").status == 401).then_some(()));
    // A mistake changes nothing, and is told of.
    let text = fs::read_to_string(desk.path("users.toml")).unwrap();
    fs::write(desk.path("users.toml"), format!("{text}\n[[user]]\nname = \"eve\"\n")).unwrap();
    poll("the log", limit, || server.log().contains("missing field `password`").then_some(()));
    assert_eq!(vera.get("/").status, 200);
}

#[test]
fn other_machines_are_let_in_only_to_sign_in() {
    let lake = &dump::lake().0;
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8025"] {
        let run = on(lake, &format!("serve --listen {address}")).expect(2);
        assert!(
            run.stderr.contains("not a loopback address") && run.stderr.contains("repute user add"),
            "{}",
            run.stderr
        );
    }
    let desk = Desk::new();
    let mut command = command();
    command.args(["serve", "--listen", "0.0.0.0:0"]).args(desk.options().split(' ')).arg("--lake").arg(lake);
    let server = Server::start(&mut command);
    assert!(server.log().contains("passwords cross the network readable"), "{}", server.log());
    let mut stranger = Client::of(&server).with("Host", "localhost");
    assert_eq!(stranger.get("/").status, 401);
}

/// Nothing secret is in a log, whatever is logged.
#[test]
fn secrets_are_in_no_log() {
    let desk = Desk::new();
    let server = desk.serve(&dump::lake().0, &format!("{AT} --log debug"));
    let mut adam = Client::signed_in(&server, "adam");
    let form = adam.form_token("/");
    let mut secrets: Vec<String> = USERS.iter().map(|(_, password, _)| (*password).to_owned()).collect();
    secrets.push(adam.cookies[0].split('=').nth(1).unwrap().to_owned());
    secrets.push(form.clone());
    secrets.push(desk.token("auditor").to_owned());
    assert_eq!(adam.sign_in("a password in the wrong field", "and another").status, 401);
    secrets.extend(["a password in the wrong field".to_owned(), "and another".to_owned()]);
    for path in routes(Audience::SignedIn) {
        adam.get(&path);
        Client::bearing(&server, desk.token("auditor")).get(&path);
    }
    // Not for every route: whoever is wrong so often is not heard for a while.
    for path in ["/", "/api/v1/check", "/metrics"] {
        Client::bearing(&server, "repute_CANARYCANARY").get(path);
    }
    secrets.push("repute_CANARYCANARY".to_owned());
    assert_eq!(Client::signed_in(&server, "adam").get("/nowhere").status, 404);
    assert_eq!(adam.post("/sign-out", &[("token", &form)]).status, 303);
    let log = server.log() + &fs::read_to_string(desk.path("audit")).unwrap();
    for secret in secrets {
        assert!(!log.contains(&secret), "`{secret}` was logged");
    }
}

#[test]
fn the_files_are_kept_by_commands() {
    let desk = Desk::new();
    let mode = |name: &str| fs::metadata(desk.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("users.toml"), mode("tokens.toml")), (0o600, 0o600));
    let list = desk.users("list --format json", "").expect(0).json();
    assert_eq!(list[2], json!({"name": "adam", "role": "operator", "addresses": true}));
    let list = desk.program("token", "list --format json", "").expect(0).json();
    let scraper = json!({"name": "scraper", "role": "viewer", "addresses": false, "scope": "metrics", "expires": null, "expired": false});
    assert_eq!(list[3], scraper);
    let text = fs::read_to_string(desk.path("users.toml")).unwrap();
    assert!(text.starts_with("# Who may sign in"), "{text}");
    let noted = text.replace("[[user]]\nname = \"vera\"", "# from the second floor\n[[user]]\nname = \"vera\"");
    fs::write(desk.path("users.toml"), noted).unwrap();
    fs::set_permissions(desk.path("users.toml"), fs::Permissions::from_mode(0o640)).unwrap();
    desk.users("change olga --addresses true", "").expect(0);
    assert!(fs::read_to_string(desk.path("users.toml")).unwrap().contains("# from the second floor"));
    assert_eq!(mode("users.toml"), 0o640, "its rights stay");
    let generated = desk.users("password vera --generate", "").expect(0).stdout;
    assert_eq!(generated.trim().len(), 20);
    for (arguments, line, told) in [
        ("add vera", "another password", "already"),
        ("add mary", "short", "at least 8 characters"),
        ("add mary", "", "at least 8 characters"),
        ("add a,b", "another password", "cannot be a name"),
        ("add mary --role boss", "another password", "unknown role `boss`; known are viewer, operator"),
        ("remove mary", "", "there is no user `mary`"),
        ("password mary", "another password", "there is no user `mary`"),
        ("change mary --role viewer", "", "there is no user `mary`"),
        ("change vera", "", "--role"),
    ] {
        let before = fs::read_to_string(desk.path("users.toml")).unwrap();
        let run = desk.users(arguments, line).expect(2);
        assert!(run.stderr.contains(told), "{arguments}: {}", run.stderr);
        assert!(run.stdout.is_empty());
        assert_eq!(fs::read_to_string(desk.path("users.toml")).unwrap(), before, "{arguments}");
    }
    let folder: Vec<_> = fs::read_dir(desk.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(folder.len(), 2, "nothing else is left there: {folder:?}");
    let nowhere = with_line(command().args(["user", "list"]).current_dir(scratch().path()), "").expect(2);
    assert!(
        nowhere.stderr.contains("which users file?") && nowhere.stderr.contains("--users-file"),
        "{}",
        nowhere.stderr
    );
}

/// Many commands at once lose nothing.
#[test]
fn commands_wait_for_each_other() {
    let desk = Desk::new();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let desk = &desk;
            scope.spawn(move || desk.program("token", &format!("add token{number}"), "").expect(0));
        }
    });
    let list = desk.program("token", "list --format json", "").expect(0).json();
    assert_eq!(list.as_array().unwrap().len(), 12);
}

/// A file, the line of the mistake, and what is said of it.
const MISTAKES: [(&str, &str, usize, [&str; 2]); 15] = [
    ("users", "[[user]]\nname = \"a\"\n", 1, ["missing field", "password"]),
    (
        "users",
        "[[user]]\nname = \"a\"\npassword = \"secret\"\n",
        3,
        ["user `a`: that is no argon2id hash", "repute user password a"],
    ),
    ("users", "[[user]]\nname = \"a b\"\npassword = \"x\"\n", 2, ["`a b` cannot be a name", "without spaces"]),
    (
        "users",
        "[[user]]\nname = \"a\"\nrole = \"root\"\npassword = \"HASH\"\n",
        3,
        ["unknown role `root`", "viewer, operator"],
    ),
    ("users", "[[user]]\nname = \"a\"\nadmin = true\n", 3, ["unknown field `admin`", "`addresses`"]),
    (
        "users",
        "[[user]]\nname = \"a\"\npassword = \"HASH\"\n[[user]]\nname = \"a\"\npassword = \"HASH\"\n",
        5,
        ["another user `a`", "keep one"],
    ),
    ("tokens", "[[token]]\nname = \"a\"\nsha256 = \"ab\"\n", 3, ["token `a`: `sha256`", "repute token add"]),
    (
        "tokens",
        "[[token]]\nname = \"a\"\nsha256 = \"DIGEST\"\nscope = \"ui\"\n",
        4,
        ["unknown scope `ui`", "all, api, metrics"],
    ),
    (
        "tokens",
        "[[token]]\nname = \"a\"\nsha256 = \"DIGEST\"\nexpires = \"soon\"\n",
        4,
        ["`soon` is no time", "RFC 3339"],
    ),
    ("repute", "[serve]\nlisten = \"8025\"\n", 2, ["`listen`: `8025` is no address", "127.0.0.1:8025"]),
    (
        "repute",
        "[serve]\nhosts = [\"https://a.example\"]\n",
        2,
        ["`hosts`: `https://a.example` is no host name", "without a scheme"],
    ),
    ("repute", "[serve]\nbase_url = \"https://a.example/ses\"\n", 2, ["`base_url`", "https://ses.example.com"]),
    ("repute", "[serve]\nsession_idle = \"1y\"\n", 2, ["`session_idle`", "90d"]),
    ("repute", "[serve]\nsession_idle = \"8d\"\n", 2, ["longer than `session_longest`", "exchange"]),
    ("repute", "[serve]\npasswords = \"x\"\n", 2, ["unknown field `passwords`", "`users_file`"]),
];

#[test]
fn mistakes_name_file_line_and_remedy() {
    let hash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    for (file, text, line, words) in MISTAKES {
        let folder = scratch();
        let path = folder.path().join(format!("{file}.toml"));
        fs::write(&path, text.replace("HASH", hash).replace("DIGEST", &"ab".repeat(32))).unwrap();
        let option = if file == "repute" { "--config".to_owned() } else { format!("--{file}-file") };
        let run = on(&dump::lake().0, &format!("serve {option} {}", path.display())).expect(2);
        assert!(run.stderr.contains(&format!("{}:{line}: ", path.display())), "{text}: {}", run.stderr);
        for word in words {
            assert!(run.stderr.contains(word), "{text}: {}", run.stderr);
        }
    }
    let missing = on(&dump::lake().0, "serve --users-file nowhere.toml").expect(2);
    assert!(missing.stderr.contains("cannot read the users file `nowhere.toml`"), "{}", missing.stderr);
    let desk = Desk::new();
    fs::set_permissions(desk.path("users.toml"), fs::Permissions::from_mode(0o644)).unwrap();
    let server = desk.serve(&dump::lake().0, "");
    assert!(
        server.log().contains("everybody on this machine may read") && server.log().contains("chmod o="),
        "{}",
        server.log()
    );
}
