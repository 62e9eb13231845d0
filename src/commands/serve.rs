//! `repute serve`: the dashboard and the JSON API.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use repute_lake::{Lake, LakeError, Location};
use repute_query::{Classifier, CountingRules, Providers, Reader, Turns, read_ahead};
use repute_web::{AppState, app, warm_up};
use tokio::net::TcpListener;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::{Mutex, Notify, watch};
use tokio::time::timeout;

use super::notifying::MAX_SILENCE;
use super::retry::LakeMender;
use crate::access;
use crate::alerting::Desk;
use crate::cli::{Global, ServeArgs};
use crate::config::{Config, LandingSettings, LiveRoutes, Serving};
use crate::exit::{Exit, Failure, told};
use crate::intake::{self, Live};
use crate::listening::tls::Certificate;
use crate::listening::{self, Limits, Signals};
use crate::runs::Runs;
use crate::watching;

/// How often the lake is looked at for new data.
const REFRESH: Duration = Duration::from_secs(2);

/// How often it is looked at what imports have written down.
const REFRESH_NOTES: Duration = Duration::from_secs(15);

/// A look that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn run(global: &Global, config: &Config, args: &ServeArgs) -> Result<Exit, Failure> {
    let location = config.location(global)?;
    let serving = config.serving(args)?;
    let certificate = config.tls_files(args)?.map(Certificate::read).transpose().map_err(Failure::Usage)?;
    let access = access::set_up(&serving, certificate.is_some())?;
    let at = args.volume.at;
    let last_sends = config.last_sends(&args.volume);
    let (rules, silences) = config.alerts(last_sends)?;
    let runtime = super::runtime()?;
    let area = config.landing(&args.ingest)?;
    let live = take_in(&runtime, config.live_routes(&args.ingest)?, &area, &location)?;
    let turn = Arc::new(Mutex::default());
    let landed = watching::Landed { area, open: live.as_ref().map(|live| live.landing.clone()) };
    let watching = plan(config, &serving, &location, &turn, landed)?;
    let state = AppState::new(
        location.to_string(),
        Arc::new(move || at.unwrap_or_else(Utc::now)),
        repute_web::Options {
            last_sends,
            reset: config.reset(&args.volume),
            max_age: config.max_age(args.max_age),
            attribute: config.attribute().map(<[_]>::to_vec),
            rules,
            silences,
            sent: config.sent(),
            receivers: Some(config.receivers()),
            check_every: Some(MAX_SILENCE),
            ..repute_web::Options::default()
        },
    )
    .with_mender(Arc::new(LakeMender::new(location.clone(), Arc::clone(&turn))))
    .with_access(access)
    .with_hosts(serving.hosts_answered());
    let workers = super::runtime()?;
    let state = state.with_capacity(config.capacity(), workers.handle().clone());
    let desk = Arc::new(Desk::new(config, &config.memory(global)?, last_sends)?);
    let importers = watching.is_some().then(super::runtime).transpose()?;
    let watching = watching.zip(importers.as_ref().map(|importers| importers.handle().clone()));
    let state = state.with_desk(Arc::clone(&desk) as _);
    let source = LakeSource {
        location,
        rules: config.rules(&args.counting),
        providers: config.providers(),
        reasons: config.reasons()?,
        desk: Some(desk),
        turns: config.turns(),
        most_rows: config.most_rows(),
        watching,
    };
    let scheme = if certificate.is_some() { "https" } else { "http" };
    let door = Door { serving: &serving, certificate, limits: config.limits() };
    let state = match &live {
        Some(live) => state.with_intake(Arc::clone(&live.intake)),
        None => state,
    };
    let ended = runtime.block_on(serve(door, state, source, |address| {
        let _ = writeln!(io::stderr(), "serving {scheme}://{address}/ (stop with Ctrl-C)");
    }));
    // Whatever is still being worked on is for nobody.
    workers.shutdown_background();
    importers.into_iter().for_each(Runtime::shutdown_background);
    runtime.shutdown_background();
    ended
}

