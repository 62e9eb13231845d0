//! Connections: TLS by files that are renewed, and clients that are slow, idle, many, rude or in the way of the end.

use std::fmt::Write as _;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::dump;
use crate::program::{Run, Server, command, poll, runtime, scratch};
use crate::tools::installed;

/// A server with these lines under `[serve.limits]`.
struct Guarded {
    server: Server,
    _folder: TempDir,
}

impl std::ops::Deref for Guarded {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

fn guarded(limits: &str) -> Guarded {
    let folder = scratch();
    let config = folder.path().join("repute.toml");
    fs::write(&config, format!("[serve.limits]\n{limits}\n")).unwrap();
    let arguments = format!("--at 2026-11-01T00:00:00Z --config {}", config.display());
    Guarded { server: Server::serve(&dump::lake().0, &arguments), _folder: folder }
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn request(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

/// The last of a connection.
fn last_request(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

/// Everything that comes until the server closes, which it may do with a reset.
fn rest(mut stream: &TcpStream) -> String {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 16 << 10]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => panic!("{error} after {}", String::from_utf8_lossy(&bytes)),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One answer with its body, of a connection that stays.
fn answer(mut stream: &TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 << 10];
    loop {
        let count = stream.read(&mut buffer).unwrap();
        bytes.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0_usize) || count == 0 {
            return text;
        }
    }
}

/// Sends a request as it is and gives what comes back until the server closes.
fn exchange(server: &Server, bytes: &[u8]) -> String {
    let mut stream = connect(server);
    // What is refused early is not read to its end.
    let _ = stream.write_all(bytes);
    rest(&stream)
}

/// The address of something that is cheap to make and long.
fn stylesheet(server: &Server) -> String {
    let page = server.get("/").text;
    let link = page.split("href=\"").find(|part| part.split('"').next().unwrap().ends_with(".css")).unwrap();
    link.split('"').next().unwrap().to_owned()
}

/// A connection over which so much was asked that answers fill every buffer, and none is read.
fn greedy(server: &Server) -> TcpStream {
    let asked = request("GET", &stylesheet(server)).repeat(20_000);
    let mut stream = connect(server);
    stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    while stream.write_all(asked.as_bytes()).is_ok() {}
    stream
}

/// How long until the server closes, while a byte is sent every so often.
fn closed_after(stream: TcpStream, drip: Option<&[u8]>) -> Duration {
    let start = Instant::now();
    let mut sender = stream.try_clone().unwrap();
    let bytes = drip.map(<[u8]>::to_vec);
    let dripping = thread::spawn(move || {
        for byte in bytes.into_iter().flatten() {
            thread::sleep(Duration::from_millis(100));
            if sender.write_all(&[byte]).is_err() {
                return;
            }
        }
    });
    let _ = rest(&stream);
    let waited = start.elapsed();
    drop(stream);
    dripping.join().unwrap();
    waited
}

#[track_caller]
fn assert_between(waited: Duration, least: u64, most: u64) {
    let range = Duration::from_millis(least)..Duration::from_millis(most);
    assert!(range.contains(&waited), "{waited:?}, not {range:?}");
}

#[test]
fn timers_close_what_is_slow() {
    let server = guarded("header_timeout = \"800ms\"\nidle_timeout = \"2s\"");
    let head = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: very very slow\r\n\r\n";
    // Bytes that trickle in do not prolong it.
    assert_between(closed_after(connect(&server), Some(head)), 800, 1_800);
    assert_between(closed_after(connect(&server), None), 2_000, 3_000);
    let kept = connect(&server);
    (&kept).write_all(request("GET", "/healthz").as_bytes()).unwrap();
    assert!(answer(&kept).starts_with("HTTP/1.1 200 "));
    assert_between(closed_after(kept, None), 1_900, 3_000);
    // The second request of a connection has the same time as the first.
    let kept = connect(&server);
    (&kept).write_all(request("GET", "/healthz").as_bytes()).unwrap();
    assert!(answer(&kept).starts_with("HTTP/1.1 200 "));
    assert_between(closed_after(kept, Some(head)), 800, 1_900);
    assert_eq!(server.get("/healthz").status, 200);
}

/// Whoever asks for much and reads nothing is let go.
#[test]
fn a_client_that_does_not_read_is_closed() {
    let server = guarded("send_timeout = \"1s\"");
    let mut stream = greedy(&server);
    let start = Instant::now();
    poll("the end of the connection", Duration::from_secs(10), || {
        stream.write(b"x").err().filter(|error| error.kind() != ErrorKind::WouldBlock)
    });
    println!("closed {:?} after its buffers were full", start.elapsed());
    assert_eq!(server.get("/healthz").status, 200);
}

/// The time that one request in a hundred exceeds.
fn p99(server: &Server, path: &str) -> Duration {
    let stream = connect(server);
    let mut times: Vec<Duration> = (0..300)
        .map(|_| {
            let start = Instant::now();
            (&stream).write_all(request("GET", path).as_bytes()).unwrap();
            assert!(answer(&stream).starts_with("HTTP/1.1 200 "));
            start.elapsed()
        })
        .collect();
    times.sort();
    times[297]
}

/// As many files as 2,500 connections take, for this process and those that it starts.
fn with_many_files() {
    let number = std::process::id().to_string();
    let raise = |limit: &str| Command::new("prlimit").args(["--pid", &number, limit]).output().unwrap().status;
    assert!(raise("--nofile=8192:").success() || raise("--nofile=8192:8192").success(), "cannot open 8,192 files");
}

/// More connections than there are places, idle or in the middle of a head: whoever asks something is served, about as fast.
#[test]
fn idle_connections_are_in_nobodys_way() {
    if installed("prlimit").is_none() {
        return;
    }
    with_many_files();
    let server = guarded("connections = 1500");
    let alone = p99(&server, "/healthz");
    let mut idle = Vec::new();
    let mut open = |count: usize| {
        for number in 0..count {
            let mut stream = connect(&server);
            if number % 3 == 0 {
                stream.write_all(b"GET / HTTP/1.1\r\nHost: local").unwrap();
            }
            idle.push(stream);
        }
    };
    open(1_400);
    let beside = p99(&server, "/healthz");
    // A timer tick of a busy machine is no finding.
    let most = (2 * alone).max(Duration::from_millis(10));
    assert!(beside <= most, "{beside:?} beside idle connections, {alone:?} alone");
    assert_eq!(server.get("/").status, 200);
    open(1_000);
    // Newcomers of a moment ago may still wait at the door.
    poll("room", Duration::from_secs(10), || {
        exchange(&server, last_request("GET", "/healthz").as_bytes()).starts_with("HTTP/1.1 200 ").then_some(())
    });
    for _ in 0..20 {
        let start = Instant::now();
        assert_eq!(server.get("/healthz").status, 200);
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    }
    // Those that waited longest made room.
    let first = idle.first().unwrap();
    first.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    assert_eq!(rest(first), "");
    println!("p99 of /healthz: {alone:?} alone, {beside:?} beside 1,400 idle connections");
}

/// Where everybody is being answered, newcomers are told so at once.
#[test]
fn there_are_only_so_many_places() {
    let server = guarded("connections = 2\nsend_timeout = \"20s\"");
    let greedy = [greedy(&server), greedy(&server)];
    let start = Instant::now();
    let told = exchange(&server, last_request("GET", "/healthz").as_bytes());
    assert!(told.starts_with("HTTP/1.1 503 ") && told.contains("\r\nretry-after: 2\r\n"), "{told}");
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
    drop(greedy);
    poll("a place", Duration::from_secs(5), || {
        exchange(&server, last_request("GET", "/healthz").as_bytes()).starts_with("HTTP/1.1 200 ").then_some(())
    });
}

#[test]
fn rude_requests_are_refused_and_end_their_connection() {
    let server = guarded("");
    let many = (0..101).fold(String::new(), |mut text, number| {
        write!(text, "X-{number}: 1\r\n").unwrap();
        text
    });
    let long = "x".repeat(40_000);
    for (sent, status) in [
        (b"\x00\xff\xfe\x01junk\r\n\r\n".to_vec(), 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab".to_vec(), 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n".to_vec(), 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n X-Folded: 1\r\n\r\n".to_vec(), 400),
        (format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n").into_bytes(), 431),
        (format!("GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: {long}\r\n\r\n").into_bytes(), 431),
        (format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes(), 431),
        (b"GET / HTTP/1.0\r\n\r\n".to_vec(), 421),
        (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n".to_vec(), 421),
        (b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n".to_vec(), 200),
        (b"HEAD / HTTP/1.0\r\nHost: localhost\r\n\r\n".to_vec(), 200),
    ] {
        let told = exchange(&server, &sent);
        let shown = String::from_utf8_lossy(&sent[..sent.len().min(60)]).into_owned();
        let version = if shown.contains("HTTP/1.0") { "HTTP/1.0" } else { "HTTP/1.1" };
        assert!(told.starts_with(&format!("{version} {status} ")), "{shown:?}: {}", &told[..told.len().min(200)]);
    }
    // HTTP/2 is not spoken.
    assert_eq!(exchange(&server, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "");
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
        for path in ["/", "/healthz", "/api/v1/rates"] {
            let told = exchange(&server, last_request(method, path).as_bytes());
            assert!(told.starts_with("HTTP/1.1 405 "), "{method} {path}: {told}");
            assert!(told.to_lowercase().contains("\r\nallow: get"), "{method} {path}: {told}");
        }
    }
    // What is well before the junk is answered.
    let told = exchange(&server, format!("{}\x00\x01 junk\r\n\r\n", request("GET", "/healthz").repeat(2)).as_bytes());
    let found: Vec<&str> = told.match_indices("HTTP/1.1 ").map(|(at, _)| &told[at + 9..at + 12]).collect();
    assert_eq!(found, ["200", "200", "400"], "{told}");
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn large_bodies_are_refused_unread() {
    let server = guarded("");
    let head = |length: usize| format!("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n");
    // Announced only.
    let told = exchange(&server, format!("{}Expect: 100-continue\r\n\r\n", head(300_000)).as_bytes());
    assert!(told.starts_with("HTTP/1.1 413 ") && told.contains("\r\nconnection: close\r\n"), "{told}");
    // Sent, by a client that looks at nothing before the end.
    for size in [300_000, 5_000_000] {
        let mut stream = connect(&server);
        stream.write_all(format!("{}\r\n", head(size)).as_bytes()).unwrap();
        stream.write_all(&vec![b'x'; size]).unwrap();
        let told = rest(&stream);
        assert!(told.starts_with("HTTP/1.1 413 "), "{told}");
    }
    let told = exchange(&server, format!("{}\r\n", head(u64::MAX as usize)).as_bytes());
    assert!(told.starts_with("HTTP/1.1 4"), "{told}");
}

#[test]
fn the_end_waits_for_nobody_who_dawdles() {
    let mut server = guarded("grace = \"5s\"").server;
    let slow = connect(&server);
    (&slow).write_all(b"GET / HTTP/1.1\r\nHost: loc").unwrap();
    let idle = connect(&server);
    let kept = connect(&server);
    (&kept).write_all(request("GET", "/healthz").as_bytes()).unwrap();
    answer(&kept);
    let start = Instant::now();
    assert_eq!(server.terminate().code(), Some(0), "{}", server.log());
    assert_between(start.elapsed(), 0, 2_500);
    for stream in [slow, idle, kept] {
        assert_eq!(rest(&stream), "");
    }
}

/// What was asked before the signal is answered after it.
#[test]
fn the_end_waits_for_answers() {
    let folder = scratch();
    let config = folder.path().join("repute.toml");
    fs::write(&config, "[serve.limits]\ngrace = \"10s\"\n").unwrap();
    let mut server =
        Server::serve(&dump::lake().0, &format!("--at 2026-11-01T00:00:00Z --config {}", config.display()));
    let stream = connect(&server);
    (&stream).write_all(request("GET", "/healthz").as_bytes()).unwrap();
    assert!(answer(&stream).starts_with("HTTP/1.1 200 "));
    (&stream).write_all(request("GET", "/api/v1/rates?by=tag:team&by=recipient_domain&window=1h").as_bytes()).unwrap();
    thread::sleep(Duration::from_millis(300));
    let told = thread::spawn(move || rest(&stream));
    assert_eq!(server.terminate().code(), Some(0), "{}", server.log());
    let told = told.join().unwrap();
    let whole = told.trim_end_matches("\r\n0\r\n\r\n").ends_with(']');
    assert!(told.starts_with("HTTP/1.1 200 ") && whole, "{}", &told[..told.len().min(300)]);
}

#[test]
fn grace_ends_and_so_does_patience() {
    // Whoever does not read its answer is waited for until the grace is over.
    let mut server = guarded("grace = \"1s\"").server;
    let held = greedy(&server);
    let start = Instant::now();
    assert_eq!(server.terminate().code(), Some(0), "{}", server.log());
    assert_between(start.elapsed(), 900, 3_000);
    assert!(server.log().contains("cut off"), "{}", server.log());
    drop(held);
    // A second signal ends it at once.
    let mut server = guarded("grace = \"60s\"").server;
    let held = greedy(&server);
    let number = server.process();
    let start = Instant::now();
    let hurry = thread::spawn(move || {
        thread::sleep(Duration::from_millis(700));
        assert!(Command::new("kill").args(["-TERM", &number.to_string()]).status().unwrap().success());
    });
    assert_eq!(server.terminate().code(), Some(0), "{}", server.log());
    assert_between(start.elapsed(), 600, 3_000);
    hurry.join().unwrap();
    drop(held);
}

/// A certificate for `localhost`, signed by an authority of its own.
fn certificate(folder: &Path, name: &str) -> (PathBuf, PathBuf, PathBuf) {
    let at = |kind: &str| folder.join(format!("{name}.{kind}"));
    let extensions = at("ext");
    fs::write(&extensions, "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n").unwrap();
    let openssl = |arguments: &str| {
        let run = Run::of(Command::new("openssl").current_dir(folder).args(arguments.split_whitespace()));
        assert_eq!(run.code, 0, "{arguments}: {}", run.stderr);
    };
    let curve = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(&format!("req -x509 {curve} -keyout {name}.ca.key -out {name}.ca.pem -days 2 -subj /CN={name}-ca"));
    openssl(&format!("req -new {curve} -keyout {name}.key -out {name}.csr -subj /CN=localhost"));
    openssl(&format!(
        "x509 -req -in {name}.csr -CA {name}.ca.pem -CAkey {name}.ca.key -CAcreateserial -days 1 -extfile {name}.ext -out {name}.pem"
    ));
    (at("pem"), at("key"), at("ca.pem"))
}

/// Asks over TLS, trusting only this authority.
fn ask_over_tls(url: &str, authority: &Path, path: &str) -> Result<reqwest::Response, reqwest::Error> {
    let authority = reqwest::Certificate::from_pem(&fs::read(authority).unwrap()).unwrap();
    let client = reqwest::Client::builder()
        .tls_built_in_root_certs(false)
        .add_root_certificate(authority)
        .timeout(Duration::from_secs(30))
        .build()
        .unwrap();
    runtime().block_on(async { client.get(format!("{url}{path}")).send().await })
}

#[test]
fn tls_by_files_that_are_renewed() {
    if installed("openssl").is_none() {
        return;
    }
    let folder = scratch();
    let (certificate_file, key, authority) = certificate(folder.path(), "first");
    let (renewed, renewed_key, renewed_authority) = certificate(folder.path(), "second");
    let arguments = format!(
        "--at 2026-11-01T00:00:00Z --tls-certificate {} --tls-key {}",
        certificate_file.display(),
        key.display()
    );
    let server = Server::serve(&dump::lake().0, &arguments);
    assert!(server.url.starts_with("https://"), "{}", server.url);
    let page = ask_over_tls(&server.url, &authority, "/").unwrap();
    assert_eq!(page.status(), 200);
    assert_eq!(page.version(), reqwest::Version::HTTP_11);
    assert_eq!(page.headers()["strict-transport-security"], "max-age=31536000");
    assert!(ask_over_tls(&server.url, &renewed_authority, "/").is_err());
    // Old versions of TLS are not spoken, and plain text is not answered.
    let address = server.url.trim_start_matches("https://");
    let hello = |version: &str| {
        let mut openssl = Command::new("openssl");
        openssl
            .args(["s_client", version, "-connect", address, "-CAfile"])
            .arg(&authority)
            .stdin(std::process::Stdio::null());
        let run = Run::of(&mut openssl);
        run.code == 0 && run.stdout.contains("Verify return code: 0 (ok)")
    };
    assert!(hello("-tls1_2") && hello("-tls1_3") && !hello("-tls1_1"));
    let mut plain = TcpStream::connect(address).unwrap();
    plain.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    plain.write_all(request("GET", "/").as_bytes()).unwrap();
    assert!(!rest(&plain).contains("HTTP/1.1 200"));
    // A key without its certificate, as in the middle of a renewal, changes nothing.
    fs::copy(&renewed_key, &key).unwrap();
    poll("a word on the key", Duration::from_secs(20), || {
        server.log().contains("is not that of the certificate").then_some(())
    });
    assert_eq!(ask_over_tls(&server.url, &authority, "/healthz").unwrap().status(), 200);
    fs::copy(&renewed, &certificate_file).unwrap();
    poll("the renewed certificate", Duration::from_secs(20), || {
        ask_over_tls(&server.url, &renewed_authority, "/healthz").ok().filter(|answer| answer.status() == 200)
    });
    assert!(ask_over_tls(&server.url, &authority, "/").is_err());
    let mut server = server;
    assert_eq!(server.terminate().code(), Some(0));
}

/// A handshake that does not go on is closed by the timer of heads.
#[test]
fn a_slow_handshake_is_closed() {
    if installed("openssl").is_none() {
        return;
    }
    let folder = scratch();
    let (certificate, key, _) = certificate(folder.path(), "slow");
    let config = folder.path().join("repute.toml");
    // Names in the file are those of its folder.
    let names = [&certificate, &key].map(|path| path.file_name().unwrap().to_str().unwrap());
    let text = format!(
        "[serve]\ntls_certificate = \"{}\"\ntls_key = \"{}\"\n[serve.limits]\nheader_timeout = \"700ms\"\n",
        names[0], names[1]
    );
    fs::write(&config, text).unwrap();
    let server = Server::serve(&dump::lake().0, &format!("--config {}", config.display()));
    let open = || {
        let stream = TcpStream::connect(server.url.trim_start_matches("https://")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    };
    assert_between(closed_after(open(), None), 500, 3_000);
    assert_between(
        closed_after(open(), Some(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x00\x00\x00\x00\x00")),
        500,
        3_000,
    );
}

#[test]
fn wrong_tls_files_are_named() {
    if installed("openssl").is_none() {
        return;
    }
    let folder = scratch();
    let (certificate, key, _) = self::certificate(folder.path(), "one");
    let (_, other_key, _) = self::certificate(folder.path(), "two");
    let at = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name)
    };
    let encrypted = folder.path().join("encrypted.key");
    let mut openssl = Command::new("openssl");
    openssl.args(["pkey", "-aes256", "-passout", "pass:x", "-in"]).arg(&key).arg("-out").arg(&encrypted);
    assert_eq!(Run::of(&mut openssl).code, 0);
    let damaged = at("damaged.pem", "-----BEGIN CERTIFICATE-----\nMIIB!!!!\n-----END CERTIFICATE-----\n");
    let empty = at("empty.pem", "");
    let nonsense = at("nonsense.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let missing = folder.path().join("missing.pem");
    let refused = |certificate: Option<&Path>, key: Option<&Path>| {
        let mut command = command();
        command.args(["serve", "--listen", "127.0.0.1:0", "--lake"]).arg(&dump::lake().0);
        for (flag, path) in [("--tls-certificate", certificate), ("--tls-key", key)] {
            if let Some(path) = path {
                command.arg(flag).arg(path);
            }
        }
        Run::of(&mut command).expect(2).stderr
    };
    for (certificate, key, named, words) in [
        (&certificate, &other_key, &other_key, "is not that of the certificate"),
        (&certificate, &encrypted, &encrypted, "is encrypted"),
        (&certificate, &certificate, &certificate, "holds no private key"),
        (&certificate, &missing, &missing, "cannot read the TLS key"),
        (&missing, &key, &missing, "cannot read the TLS certificate"),
        (&damaged, &key, &damaged, "is damaged"),
        (&empty, &key, &empty, "holds no certificate"),
        (&nonsense, &key, &nonsense, "cannot be used"),
        (&key, &key, &key, "holds no certificate"),
    ] {
        let told = refused(Some(certificate), Some(key));
        assert!(told.contains(words) && told.contains(&format!("`{}`", named.display())), "{words}: {told}");
    }
    assert!(refused(Some(&certificate), None).contains("give --tls-key FILE"));
    assert!(refused(None, Some(&key)).contains("give --tls-certificate FILE"));
}
