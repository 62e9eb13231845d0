//! `GET /silences`: all silences, and a form for a new one; `POST /silences` and `POST /silences/{id}/end`.

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::{DateTime, Utc};
use repute_query::{Dimension, Silence};

use super::words::{read_only_pairs, silenced_words};
use crate::access::{Act, Visitor};
use crate::alerting::{MadeSilence, Refusal, Remembered, SilenceWish};
use crate::failure::{Failure, PageFailure};
use crate::filters::{NO_SET, read_dimension, read_zone};
use crate::format;
use crate::moment::{parse_duration, parse_moment};
use crate::pages::Shell;
use crate::pages::bar::attribute;
use crate::parameters::Parameters;
use crate::state::{AppState, Options};
use crate::zone::Zone;

const PATH: &str = "/silences";

/// How long one may last, to choose from.
pub(super) const PRESETS: [(&str, &str); 4] = [("1h", "1 hour"), ("4h", "4 hours"), ("1d", "1 day"), ("1w", "1 week")];

/// A silence in a table.
pub(crate) struct SilenceRow {
    /// Its name, if whoever looks may end it.
    pub(crate) end: Option<String>,
    pub(crate) rule: String,
    /// The rule's page.
    pub(crate) link: Option<String>,
    pub(crate) covers: String,
    pub(crate) until: String,
    /// How long it still holds, or how it ended.
    pub(crate) left: String,
    pub(crate) author: String,
    pub(crate) made: String,
    pub(crate) reason: String,
}

/// Silences that hold: those of the file, then those that somebody made.
pub(super) fn in_force(
    options: &Options,
    remembered: &Remembered,
    may_end: bool,
    zone: Zone,
    now: DateTime<Utc>,
) -> Vec<SilenceRow> {
    let of_file = options
        .silences
        .iter()
        .filter(|silence| now < silence.until)
        .map(|silence| of_file(silence, options, zone, now));
    let made =
        remembered.silences.iter().filter(|made| made.holds(now)).map(|made| row(made, options, may_end, zone, now));
    of_file.chain(made).collect()
}

fn common(silence: &Silence, options: &Options, zone: Zone) -> SilenceRow {
    let known = silence.rule.as_ref().filter(|name| options.rules.iter().any(|rule| rule.name == **name));
    SilenceRow {
        end: None,
        rule: silence.rule.as_deref().map_or_else(|| "Every rule".to_owned(), format::printable),
        link: known.map(|name| format!("/alerts/{name}")),
        covers: silenced_words(silence),
        until: zone.time(silence.until),
        left: String::new(),
        author: String::new(),
        made: String::new(),
        reason: format::printable(&silence.reason),
    }
}

fn of_file(silence: &Silence, options: &Options, zone: Zone, now: DateTime<Utc>) -> SilenceRow {
    let left = format!("{} left", format::duration(silence.until - now));
    SilenceRow { left, author: "In the file".to_owned(), ..common(silence, options, zone) }
}

fn row(made: &MadeSilence, options: &Options, may_end: bool, zone: Zone, now: DateTime<Utc>) -> SilenceRow {
    let left = match &made.ended {
        Some((at, by)) => format!("Ended {} by {}", zone.time(*at), format::printable(by)),
        None if made.holds(now) => format!("{} left", format::duration(made.silence.until - now)),
        None => "Over".to_owned(),
    };
    SilenceRow {
        end: (may_end && made.holds(now)).then(|| made.id.clone()),
        left,
        author: format::printable(&made.author),
        made: made.silence.from.map(|from| zone.time(from)).unwrap_or_default(),
        ..common(&made.silence, options, zone)
    }
}

/// What stands in the form.
#[derive(Default)]
struct Fields {
    rule: String,
    /// Values of dimensions that were asked for by a link.
    only: Vec<(Dimension, Option<String>)>,
    scope: Scope,
    dimension: String,
    value: String,
    lasting: String,
    until: String,
    reason: String,
}

/// What a silence covers.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Scope {
    #[default]
    All,
    Total,
    Only,
}