/// Opens the live routes, if there are any.
fn take_in(
    runtime: &Runtime,
    routes: Option<LiveRoutes>,
    area: &LandingSettings,
    location: &Location,
) -> Result<Option<Live>, Failure> {
    let Some(routes) = routes else { return Ok(None) };
    let live = runtime.block_on(intake::open(&routes, area, location))?;
    let (bytes, objects) = live.landing.waiting();
    tracing::info!("{:?} is open, where {objects} objects of {bytes} bytes wait", live.landing);
    runtime.spawn(intake::follow(routes, Arc::clone(&live.intake)));
    Ok(Some(live))
}

/// What is watched, if anything is.
fn plan(
    config: &Config,
    serving: &Serving,
    location: &Location,
    turn: &Arc<Mutex<()>>,
    landed: watching::Landed,
) -> Result<Option<watching::Plan>, Failure> {
    if serving.watch.is_empty() && !landed.is_imported() {
        return Ok(None);
    }
    // Requests are answered beside it.
    let threads = std::thread::available_parallelism().map_or(1, usize::from).div_ceil(2);
    let plan = watching::Plan {
        sources: serving.watch.clone(),
        every: serving.watch_every.and_then(|every| every.to_std().ok()),
        location: location.clone(),
        promoted_tags: config.import.promoted_tags.clone(),
        jobs: config.import.jobs.map_or(threads, usize::from),
        turn: Arc::clone(turn),
        landed,
    };
    plan.checked().map(Some)
}

/// Where people come in.
pub(super) struct Door<'a> {
    pub(super) serving: &'a Serving,
    pub(super) certificate: Option<Certificate>,
    pub(super) limits: Limits,
}

/// What is needed to read the lake again.
pub(super) struct LakeSource {
    pub(super) location: Location,
    pub(super) rules: CountingRules,
    pub(super) providers: Providers,
    pub(super) reasons: Classifier,
    /// What is known of alerts beyond the lake.
    pub(super) desk: Option<Arc<Desk>>,
    /// When rows are read.
    pub(super) turns: Turns,
    /// How many windows and groups an answer may have.
    pub(super) most_rows: usize,
    /// What is imported from meanwhile, and by which runtime.
    pub(super) watching: Option<(watching::Plan, Handle)>,
}

/// Serves until interrupted; `ready` learns the address that was bound.
pub(super) async fn serve(
    Door { serving, certificate, limits }: Door<'_>,
    state: AppState,
    mut source: LakeSource,
    ready: impl FnOnce(SocketAddr),
) -> Result<Exit, Failure> {
    let listen = serving.listen;
    if !listen.ip().is_loopback() && state.access().is_open() {
        return Err(Failure::Usage(format!(
            "`{listen}` is not a loopback address, and nobody would have to sign in: add a users file (`repute user add`), a proxy or an identity provider under [serve] (docs/access.md), or listen on 127.0.0.1"
        )));
    }
    let mut lake = open(&source.location).await?;
    if let Some(lake) = &lake {
        show(&state, lake, &source).await?;
    }
    if let Some(desk) = &source.desk {
        // Silences hold from the first answer on.
        desk.look(&state).await;
    }
    let listener = TcpListener::bind(listen).await.map_err(|e| anyhow::anyhow!("cannot listen on {listen}: {e}"))?;
    let signals = Signals::listen()?;
    ready(listener.local_addr()?);
    let (stop, stopping) = watch::channel(false);
    let news = Arc::new(Notify::new());
    let watching = source.watching.take().map(|(plan, importers)| {
        let start = plan.start(state.clone(), Arc::clone(&news), stopping);
        importers.spawn(start)
    });
    let finished = async {
        if let Some(watching) = watching {
            // A loop that has panicked has ended.
            let _ = watching.await;
        }
    };
    let server = listening::serve(listener, app(state.clone()), certificate, limits, signals, (stop, finished));
    let refresh = async {
        loop {
            // What was imported here is shown at once.
            let _ = timeout(REFRESH, news.notified()).await;
            let looked = timeout(PATIENCE, look_again(&mut lake, &state, &source)).await;
            match looked.unwrap_or_else(|_| Err(anyhow::anyhow!("no answer within {} seconds", PATIENCE.as_secs()))) {
                Ok(()) => state.note_looked(),
                Err(error) => {
                    if state.note_trouble(told(&error)) {
                        tracing::warn!(error = told(&error), "cannot read the lake, showing what was read last");
                    }
                }
            }
        }
    };
    let watch_alerts = async {
        match source.desk.clone() {
            Some(desk) => desk.watch(state.clone()).await,
            None => std::future::pending().await,
        }
    };
    let watch_notes = async {
        let mut runs = Runs::default();
        loop {
            if let Ok(Ok(runs)) = timeout(PATIENCE, runs.newest(&source.location)).await {
                state.note_runs(runs);
            }
            tokio::time::sleep(REFRESH_NOTES).await;
        }
    };
    tokio::select! {
        () = server => {}
        () = refresh => {}
        () = watch_notes => {}
        () = access::follow(serving, state.access()) => {}
        () = watch_alerts => {}
    }
    Ok(Exit::Done)
}

