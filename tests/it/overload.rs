//! More than can be answered: the rest is refused quickly, what nobody waits for is given up, and memory has an end.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::dump;
use crate::program::{Server, poll, scratch};

fn serving(limits: &str) -> (Server, TempDir) {
    let folder = scratch();
    let config = folder.path().join("repute.toml");
    fs::write(&config, format!("[serve.limits]\n{limits}\n")).unwrap();
    let arguments = format!("--at 2026-11-01T00:00:00Z --config {}", config.display());
    (Server::serve(&dump::lake().0, &arguments), folder)
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// Asks, and gives the status, the whole answer, and how long it took.
fn ask(server: &Server, path: &str) -> (u16, String, Duration) {
    let start = Instant::now();
    let mut stream = connect(server);
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes())
        .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    (answer[9..12].parse().unwrap(), answer, start.elapsed())
}

/// Questions about rows, each of which was not asked before: in the scan by numbers of texts, through filters and texts of the engine, and
/// with reasons of bounces.
fn question(number: usize) -> String {
    let since = format!("2026-10-11T00:00:00.{:06}Z", number + 1);
    match number % 3 {
        0 => format!("/api/v1/rates?by=recipient_domain&by=outgoing_ip&window=1h&since={since}"),
        1 => format!("/api/v1/rates?by=tag:team&by=recipient_domain&since={since}"),
        _ => format!("/api/v1/bounces?limit=500&since={since}"),
    }
}

/// Seconds of CPU time that a process has used.
fn cpu(server: &Server) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", server.process())).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    // Of Linux, 100 ticks a second whatever the kernel counts in.
    fields[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

/// Waits until a process does next to nothing for a moment, and says how long that took.
#[track_caller]
fn idle_after(server: &Server, limit: Duration) -> Duration {
    let start = Instant::now();
    poll("an idle processor", limit + Duration::from_millis(500), || {
        let (before, at) = (cpu(server), start.elapsed());
        thread::sleep(Duration::from_millis(250));
        (cpu(server) - before < 0.04).then_some(at)
    })
}

/// So many questions that one processor had work for a good while: at least this many seconds.
fn many(server: &Server, seconds: f64) -> usize {
    let before = cpu(server);
    for number in 9_000..9_003 {
        let (status, answer, _) = ask(server, &question(number));
        assert_eq!(status, 200, "{answer}");
    }
    let each = ((cpu(server) - before) / 3.0).max(0.01);
    ((seconds / each).ceil() as usize).clamp(9, 400)
}

#[test]
fn overload_is_shed_while_health_answers() {
    let (server, _folder) = serving("requests = 4\nscans = 1\nquery_timeout = \"120s\"");
    // The first page counts what the others need.
    assert_eq!(ask(&server, "/").0, 200);
    let is_over = AtomicBool::new(false);
    let (answers, health) = thread::scope(|scope| {
        let health = scope.spawn(|| {
            let mut times = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                let (status, _, time) = ask(&server, "/healthz");
                assert_eq!(status, 200);
                times.push(time);
                thread::sleep(Duration::from_millis(10));
            }
            times
        });
        let clients: Vec<_> = (0..24_usize)
            .map(|client| {
                let server = &server;
                scope.spawn(move || {
                    let number = |round: usize| client + 24 * round;
                    (0..6).map(|round| ask(server, &question(number(round)))).collect::<Vec<_>>()
                })
            })
            .collect();
        let answers: Vec<_> = clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
        is_over.store(true, Ordering::Relaxed);
        (answers, health.join().unwrap())
    });
    let (served, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(status, ..)| *status == 200);
    assert!(served.len() >= 4 && refused.len() >= 24, "{} served, {} refused", served.len(), refused.len());
    for (status, answer, _) in &refused {
        assert_eq!(*status, 503, "{answer}");
        assert!(answer.to_lowercase().contains("\r\nretry-after: "), "{answer}");
        assert!(answer.contains("application/problem+json") && answer.contains("The server is busy"), "{answer}");
    }
    let median = |mut times: Vec<Duration>| {
        times.sort();
        times[times.len() / 2]
    };
    let (refusal, health) = (median(refused.iter().map(|(_, _, time)| *time).collect()), median(health));
    println!("medians: refused within {refusal:?}, healthy within {health:?}");
    assert!(refusal < Duration::from_millis(100), "{refusal:?}");
    assert!(health < Duration::from_millis(50), "{health:?}");
    // And then it is over.
    let (status, _, time) = ask(&server, "/?range=24h");
    assert_eq!(status, 200);
    assert!(time < Duration::from_secs(5), "{time:?}");
}

