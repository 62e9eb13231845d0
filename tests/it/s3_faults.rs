//! Imports from a bucket into a bucket on a bad day: whatever the store does to some request, nothing is lost, nothing is
//! in doubly, and an import that says it is done is done.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::dump;
use crate::program::{Run, finish_within};
use crate::proxy::{Fault, Proxy};
use crate::s3::{counts, import, server, truth};
use crate::servers::{SeaweedFs, Who};
use crate::syscalls::{Chance, long};

/// The longest an import may take, with all it tries again.
const LIMIT: Duration = Duration::from_secs(120);

const SOURCE: &str = "s3://raw/faults";

fn import_through(proxy: &Proxy, server: &SeaweedFs, lake: &str) -> Run {
    let mut command = server.command(Who::Owner);
    command.env("AWS_ENDPOINT_URL", &proxy.endpoint).args(["import", SOURCE, "--lake", lake, "--quiet"]);
    finish_within(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap(), LIMIT)
}

/// Faults that are over when the request is made again: the import must get over them by itself.
fn passes(fault: Fault) -> bool {
    !matches!(fault, Fault::AccessDenied | Fault::ExpiredToken | Fault::Gone | Fault::Replaced | Fault::CutListing)
}

#[test]
fn nothing_is_lost_or_doubled_on_a_bad_day() {
    let Some(server) = server() else { return };
    let (dump, seeds) = (dump::small(), if long() { 20 } else { 1 });
    server.upload(&dump.path, "faults");
    let proxy = Proxy::start(&server.endpoint);
    proxy.plan(None, 0, 0);
    import_through(&proxy, server, "s3://lake/faults-none").expect(0);
    let (requests, _) = proxy.seen();
    assert_eq!(counts(server, "s3://lake/faults-none"), truth(dump));
    let (clock, mut struck, mut ends) = (Instant::now(), 0, BTreeMap::<i32, usize>::new());
    for (fault, requests) in Fault::ALL.into_iter().zip(requests) {
        assert!(requests > 0, "{fault:?} can happen to no request");
        for seed in 0..seeds {
            let mut chance = Chance(seed * 100 + fault as u64);
            let (first, times) = (1 + chance.below(requests), 1 + chance.below(3));
            let what = format!("{fault:?}, seed {seed}: {times} times from request {first} of {requests}");
            let lake = format!("s3://lake/faults-{fault:?}-{seed}");
            proxy.plan(Some(fault), first, times);
            let run = import_through(&proxy, server, &lake);
            struck += usize::from(proxy.seen().1 > 0);
            *ends.entry(run.code).or_default() += 1;
            if long() {
                println!("{what}: {} {}", run.code, run.stderr.lines().next().unwrap_or_default());
            }
            match run.code {
                0 => assert_eq!(counts(server, &lake), truth(dump), "{what}"),
                4 | 5 => {
                    let names_it = run.stderr.starts_with("error: ") || run.stderr.starts_with("failed `s3://raw/");
                    assert!(names_it && !passes(fault), "{what}: {}", run.stderr);
                }
                _ => panic!("{what}: {run:?}"),
            }
            import(server, Who::Owner, SOURCE, &lake).expect(0);
            assert_eq!(counts(server, &lake), truth(dump), "{what}, then again");
        }
    }
    println!(
        "S3: {} faults x {seeds} seeds, {struck} struck, 0 lost, 0 doubled; first runs ended with {ends:?}; {:.0} s",
        Fault::ALL.len(),
        clock.elapsed().as_secs_f64()
    );
    assert!(struck * 10 >= Fault::ALL.len() * seeds as usize * 8, "only {struck} struck");
}