async fn open(location: &Location) -> Result<Option<Lake>, LakeError> {
    match Lake::open(location).await {
        Ok(lake) => Ok(Some(lake)),
        Err(LakeError::Missing(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Lets pages see this version of the lake. What is new in it is counted before, but for the first version: there pages wait for
/// as much as they need, while the overview's questions are asked.
async fn show(state: &AppState, lake: &Lake, source: &LakeSource) -> anyhow::Result<()> {
    let before = state.reader();
    let is_first = before.is_none();
    let books = lake.books(before.as_ref().and_then(|before| before.books()).map(Arc::as_ref)).await?;
    let recent = books.objects.since(Utc::now() - super::RECENT_IMPORTS);
    let reader = Reader::new(lake, source.rules.clone(), source.providers.clone())?;
    let reader = reader.with_reasons(source.reasons.clone()).with_recent_imports(recent);
    let reader = reader
        .with_imports(books.objects.totals())
        .with_books(Arc::new(books))
        .with_turns(source.turns.clone())
        .with_most_rows(source.most_rows);
    let reader = match before {
        None => Arc::new(reader),
        Some(before) => {
            let counted = async move {
                let reader = reader.continuing(&before).await;
                prepare(&reader).await;
                Arc::new(reader)
            };
            state.spawn(counted).await?
        }
    };
    state.replace_reader(Arc::clone(&reader));
    let shown = state.clone();
    state.spawn(async move {
        prepare(&reader).await;
        warm_up(&shown).await;
        if is_first && let Err(error) = read_ahead(&reader).await {
            tracing::debug!(%error, "cannot read ahead");
        }
    });
    Ok(())
}

/// Counts what was not counted yet. Where that fails, so will the questions, and they say why.
async fn prepare(reader: &Reader) {
    if let Err(error) = reader.prepare().await {
        tracing::debug!(%error, "cannot count what is new");
    }
}

/// Shows a newer version of the lake if there is one, or the lake once it exists. A lake that could not be read is opened anew
/// the next time.
async fn look_again(lake: &mut Option<Lake>, state: &AppState, source: &LakeSource) -> anyhow::Result<()> {
    let before = lake.as_ref().map(Lake::versions);
    let found = match lake.take() {
        Some(mut lake) => {
            lake.refresh().await?;
            Some(lake)
        }
        None => open(&source.location).await?,
    };
    let Some(found) = found else {
        anyhow::ensure!(!state.has_lake(), "the lake `{}` is no longer there", source.location);
        return Ok(());
    };
    if before != Some(found.versions()) {
        show(state, &found, source).await?;
    }
    *lake = Some(found);
    Ok(())
}
