//! `GET /rates`: every rate over time, with the period before or divided into groups; and each chart on its own.

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::response::{Html, Response};
use chrono::{DateTime, Utc};
use repute_query::{Dimension, QueryError, Rates, Reader, Rule, Selection, Stepping, rates};

use super::alerts::Incidents;
use super::bar::{Bar, Choice, dimension_words, known_sets};
use super::panel::{ChartPanel, chart_title};
use super::{Elsewhere, Ground, Shell};
use crate::chart::{Line, Series, Span};
use crate::failure::{Failure, PageFailure};
use crate::filters::{Filters, read_dimension};
use crate::format;
use crate::history::{self, History};
use crate::image;
use crate::measure::Measure;
use crate::parameters::Parameters;
use crate::state::AppState;

const PATH: &str = "/rates";

/// What the page is asked.
pub(crate) struct Question {
    filters: Filters,
    /// Into which groups the rates are divided.
    by: Option<Dimension>,
    /// Whether the period before is drawn too.
    compare: bool,
}

/// What it is made of.
pub(crate) struct Answers {
    history: History,
    before: Option<History>,
    /// Name and windows of each group that is drawn.
    groups: Vec<(String, Vec<Rates>)>,
    /// How many more there are.
    more: usize,
}

impl Question {
    fn read(parameters: &Parameters, now: DateTime<Utc>) -> Result<Self, Failure> {
        let filters = Filters::from_query(parameters, now)?;
        let by = parameters.one("by")?.map(read_dimension).transpose()?;
        let compare = match parameters.one("compare")? {
            None => false,
            Some("before") => true,
            Some(other) => return Err(Failure::BadRequest(format!("`compare` is `{other}`; known is before"))),
        };
        Ok(Self { filters, by, compare })
    }

    /// What the page's address has beside the filters.
    fn others(&self) -> Vec<(&'static str, String)> {
        let by = self.by.iter().map(|dimension| ("by", dimension.to_string()));
        by.chain(self.compare.then(|| ("compare", "before".to_owned()))).collect()
    }

    /// Asks; no answer where there is no event at all.
    async fn ask(&self, reader: &Reader, now: DateTime<Utc>) -> Result<Option<Answers>, QueryError> {
        let Some(history) = history::history(reader, &self.filters, now).await? else { return Ok(None) };
        let before = match self.compare {
            true => Some(history::before(reader, &self.filters, &history.span, now).await?),
            false => None,
        };
        let (groups, more) = match &self.by {
            Some(dimension) => self.groups(reader, dimension, &history.span, now).await?,
            None => (Vec::new(), 0),
        };
        Ok(Some(Answers { history, before, groups, more }))
    }

    /// The groups with most hard bounces and complaints, window by window, and how many more there are.
    async fn groups(
        &self,
        reader: &Reader,
        dimension: &Dimension,
        span: &Span,
        now: DateTime<Utc>,
    ) -> Result<(Vec<(String, Vec<Rates>)>, usize), QueryError> {
        let all = Selection { by: vec![dimension.clone()], ..self.filters.selection(now) };
        let mut rows = rates(reader, &all, Stepping::Tumbling).await?;
        let weight = |row: &Rates| (row.aws.bounces.counted + row.aws.complaints.counted, row.counts.send);
        rows.sort_by(|a, b| weight(b).cmp(&weight(a)).then_with(|| a.group.cmp(&b.group)));
        let drawn: Vec<Option<String>> =
            rows.iter().take(Line::GROUPS).filter_map(|row| row.group.first().cloned()).collect();
        let mut windows: Vec<Vec<Rates>> = drawn.iter().map(|_| Vec::new()).collect();
        let among = Selection { among: drawn.clone(), ..span.over(all) };
        for row in rates(reader, &among, span.stepping()).await? {
            let place = drawn.iter().position(|value| row.group.first() == Some(value));
            if let Some(of_group) = place.and_then(|place| windows.get_mut(place)) {
                of_group.push(row);
            }
        }
        let more = rows.len() - drawn.len();
        let name = |value: Option<String>| value.unwrap_or_else(|| "(none)".to_owned());
        Ok((drawn.into_iter().map(name).zip(windows).collect(), more))
    }
}

impl Answers {
    fn series(&self, measure: Measure, rules: &[Rule], incidents: &Incidents) -> Series {
        let series = Series::new(measure, self.history.span, &self.history.windows).with_rules(rules);
        let series = series.with_incidents(&incidents.of(measure, &self.history.span)).with_groups(&self.groups);
        match &self.before {
            Some(before) => series.with_before(&before.span, &before.windows),
            None => series,
        }
    }
}

#[derive(Template)]
#[template(path = "rates.html")]
struct RatesPage {
    shell: Shell,
    bar: Bar,
    divisions: Vec<Choice>,
    /// The address with or without the period before.
    compare: Choice,
    /// `By provider: those with most hard bounces and complaints, and 4 more that are not drawn`.
    groups: Option<String>,
    charts: Vec<ChartPanel>,
    /// The query string of the same as CSV or JSON, if there is anything.
    export: Option<String>,
    elsewhere: Option<Elsewhere>,
}

