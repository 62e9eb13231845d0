//! `repute demo`: everything once, on generated mail.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use repute_datasets::{Plan, VERIFIED_DOMAINS};
use repute_lake::{Lake, Location};
use repute_query::{
    CheckOptions, CountingRules, REPRESENTATIVE_VOLUME, Reader, ReputationQuery, check, default_rules, reputation,
    thousands,
};
use repute_web::AppState;

use super::retry::LakeMender;
use super::serve::{Door, LakeSource, serve};
use crate::cli::{DemoArgs, Global};
use crate::config::{Config, Serving};
use crate::exit::{Exit, Failure};

/// The demo's mail is always the same, only shifted to end now.
const SEED: u64 = 20_261_101;

pub(super) fn run(_global: &Global, config: &Config, args: DemoArgs) -> Result<Exit, Failure> {
    let scratch = Scratch::new(args.dir)?;
    let dump = scratch.path.join("dump");
    if dump.exists() {
        return Err(Failure::Usage(format!("`{}` exists already: choose another --dir", dump.display())));
    }
    let now = Utc::now().duration_trunc(TimeDelta::minutes(1)).unwrap_or_else(|_| Utc::now());
    let plan = Plan { end: now, ..Plan::new(args.events, SEED) };

    say("Generating three weeks of sample mail, with an incident in it ...");
    let truth = super::generate::write(&plan, &dump, true)?;
    say(&format!("  {} events in {} objects under {}", thousands(truth.events), truth.objects, dump.display()));

    let runtime = super::runtime()?;
    let location = Location::parse(&scratch.path.join("lake").to_string_lossy())?;
    say("\nImporting it, as you would: repute import DUMP --lake LAKE");
    let start = Instant::now();
    let objects = runtime.block_on(super::import::list_all(std::slice::from_ref(&dump)))?;
    let summary = runtime.block_on(super::import::import_and_note(
        &location,
        &[],
        std::slice::from_ref(&dump),
        objects,
        super::import::Reading { jobs: None, again: false, quiet: true },
    ))?;
    say(&indent(&super::import::summary_text(&summary, start.elapsed().as_secs_f64(), &location)));

    let rules = CountingRules::new(
        VERIFIED_DOMAINS.map(str::to_owned),
        CountingRules::default().no_feedback_loop().into_iter().map(str::to_owned),
    );
    runtime.block_on(findings(&location, &rules, config, now))?;

    let source = LakeSource {
        location: location.clone(),
        rules,
        providers: config.providers(),
        reasons: config.reasons()?,
        desk: None,
        turns: config.turns(),
        most_rows: config.most_rows(),
        watching: None,
    };
    let options = repute_web::Options { max_age: config.max_age(None), ..repute_web::Options::default() };
    let mender = Arc::new(LakeMender::new(location.clone(), Arc::default()));
    let state = AppState::new(location.to_string(), Arc::new(Utc::now), options).with_mender(mender);
    let workers = super::runtime()?;
    let state = state.with_capacity(config.capacity(), workers.handle().clone());
    let serving = Serving::open(args.listen);
    let door = Door { serving: &serving, certificate: None, limits: config.limits() };
    let ended = runtime.block_on(serve(door, state, source, |address| {
        say(&format!("The dashboard is at http://{address}/ (stop with Ctrl-C)"));
    }));
    workers.shutdown_background();
    runtime.shutdown_background();
    ended
}

/// Prints what AWS would see, and what the check says.
async fn findings(
    location: &Location,
    rules: &CountingRules,
    config: &Config,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    let lake = Lake::open(location).await?;
    let reader = Reader::new(&lake, rules.clone(), config.providers())?;
    let query = ReputationQuery::default();
    say("What AWS would see: repute reputation --verified corp.example,staff.example");
    say(&indent(&super::reputation::text(&reputation(&reader, &query).await?, &query, rules)));
    let options = CheckOptions { now, max_age: config.max_age(None), since: None, silences: Vec::new() };
    let result = check(&reader, &default_rules(REPRESENTATIVE_VOLUME), &options).await?;
    say(&format!("What cron would mail: repute check\n  REPUTE {} - {}\n", result.state.as_str(), result.summary));
    Ok(())
}

fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

fn indent(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") }).collect()
}

/// The demo's directory: the one asked for, or a temporary one that goes with the process.
struct Scratch {
    path: PathBuf,
    temporary: bool,
}

impl Scratch {
    fn new(wanted: Option<PathBuf>) -> Result<Self, Failure> {
        if let Some(path) = wanted {
            return Ok(Self { path, temporary: false });
        }
        let path = std::env::temp_dir().join(format!("repute-demo-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self { path, temporary: true })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.temporary {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
