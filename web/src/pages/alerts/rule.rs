//! `GET /alerts/{rule}`: the sums behind a rule's findings, its value over time, its episodes, and other thresholds tried on the last days;
//! `POST /alerts/{rule}`: those written into the configuration.

use std::time::Duration;

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::{DateTime, TimeDelta, Utc};
use repute_query::{
    Attribution, Course, Episode, Finding, Group, Point, QueryError, Reader, Rule, Window, course, explain_finding,
    explain_rule,
};
use tokio::time::timeout;
use url::form_urlencoded;

use super::form::{Field, changes_of, fields};
use super::history::{self, HistoryRow};
use super::list::{FindingRow, RuleOrigin, finding_row, of_rule};
use super::open::Known;
use super::preview::{BACK, LIMIT, Preview, compare};
use super::words::{Chip, read_only_pairs, shown, split_whose, weight, whose_pairs, whose_words};
use crate::access::{Act, Visitor};
use crate::alerting::{Refusal, RuleChanges, WrittenRule};
use crate::chart::{CourseChart, CoursePoint, CourseSize, course_chart};
use crate::checks::latest_check;
use crate::failure::{Failure, PageFailure};
use crate::filters::Filters;
use crate::format;
use crate::outlook::{Outlook, outlook};
use crate::pages::bar::{Bar, known_sets};
use crate::pages::{Ground, Shell};
use crate::parameters::Parameters;
use crate::state::AppState;
use crate::zone::Zone;

/// So many steps has a chart.
const STEPS: u32 = 160;

/// The course may take so long.
const COURSE_LIMIT: Duration = Duration::from_secs(6);

/// So long the page waits for where alarms come from.
const PATIENCE: Duration = Duration::from_secs(3);

/// So many findings are listed with their values.
const MOST_FINDINGS: usize = 200;

/// So many episodes are listed.
const MOST_EPISODES: usize = 100;

/// A chart covers no more of the past.
const LONGEST: TimeDelta = TimeDelta::days(400);

/// What the page is asked.
struct Question {
    filters: Filters,
    /// Whose course is drawn; the one that asks most for attention unless it is said.
    whose: Option<(Option<String>, Group)>,
    /// What is tried, if anything is.
    changes: Option<RuleChanges>,
    is_saved: bool,
}

impl Question {
    fn read(query: Option<&str>, now: DateTime<Utc>) -> Result<Self, Failure> {
        let parameters = &Parameters::lenient(query);
        let only = read_only_pairs(parameters)?;
        let whose = (!only.is_empty() || parameters.one("total")?.is_some()).then(|| split_whose(only));
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned();
        let changes = parameters.one("preview")?.map(|_| changes_of(&pairs.collect::<Vec<_>>())).transpose()?;
        let is_saved = parameters.one("done")? == Some("saved");
        Ok(Self { filters: Filters::from_query(parameters, now)?, whose, changes, is_saved })
    }
}