impl Fields {
    fn read(parameters: &Parameters) -> Result<Self, Failure> {
        let text = |name| Ok::<_, Failure>(parameters.one(name)?.unwrap_or_default().to_owned());
        let only = read_only_pairs(parameters)?;
        let is_whole = only.iter().all(|(dimension, _)| *dimension == Dimension::ACCOUNT);
        let scope = match parameters.one("scope")? {
            Some("all") => Scope::All,
            Some("total") => Scope::Total,
            Some("only") => Scope::Only,
            Some(other) => {
                return Err(Failure::BadRequest(format!("`scope` is `{other}`; known are all, total, only")));
            }
            None if parameters.one("total")?.is_some() => Scope::Total,
            None if is_whole && only.is_empty() => Scope::All,
            None => Scope::Only,
        };
        let lasting = match text("for")? {
            lasting if lasting.is_empty() => "4h".to_owned(),
            lasting => lasting,
        };
        Ok(Self {
            rule: text("rule")?,
            only,
            scope,
            dimension: text("dimension")?,
            value: text("value")?,
            lasting,
            until: text("until")?,
            reason: text("reason")?,
        })
    }

    /// The silence that is asked for.
    fn wish(&self, zone: Zone, author: &str, now: DateTime<Utc>) -> Result<SilenceWish, Refusal> {
        let mistake = |field: &str, what: &str| Refusal::Mistake(Some(field.to_owned()), what.to_owned());
        let mut only = self.only.clone();
        if self.scope == Scope::Only && !self.dimension.trim().is_empty() {
            let dimension = read_dimension(self.dimension.trim());
            let dimension = dimension.map_err(|failure| match failure {
                Failure::BadRequest(what) => mistake("only", &what),
                _ => mistake("only", "it is no dimension"),
            })?;
            let value = Some(self.value.trim()).filter(|value| !value.is_empty() && *value != NO_SET);
            only.retain(|(of, _)| *of != dimension);
            only.push((dimension, value.map(str::to_owned)));
        }
        match self.scope {
            Scope::All => only.clear(),
            Scope::Total => only.retain(|(dimension, _)| *dimension == Dimension::ACCOUNT),
            Scope::Only if only.is_empty() => {
                return Err(mistake("only", "say which: a dimension and its value"));
            }
            Scope::Only => {}
        }
        let until = match self.lasting.as_str() {
            "until" => parse_moment(&self.until, zone, now).filter(|_| !self.until.is_empty()),
            lasting => parse_duration(lasting).and_then(|lasting| now.checked_add_signed(lasting)),
        };
        Ok(SilenceWish {
            rule: Some(self.rule.clone()).filter(|rule| !rule.is_empty()),
            only,
            total: self.scope == Scope::Total,
            until: until.ok_or_else(|| mistake("until", "give a time, such as 2026-10-31T12:00"))?,
            reason: self.reason.clone(),
            author: author.to_owned(),
        })
    }
}

#[derive(Template)]
#[template(path = "silences.html")]
struct SilencesPage {
    shell: Shell,
    silences: Vec<SilenceRow>,
    over: Vec<SilenceRow>,
    rules: Vec<(String, bool)>,
    every_rule: bool,
    scope: &'static str,
    /// Values of a link: name and value of a hidden field, and the words for it.
    only: Vec<(String, String)>,
    dimensions: Vec<String>,
    fields: Fields,
    presets: Vec<(&'static str, &'static str, bool)>,
    is_until: bool,
    zone: &'static str,
    trouble: Option<String>,
    /// What was made or ended just now.
    done: Option<&'static str>,
    /// What is wrong with a field, or with none.
    mistake: Option<(String, String)>,
    obstacle: Option<&'static str>,
    token: String,
}

impl SilencesPage {
    fn mistake_of(&self, field: &str) -> Option<&str> {
        self.mistake.as_ref().filter(|(of, _)| of == field).map(|(_, what)| what.as_str())
    }
}