/// `GET /rates`.
pub(crate) async fn rates_page(
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
) -> Result<Html<String>, PageFailure> {
    let now = state.now();
    let question = Question::read(&Parameters::lenient(query.as_deref()), now)?;
    let filters = &question.filters;
    let ground = match Ground::of(&state, PATH, filters).await? {
        Ok(ground) => ground,
        Err(empty) => return Ok(empty),
    };
    let reader = &ground.reader;
    let answers = question.ask(reader, now).await?.filter(|answers| !answers.history.windows.is_empty());
    let elsewhere = match answers {
        Some(_) => None,
        None => Some(Elsewhere::find(reader, PATH, filters, now).await?),
    };
    let bar = Bar::new(PATH, filters, question.others(), known_sets(reader).await?, now);
    let page = RatesPage {
        bar: bar.over(filters, answers.as_ref().map(|answers| &answers.history.span), now),
        divisions: divisions(reader, &question),
        compare: compare(&question),
        groups: answers.as_ref().and_then(|answers| groups_words(&question, answers)),
        charts: charts(answers.as_ref(), filters, &state.options().rules, &Incidents::of_filters(&state, filters))?,
        export: answers.as_ref().map(|answers| export(&question, &answers.history.span, now)),
        shell: ground.shell,
        elsewhere,
    };
    Ok(Html(page.render()?))
}

fn charts(
    answers: Option<&Answers>,
    filters: &Filters,
    rules: &[Rule],
    incidents: &Incidents,
) -> Result<Vec<ChartPanel>, Failure> {
    let Some(answers) = answers else { return Ok(Vec::new()) };
    let panel =
        |measure: Measure| ChartPanel::new(&answers.series(measure, rules, incidents), filters, measure.as_str());
    Ok(Measure::ALL.into_iter().map(panel).collect::<Result<_, _>>()?)
}

/// The same question to the API: its windows, and its groups.
fn export(question: &Question, span: &Span, now: DateTime<Utc>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(question.filters.to_api_query(now));
    query.append_pair("window", &format!("{}m", span.width.num_minutes()));
    if span.stepping() != Stepping::Tumbling {
        query.append_pair("zone", span.zone.name());
    }
    if let Some(by) = &question.by {
        query.append_pair("by", &by.to_string());
    }
    query.finish()
}

fn divisions(reader: &Reader, question: &Question) -> Vec<Choice> {
    let choice = |by: Option<Dimension>| {
        let name = by.as_ref().map_or_else(|| "nothing".to_owned(), dimension_words);
        let current = by == question.by;
        let others = Question { by, filters: question.filters.clone(), ..*question }.others();
        let others: Vec<(&str, &str)> = others.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Choice { name, query: question.filters.to_query_with(&others), current }
    };
    let usual = ["configuration_set", "provider", "recipient_domain", "from_domain", "campaign", "outgoing_ip"];
    let usual = usual.iter().filter_map(|name| name.parse::<Dimension>().ok());
    let tags = reader.promoted_tags().iter().map(|tag| Dimension::Tag(tag.clone()));
    let mut all: Vec<Option<Dimension>> = std::iter::once(None).chain(usual.chain(tags).map(Some)).collect();
    if !all.contains(&question.by) {
        all.push(question.by.clone());
    }
    all.into_iter().map(choice).collect()
}

fn compare(question: &Question) -> Choice {
    let other = Question { filters: question.filters.clone(), by: question.by.clone(), compare: !question.compare };
    let others = other.others();
    let others: Vec<(&str, &str)> = others.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let name = if question.compare { "Hide the period before" } else { "Compare with the period before" };
    Choice { name: name.to_owned(), query: question.filters.to_query_with(&others), current: question.compare }
}

fn groups_words(question: &Question, answers: &Answers) -> Option<String> {
    let dimension = dimension_words(question.by.as_ref()?);
    let more = match answers.more {
        0 => String::new(),
        more => format!("; {} more are part of \u{201c}all\u{201d} only", format::thousands(more as u64)),
    };
    Some(format!("Divided by {dimension}: those with most counted bounces and complaints{more}."))
}

/// `GET /charts/{rate}.svg` and `.png`, with the filters of the page.
pub(crate) async fn chart(
    State(state): State<AppState>,
    Path(file): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageFailure> {
    let (name, kind) = file.rsplit_once('.').ok_or(Failure::NotFound)?;
    let measure = Measure::ALL.into_iter().find(|measure| measure.file() == name).ok_or(Failure::NotFound)?;
    let kind = image::Kind::named(kind).ok_or(Failure::NotFound)?;
    let now = state.now();
    let question = Question::read(&Parameters::lenient(query.as_deref()), now)?;
    let reader = state.current()?;
    let answers = question.ask(&reader, now).await?.unwrap_or_else(|| Answers {
        history: History { span: Span::cut(now, now, question.filters.zone), windows: Vec::new() },
        before: None,
        groups: Vec::new(),
        more: 0,
    });
    let title = chart_title(measure, &question.filters);
    let incidents = Incidents::of_filters(&state, &question.filters);
    Ok(image::answer(&answers.series(measure, &state.options().rules, &incidents), &title, kind)?)
}