/// A person is told on a page.
#[test]
fn a_page_says_that_the_server_is_busy() {
    let (server, _folder) = serving("requests = 1\nscans = 1");
    assert_eq!(ask(&server, "/").0, 200);
    let is_over = AtomicBool::new(false);
    let page = thread::scope(|scope| {
        for client in 0..3_usize {
            let (server, is_over) = (&server, &is_over);
            scope.spawn(move || {
                for round in 0.. {
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                    ask(server, &question(1_000 * client + round));
                }
            });
        }
        let page = poll("a refusal", Duration::from_secs(30), || Some(ask(&server, "/")).filter(|page| page.0 == 503));
        is_over.store(true, Ordering::Relaxed);
        page.1
    });
    assert!(page.to_lowercase().contains("\r\nretry-after: "), "{page}");
    assert!(page.contains("content-type: text/html") && page.contains("The server is busy"), "{page}");
}

#[test]
fn what_nobody_waits_for_is_given_up() {
    let (server, _folder) = serving("requests = 500\nscans = 100\nquery_timeout = \"120s\"");
    let questions = many(&server, 8.0);
    for path in [0, 1, 2] {
        let clients: Vec<TcpStream> = (0..questions)
            .map(|number| {
                let mut stream = connect(&server);
                let path = question(path + 3 * (number + 500 * path));
                stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).unwrap();
                stream
            })
            .collect();
        let before = cpu(&server);
        thread::sleep(Duration::from_millis(300));
        assert!(cpu(&server) - before > 0.05, "it has nothing to do");
        drop(clients);
        let idle = idle_after(&server, Duration::from_secs(2));
        println!("{questions} of {}: idle {idle:?} after their clients left", question(path));
        assert!(idle < Duration::from_secs(2), "{}: {idle:?}", question(path));
    }
    assert_eq!(ask(&server, "/").0, 200);
}

#[test]
fn what_takes_too_long_is_given_up() {
    let (server, _folder) = serving("requests = 500\nscans = 100\nquery_timeout = \"500ms\"");
    poll("the first page", Duration::from_secs(20), || (ask(&server, "/").0 == 200).then_some(()));
    let questions = 150;
    let answers = thread::scope(|scope| {
        let clients: Vec<_> = (0..questions)
            .map(|number| {
                (
                    number,
                    scope.spawn({
                        let server = &server;
                        move || ask(server, &question(number))
                    }),
                )
            })
            .collect();
        clients.into_iter().map(|(_, client)| client.join().unwrap()).collect::<Vec<_>>()
    });
    let late = answers.iter().filter(|(status, ..)| *status == 504).count();
    assert!(late > 0, "all {questions} were answered in time");
    for (status, answer, time) in &answers {
        assert!([200, 504].contains(status), "{answer}");
        // The clients share the machine.
        assert!(*time < Duration::from_secs(5), "{time:?}");
        if *status == 504 {
            assert!(answer.contains("application/problem+json") && answer.contains("no answer within"), "{answer}");
        }
    }
    let idle = idle_after(&server, Duration::from_secs(2));
    println!("{late} of {questions} took too long; idle {idle:?} after");
    poll("a page", Duration::from_secs(10), || (ask(&server, "/").0 == 200).then_some(()));
}
