//! `repute serve`: the dashboard and the JSON API.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use repute_lake::{Document, Lake, LakeError, Location};
use repute_query::{Classifier, CountingRules, Providers, Reader};
use repute_web::{AppState, app, warm_up};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

use crate::access;
use crate::cli::{Global, ServeArgs};
use crate::config::{Config, Serving};
use crate::exit::{Exit, Failure, told};

/// How often the lake is looked at for new data.
const REFRESH: Duration = Duration::from_secs(2);

/// How often it is looked at when checks last ran.
const REFRESH_CHECKS: Duration = Duration::from_secs(15);

/// A look that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn run(global: &Global, config: &Config, args: &ServeArgs) -> Result<Exit, Failure> {
    let location = config.location(global)?;
    let serving = config.serving(args)?;
    let access = access::set_up(&serving, false)?;
    let at = args.volume.at;
    let last_sends = config.last_sends(&args.volume);
    let (rules, silences) = config.alerts(last_sends)?;
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
        },
    )
    .with_access(access)
    .with_hosts(serving.hosts_answered());
    let checks = crate::notify::document(&config.memory(global)?)?;
    let source = LakeSource {
        location,
        rules: config.rules(&args.counting),
        providers: config.providers(),
        reasons: config.reasons()?,
        checks: Some(checks),
    };
    super::runtime()?.block_on(serve(&serving, state, source, |address| {
        let _ = writeln!(io::stderr(), "serving http://{address}/ (stop with Ctrl-C)");
    }))
}

/// What is needed to read the lake again.
pub(super) struct LakeSource {
    pub(super) location: Location,
    pub(super) rules: CountingRules,
    pub(super) providers: Providers,
    pub(super) reasons: Classifier,
    /// Where checks note that they ran.
    pub(super) checks: Option<Document>,
}

/// Serves until interrupted; `ready` learns the address that was bound.
pub(super) async fn serve(
    serving: &Serving,
    state: AppState,
    source: LakeSource,
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
    let listener = TcpListener::bind(listen).await.map_err(|e| anyhow::anyhow!("cannot listen on {listen}: {e}"))?;
    let stop = interrupted()?;
    ready(listener.local_addr()?);
    let router = app(state.clone());
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, service).with_graceful_shutdown(stop);
    let refresh = async {
        loop {
            tokio::time::sleep(REFRESH).await;
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
    let checks = source.checks.clone();
    let watch_checks = async {
        let Some(document) = checks else { return std::future::pending().await };
        loop {
            if let Ok(Ok(last)) = timeout(PATIENCE, super::notifying::last_check(&document)).await {
                state.note_check(last.map(|last| last.at));
            }
            tokio::time::sleep(REFRESH_CHECKS).await;
        }
    };
    tokio::select! {
        served = server.into_future() => served?,
        () = refresh => {}
        () = watch_checks => {}
        () = access::follow(serving, state.access()) => {}
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
    let reader = Reader::new(lake, source.rules.clone(), source.providers.clone())?;
    let recent = lake.imports_since(Utc::now() - super::RECENT_IMPORTS).await?;
    let reader = reader.with_reasons(source.reasons.clone()).with_recent_imports(recent);
    let mut reader = reader.with_imports(lake.import_totals().await?);
    if let Some(before) = state.reader() {
        reader = reader.continuing(&before).await;
        prepare(&reader).await;
    }
    let reader = Arc::new(reader);
    state.replace_reader(Arc::clone(&reader));
    let state = state.clone();
    tokio::spawn(async move {
        prepare(&reader).await;
        warm_up(&state).await;
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

/// Resolves on Ctrl-C or SIGTERM, which are listened for from the call on.
fn interrupted() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