#[derive(Template)]
#[template(path = "alert_rule.html")]
struct RulePage {
    shell: Shell,
    bar: Bar,
    name: String,
    chip: Chip,
    origin: &'static str,
    lines: Vec<(&'static str, String)>,
    /// Whose sums and course are shown, of all there are.
    whose: String,
    choices: Vec<FindingRow>,
    more_findings: usize,
    sums: Vec<(&'static str, String)>,
    attribution: Option<AttributionBox>,
    current: Option<FindingRow>,
    chart: Option<Drawn>,
    episodes: Vec<EpisodeRow>,
    more_episodes: usize,
    history: Vec<HistoryRow>,
    form: RuleForm,
    preview: Option<Preview>,
    done: Option<&'static str>,
}

/// A chart in both sizes, or why there is none.
struct Drawn {
    wide: String,
    narrow: String,
    note: String,
}

/// Where an alarm comes from.
struct AttributionBox {
    why: String,
    rows: Vec<PartRow>,
}

/// What a value of a dimension brought.
struct PartRow {
    dimension: String,
    value: String,
    share: String,
    now: String,
    before: String,
}

struct EpisodeRow {
    from: String,
    to: String,
    lasted: String,
    chip: Chip,
    worst: String,
}

/// The form, and what became of it.
struct RuleForm {
    fields: Vec<Field>,
    /// Whose course is drawn, kept in the address.
    kept: Vec<(&'static str, String)>,
    version: String,
    place: Option<String>,
    is_in_file: bool,
    /// Why nothing can be saved.
    obstacle: Option<String>,
    /// What is wrong with the whole.
    mistake: Option<String>,
    /// Lines that differ from those the page was made from.
    changed: Option<String>,
    /// Why there is no preview.
    too_slow: Option<String>,
    is_tried: bool,
    can_save: bool,
    /// The changed rule as it would be written.
    toml: Option<String>,
    token: String,
}

/// What became of what was sent.
#[derive(Default)]
struct Sent {
    changes: Option<RuleChanges>,
    refusal: Option<Refusal>,
}

/// `GET /alerts/{rule}`.
pub(crate) async fn alert_rule(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageFailure> {
    let now = state.now();
    let question = Question::read(query.as_deref(), now)?;
    let sent = Sent { changes: question.changes.clone(), refusal: None };
    page(&state, &visitor, &name, question, sent).await
}

/// `POST /alerts/{rule}`.
pub(crate) async fn save_rule(
    State(state): State<AppState>,
    Path(name): Path<String>,
    Act { visitor, form }: Act<Vec<(String, String)>>,
) -> Result<Response, PageFailure> {
    let options = state.options();
    let rule = options.rules.iter().find(|rule| rule.name == name).ok_or(Failure::NotFound)?;
    let changes = changes_of(&form)?;
    let version = form.iter().find(|(field, _)| field == "version").map(|(_, version)| version.as_str());
    let saved = match state.desk() {
        Some(desk) => desk.save(rule, &changes, version.unwrap_or_default()).await,
        None => Err(Refusal::Unwritable("this server has no configuration to write to".to_owned())),
    };
    match saved {
        Ok(book) => {
            tracing::info!(rule = name, by = %visitor.name, "rule saved");
            state.replace_rules(book);
            Ok(Redirect::to(&format!("/alerts/{name}?done=saved")).into_response())
        }
        Err(refusal) => {
            let question = Question::read(Some(&kept_of(&form)), state.now())?;
            page(&state, &visitor, &name, question, Sent { changes: Some(changes), refusal: Some(refusal) }).await
        }
    }
}

/// The address part of a form that says whose course is drawn.
fn kept_of(form: &[(String, String)]) -> String {
    let kept = form.iter().filter(|(name, _)| ["only", "total", "zone"].contains(&name.as_str()));
    form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish()
}

async fn page(
    state: &AppState,
    visitor: &Visitor,
    name: &str,
    question: Question,
    sent: Sent,
) -> Result<Response, PageFailure> {
    let now = state.now();
    let (options, remembered) = (state.options(), state.remembered());
    let rule = options.rules.iter().find(|rule| rule.name == name).ok_or(Failure::NotFound)?;
    let filters = &question.filters;
    let ground = match Ground::of(state, "/alerts", filters).await? {
        Ok(ground) => ground,
        Err(empty) => return Ok(empty.into_response()),
    };
    let reader = &ground.reader;
    let (result, outlook) = tokio::join!(latest_check(state, reader), outlook(state, reader, PATIENCE));
    let result = result?;
    let known = Known {
        result: &result,
        rules: &options.rules,
        remembered: &remembered,
        outlook: &outlook,
        zone: filters.zone,
        now,
    };
    let mut findings = of_rule(&known, rule, &filters.only);
    findings.sort_by_key(|finding| weight(finding));
    let whose = question
        .whose
        .clone()
        .or_else(|| findings.first().map(|finding| (finding.account_id.clone(), finding.group.clone())));
    let current = whose.as_ref().and_then(|whose| {
        result.findings.iter().find(|f| f.rule == rule.name && (&f.account_id, &f.group) == (&whose.0, &whose.1))
    });
    let whose = whose.unwrap_or_default();
    let span = span(filters, now);
    let found = timeout(COURSE_LIMIT, course(reader, rule, whose.clone(), span, options.reset, STEPS)).await;
    let course = found.ok().transpose()?;
    let (tried, status, form) = form(state, visitor, rule, &whose, &sent).await;
    let mut form = form;
    let preview = match tried {
        Some(changed) => match compare(reader, rule, &changed, now, options.reset).await? {
            Some(compared) => Some(Preview::of(&compared, filters.zone)),
            None => {
                form.too_slow = Some(too_slow(name));
                None
            }
        },
        None => None,
    };
    let names: Vec<&str> = options.rules.iter().map(|rule| rule.name.as_str()).collect();
    let (past, _) = history::rows(&remembered, &filters.only, Some(name), filters.bounds(now), filters.zone, &names);
    let episodes = course.as_ref().map(|course| episode_rows(&course.episodes, filters.zone)).unwrap_or_default();
    let several = known.has_several_accounts();
    let page = RulePage {
        bar: bar(name, filters, &whose, reader, now).await?,
        name: name.to_owned(),
        chip: findings.first().map_or_else(|| Chip::of_state(repute_query::State::NoData), |f| Chip::of_finding(f)),
        origin: RuleOrigin::of(rule, options.last_sends).words(),
        lines: printable_lines(explain_rule(rule)),
        whose: whose_words(whose.0.as_deref(), &whose.1, several),
        choices: findings.iter().take(MOST_FINDINGS).map(|finding| choice(&known, rule, finding, filters)).collect(),
        more_findings: findings.len().saturating_sub(MOST_FINDINGS),
        sums: current.map(|finding| printable_lines(explain_finding(rule, finding))).unwrap_or_default(),
        attribution: attribution(&outlook, name, &whose),
        current: current.map(|finding| finding_row(&known, rule, finding)),
        chart: drawn(course.as_ref(), rule, &whose_words(whose.0.as_deref(), &whose.1, several), span, filters.zone),
        more_episodes: episodes.len().saturating_sub(MOST_EPISODES),
        episodes: episodes.into_iter().take(MOST_EPISODES).collect(),
        history: past,
        form,
        preview,
        done: question.is_saved.then_some("Saved. The rule holds from now on, here and for every check."),
        // What is typed must not go when figures come.
        shell: Shell { live: false, ..ground.shell },
    };
    Ok((status, Html(page.render()?)).into_response())
}

fn too_slow(name: &str) -> String {
    format!(
        "This rule's last {} days take longer than {} seconds to play. Try it on the command line, which has no limit: export the TOML, put it into a copy of the configuration, and run repute check --backtest --since {}d with it. A rule by fewer groups ({name} has what `by` says) is quicker.",
        BACK.num_days(),
        LIMIT.as_secs(),
        BACK.num_days()
    )
}

/// Which time is drawn.
fn span(filters: &Filters, now: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
    let (since, until) = filters.bounds(now);
    let until = until.min(now);
    let since = since.unwrap_or(DateTime::<Utc>::MIN_UTC).max(until - LONGEST);
    (since.min(until - TimeDelta::minutes(1)), until)
}

async fn bar(
    name: &str,
    filters: &Filters,
    whose: &(Option<String>, Group),
    reader: &Reader,
    now: DateTime<Utc>,
) -> Result<Bar, QueryError> {
    let others = kept(whose);
    let bar = Bar::new("/alerts", filters, others, known_sets(reader).await?, now);
    Ok(bar.at(format!("/alerts/{name}")))
}

/// Whose course is drawn, for addresses and forms.
fn kept((account_id, group): &(Option<String>, Group)) -> Vec<(&'static str, String)> {
    let mut pairs = whose_pairs(account_id.as_deref(), group);
    if pairs.is_empty() {
        pairs.push(("total", "1".to_owned()));
    }
    pairs
}

fn printable_lines(lines: Vec<(&'static str, String)>) -> Vec<(&'static str, String)> {
    lines.into_iter().map(|(label, what)| (label, format::printable(&what))).collect()
}

/// A finding whose link keeps the range.
fn choice(known: &Known<'_>, rule: &Rule, finding: &Finding, filters: &Filters) -> FindingRow {
    let pairs = kept(&(finding.account_id.clone(), finding.group.clone()));
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let link = format!("/alerts/{}?{}", rule.name, filters.to_query_with(&pairs));
    FindingRow { link, ..finding_row(known, rule, finding) }
}

/// The form, what is tried, and the status of the answer.
async fn form(
    state: &AppState,
    visitor: &Visitor,
    rule: &Rule,
    whose: &(Option<String>, Group),
    sent: &Sent,
) -> (Option<Rule>, StatusCode, RuleForm) {
    let desk = state.desk();
    let written = match &desk {
        Some(desk) => desk.written(rule).await,
        None => Err(Refusal::Unwritable("This server has no configuration to write to.".to_owned())),
    };
    let (written, unwritten) = match written {
        Ok(written) => (written, None),
        Err(refusal) => (nothing_written(), Some(refusal)),
    };
    let mut refusal = sent.refusal.clone().or(unwritten);
    let mut tried = None;
    // What was refused because the file has changed is tried on that.
    let is_mistaken = matches!(refusal, Some(Refusal::Mistake(..)));
    if let (Some(desk), Some(changes), false) = (&desk, &sent.changes, is_mistaken) {
        match desk.tried(rule, changes).await {
            Ok(found) => tried = Some(found),
            Err(mistake) => refusal = Some(mistake),
        }
    }
    let mut form = RuleForm {
        fields: Vec::new(),
        kept: kept(whose),
        version: written.version.clone(),
        place: written.place.as_deref().map(format::printable),
        is_in_file: written.is_in_file,
        obstacle: match visitor.may_operate() {
            true => written.obstacle.as_deref().map(format::printable),
            false => Some("rules are saved by people with the role operator".to_owned()),
        },
        mistake: None,
        changed: None,
        too_slow: None,
        is_tried: sent.changes.is_some(),
        can_save: false,
        toml: None,
        token: visitor.token.to_string(),
    };
    let mut of_field = None;
    let status = match refusal {
        None => StatusCode::OK,
        Some(Refusal::Mistake(Some(field), what)) => {
            form.mistake = Some("One value makes no sense; it is marked below.".to_owned());
            of_field = Some((field, format::sentence_case(&format::printable(&what))));
            StatusCode::UNPROCESSABLE_ENTITY
        }
        Some(Refusal::Mistake(None, what)) => {
            form.mistake = Some(format::sentence_case(&format::printable(&what)));
            StatusCode::UNPROCESSABLE_ENTITY
        }
        Some(Refusal::Missing(what)) => {
            form.mistake = Some(format::sentence_case(&format::printable(&what)));
            StatusCode::NOT_FOUND
        }
        Some(Refusal::Changed(lines)) => {
            form.changed = Some(lines.lines().map(format::printable).collect::<Vec<_>>().join("\n"));
            StatusCode::CONFLICT
        }
        Some(Refusal::Unwritable(what)) => {
            form.obstacle = Some(format::printable(&what));
            if sent.refusal.is_some() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
        }
    };
    // A field that is not in the form has its mistake told above it.
    form.fields = fields(rule, &written, sent.changes.as_ref(), of_field.as_ref());
    if let Some((field, what)) = of_field.filter(|(field, _)| form.fields.iter().all(|of| of.key != field)) {
        form.mistake = Some(format!("{field}: {what}"));
    }
    form.can_save = tried.is_some() && form.obstacle.is_none() && desk.is_some();
    form.toml = tried.as_ref().map(|tried| tried.toml.clone());
    (tried.map(|tried| tried.rule), status, form)
}

fn nothing_written() -> WrittenRule {
    WrittenRule { values: Vec::new(), is_in_file: false, place: None, version: String::new(), obstacle: None }
}

fn attribution(outlook: &Outlook, rule: &str, (account_id, group): &(Option<String>, Group)) -> Option<AttributionBox> {
    match outlook.attribution(rule, account_id.as_deref(), group)? {
        Err(why_not) => {
            Some(AttributionBox { why: format!("Not found out ({}).", format::printable(why_not)), rows: Vec::new() })
        }
        Ok(found) => {
            Some(AttributionBox { why: format::sentence_case(&format::printable(&found.why)), rows: parts(found) })
        }
    }
}

/// The values that tell most.
fn parts(found: &Attribution) -> Vec<PartRow> {
    let mut rows = Vec::new();
    for divided in &found.dimensions {
        for part in divided.values.iter().filter(|part| part.share.max(part.mix) >= 0.1).take(3) {
            let of = |measured: repute_query::Measured| {
                format!("{} of {}", format::thousands(measured.events), format::thousands(measured.sends))
            };
            rows.push(PartRow {
                dimension: crate::pages::bar::dimension_words(&divided.dimension),
                value: format::printable(part.value.as_deref().unwrap_or("(none)")),
                share: format::percent(part.share, 0),
                now: of(part.measured),
                before: of(part.past),
            });
        }
    }
    rows
}

fn episode_rows(episodes: &[Episode], zone: Zone) -> Vec<EpisodeRow> {
    let row = |episode: &Episode| EpisodeRow {
        from: zone.time(episode.from),
        to: if episode.ongoing { "now".to_owned() } else { zone.time(episode.to) },
        lasted: format::duration((episode.to - episode.from).max(TimeDelta::minutes(1))),
        chip: Chip::of_state(episode.state),
        worst: episode
            .metric
            .value(episode.worst)
            .map_or_else(|| format::NO_DATA.to_owned(), |value| shown(episode.metric, value)),
    };
    episodes.iter().rev().map(row).collect()
}

fn drawn(
    course: Option<&Course>,
    rule: &Rule,
    whose: &str,
    (since, until): (DateTime<Utc>, DateTime<Utc>),
    zone: Zone,
) -> Option<Drawn> {
    let Some(course) = course else {
        let note = "The course takes too long to draw: choose a shorter time.".to_owned();
        return Some(Drawn { wide: String::new(), narrow: String::new(), note });
    };
    let first = course.points.first()?;
    let since = since.max(first.from - TimeDelta::days(1));
    let is_daily = rule.metric.is_gauge() || matches!(rule.window, Window::LastSends(_));
    let note = match is_daily {
        true => "One look a day (UTC) and now.".to_owned(),
        false => {
            let step = course.points.iter().map(|point| point.to - point.from).max().unwrap_or_default();
            format!("The worst minute of each {}.", format::duration(step + TimeDelta::minutes(1)))
        }
    };
    let chart = CourseChart {
        metric: rule.metric,
        compare: rule.compare,
        from: since,
        to: until,
        zone,
        points: course.points.iter().map(|point| chart_point(rule, point, is_daily, zone)).collect(),
        warn: rule.warn,
        critical: rule.critical,
        episodes: course
            .episodes
            .iter()
            .map(|episode| {
                let is_critical = episode.state == repute_query::State::Critical;
                (episode.from - TimeDelta::minutes(1), if episode.ongoing { until } else { episode.to }, is_critical)
            })
            .collect(),
    };
    let title = format!("{} of {whose}", format::sentence_case(rule.metric.words()));
    Some(Drawn {
        wide: course_chart(&chart, &title, "course", CourseSize::Wide),
        narrow: course_chart(&chart, &title, "course", CourseSize::Narrow),
        note,
    })
}

fn chart_point(rule: &Rule, point: &Point, is_daily: bool, zone: Zone) -> CoursePoint {
    let value = point.worst.and_then(|worst| rule.metric.value(worst));
    let when = match is_daily {
        true => zone.show(point.to, "%-d %b %H:%M %Z"),
        false => format!("{} to {}", zone.show(point.from, "%-d %b %H:%M"), zone.show(point.to, "%H:%M %Z")),
    };
    let figure = match (point.worst, value) {
        (Some(worst), Some(value)) if rule.metric.is_rate() => format!(
            "{} ({} of {})",
            shown(rule.metric, value),
            format::thousands(worst.events),
            format::thousands(worst.sends)
        ),
        (_, Some(value)) => shown(rule.metric, value),
        (_, None) => "nothing to judge".to_owned(),
    };
    // A step's minutes end in it: the strip begins where the first of them began.
    let (from, to) = match is_daily {
        true => (point.from - TimeDelta::hours(12), point.to + TimeDelta::hours(12)),
        false => (point.from - TimeDelta::minutes(1), point.to),
    };
    CoursePoint { from, to, value, words: format!("{when}: {figure}, {}", point.state.as_str()) }
}