/// `GET /silences`.
pub(crate) async fn silences(
    State(state): State<AppState>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Html<String>, PageFailure> {
    let parameters = Parameters::lenient(query.as_deref());
    let zone = read_zone(&parameters)?;
    let fields = Fields::read(&parameters)?;
    let mut page = page(&state, &visitor, fields, zone);
    page.done = match parameters.one("done")? {
        Some("made") => Some("The silence holds from now on, here and for every check."),
        Some("ended") => Some("The silence is over, here and for every check."),
        _ => None,
    };
    Ok(Html(page.render()?))
}

fn page(state: &AppState, visitor: &Visitor, fields: Fields, zone: Zone) -> SilencesPage {
    let (now, options, remembered) = (state.now(), state.options(), state.remembered());
    let over = remembered.silences.iter().filter(|made| !made.holds(now));
    let only = fields.only.iter().map(|(dimension, value)| {
        let value = value.as_deref().unwrap_or(NO_SET);
        (attribute(&format!("{dimension}={value}")), format!("{dimension} {}", format::printable(value)))
    });
    let mut dimensions: Vec<String> = options.rules.iter().flat_map(|rule| &rule.by).map(ToString::to_string).collect();
    dimensions.sort();
    dimensions.dedup();
    SilencesPage {
        // What is typed must not go when figures come.
        shell: Shell { live: false, made: zone.time(now), zone: zone.name(), ..Shell::new(state, super::list::PATH) },
        silences: in_force(&options, &remembered, visitor.may_operate(), zone, now),
        over: over.map(|made| row(made, &options, false, zone, now)).collect(),
        rules: options.rules.iter().map(|rule| (rule.name.clone(), rule.name == fields.rule)).collect(),
        every_rule: fields.rule.is_empty(),
        scope: match fields.scope {
            Scope::All => "all",
            Scope::Total => "total",
            Scope::Only => "only",
        },
        only: only.collect(),
        dimensions,
        presets: PRESETS.map(|(value, name)| (value, name, value == fields.lasting)).into(),
        is_until: fields.lasting == "until",
        fields,
        zone: zone.name(),
        trouble: remembered.trouble.as_deref().map(format::printable),
        done: None,
        mistake: None,
        obstacle: obstacle(state, visitor),
        token: visitor.token.to_string(),
    }
}

/// Why nothing can be silenced here.
fn obstacle(state: &AppState, visitor: &Visitor) -> Option<&'static str> {
    match (visitor.may_operate(), state.desk().is_some()) {
        (false, _) => Some("Silences are made and ended by people with the role operator."),
        (true, false) => Some("This server keeps no silences: it serves a demonstration."),
        (true, true) => None,
    }
}

/// `POST /silences`: makes one.
pub(crate) async fn make_silence(
    State(state): State<AppState>,
    Act { visitor, form }: Act<Vec<(String, String)>>,
) -> Result<Response, PageFailure> {
    let parameters = Parameters::of_form(form);
    let zone = read_zone(&parameters)?;
    let fields = Fields::read(&parameters)?;
    let now = state.now();
    let made = match fields.wish(zone, &visitor.name, now) {
        Ok(wish) => make(&state, wish, now).await,
        Err(refusal) => Err(refusal),
    };
    match made {
        Ok(_) => Ok(Redirect::to(&format!("{PATH}?done=made")).into_response()),
        Err(refusal) => {
            let mut page = page(&state, &visitor, fields, zone);
            let (status, mistake) = told(refusal);
            page.mistake = Some(mistake);
            Ok((status, Html(page.render()?)).into_response())
        }
    }
}

/// Makes a silence, which holds from then on, and gives its name.
pub(crate) async fn make(state: &AppState, wish: SilenceWish, now: DateTime<Utc>) -> Result<String, Refusal> {
    let Some(desk) = state.desk() else {
        return Err(Refusal::Unwritable("this server keeps no silences".to_owned()));
    };
    let (id, silences) = desk.silence(wish, now).await?;
    state.note_silences(silences);
    Ok(id)
}

/// Ends a silence.
pub(crate) async fn end(state: &AppState, id: &str, by: &str, now: DateTime<Utc>) -> Result<(), Refusal> {
    let Some(desk) = state.desk() else {
        return Err(Refusal::Unwritable("this server keeps no silences".to_owned()));
    };
    let silences = desk.end_silence(id, by, now).await?;
    state.note_silences(silences);
    Ok(())
}

fn told(refusal: Refusal) -> (StatusCode, (String, String)) {
    match refusal {
        Refusal::Mistake(field, what) => {
            (StatusCode::UNPROCESSABLE_ENTITY, (field.unwrap_or_default(), format::printable(&what)))
        }
        Refusal::Missing(what) => (StatusCode::NOT_FOUND, (String::new(), format::printable(&what))),
        Refusal::Changed(what) => (StatusCode::CONFLICT, (String::new(), format::printable(&what))),
        Refusal::Unwritable(what) => (StatusCode::SERVICE_UNAVAILABLE, (String::new(), format::printable(&what))),
    }
}

/// `POST /silences/{id}/end`.
pub(crate) async fn end_silence(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Act { visitor, .. }: Act<Vec<(String, String)>>,
) -> Result<Response, PageFailure> {
    match end(&state, &id, &visitor.name, state.now()).await {
        Ok(()) => Ok(Redirect::to(&format!("{PATH}?done=ended")).into_response()),
        Err(refusal) => {
            let mut page = page(&state, &visitor, Fields { lasting: "4h".to_owned(), ..Fields::default() }, Zone::UTC);
            let (status, mistake) = told(refusal);
            page.mistake = Some(mistake);
            Ok((status, Html(page.render()?)).into_response())
        }
    }
}
