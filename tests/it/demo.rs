//! The first look: one command that ends in a dashboard.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::program::{Server, command, repute, scratch};

#[test]
fn the_demo_says_what_it_found_and_serves_it() {
    let temporary = scratch();
    let mut demo = command();
    demo.args(["demo", "--events", "5000", "--listen", "127.0.0.1:0"]).env("TMPDIR", temporary.path());
    let mut server = Server::start(&mut demo);
    let log = server.log();
    for words in ["5,000 events in ", "records ", "rows ", "What AWS would see", "bounce rate ", "REPUTE "] {
        assert!(log.contains(words), "`{words}` is not in\n{log}");
    }
    assert_eq!(server.get("/healthz").status, 200);
    let page = server.get("/");
    assert_eq!(page.status, 200);
    assert!(page.text.contains("marketing"), "{}", page.text);
    assert!(fs::read_dir(temporary.path()).unwrap().next().is_some());
    let stop = Instant::now();
    assert_eq!(server.terminate().code(), Some(0), "{}", server.log());
    assert!(stop.elapsed() < Duration::from_secs(5));
    let left: Vec<_> = fs::read_dir(temporary.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

/// With `--dir` the sample dump stays and is what `import` takes.
#[test]
fn a_kept_demo_can_be_imported_again() {
    let folder = scratch();
    let kept = folder.path().join("demo");
    let mut demo = command();
    demo.args(["demo", "--events", "1000", "--listen", "127.0.0.1:0", "--dir"]).arg(&kept);
    let mut server = Server::start(&mut demo);
    assert_eq!(server.terminate().code(), Some(0));
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let again = repute(["import", &text(&kept.join("dump")), "--lake", &text(&kept.join("lake")), "--format", "json"])
        .expect(0);
    assert_eq!(again.json()["records"]["read"], 0);
    let taken = repute(["demo", "--events", "1000", "--dir", &text(&kept)]).expect(2);
    assert!(taken.stderr.contains("--dir"), "{}", taken.stderr);
}

#[test]
fn a_demo_that_cannot_listen_leaves_nothing() {
    let temporary = scratch();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut demo = command();
    demo.args(["demo", "--events", "1000", "--listen", &taken.local_addr().unwrap().to_string()])
        .env("TMPDIR", temporary.path());
    let run = crate::program::Run::of(&mut demo).expect(4);
    assert!(run.stderr.contains("cannot listen"), "{}", run.stderr);
    assert!(fs::read_dir(temporary.path()).unwrap().next().is_none());
}
