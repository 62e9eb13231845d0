//! `GET /bounces`: why mail bounced, equal reasons together, with examples.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Html;
use chrono::{DateTime, Utc};
use repute_query::{BounceClass, BounceQuery, BounceReasons, MOST_REASONS, ReasonGroup, bounce_reasons, rate};

use super::bar::{Bar, Choice, known_sets};
use super::pager::{Pager, read_start, within};
use super::{Elsewhere, Ground, Shell};
use crate::access::Visitor;
use crate::failure::{Failure, PageFailure};
use crate::filters::Filters;
use crate::format;
use crate::parameters::Parameters;
use crate::state::AppState;
use crate::stylesheet::fnv1a;
use crate::zone::Zone;

const PATH: &str = "/bounces";

/// How many groups are shown at once.
const LIMITS: [usize; 3] = [25, 50, 100];

/// What the page is asked.
struct Question {
    filters: Filters,
    class: Option<BounceClass>,
    limit: usize,
    /// How many groups come before the first one that is shown.
    start: usize,
}

impl Question {
    fn read(parameters: &Parameters, now: DateTime<Utc>) -> Result<Self, Failure> {
        let class = parameters.one("class")?.map(str::parse::<BounceClass>).transpose();
        let limit = match parameters.one("limit")? {
            None => LIMITS[0],
            Some(text) => text.parse().ok().filter(|limit| LIMITS.contains(limit)).ok_or_else(|| {
                Failure::BadRequest(format!(
                    "`limit` is `{text}`; known are {}",
                    LIMITS.map(|l| l.to_string()).join(", ")
                ))
            })?,
        };
        Ok(Self {
            filters: Filters::from_query(parameters, now)?,
            class: class.map_err(|error| Failure::BadRequest(error.to_string()))?,
            limit,
            start: read_start(parameters)?.min(MOST_REASONS - limit),
        })
    }

    fn others(&self) -> Vec<(&'static str, String)> {
        let class = self.class.map(|class| ("class", class.as_str().to_owned()));
        class.into_iter().chain([("limit", self.limit.to_string())]).collect()
    }

    /// The address with another class, another limit, or another start.
    fn query(&self, class: Option<BounceClass>, limit: usize, start: usize) -> String {
        let mut others = Self { filters: self.filters.clone(), class, limit, start }.others();
        others.extend((start > 0).then(|| ("start", start.to_string())));
        let others: Vec<(&str, &str)> = others.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.filters.to_query_with(&others)
    }

    /// What is asked of the lake: all classes, so that their shares can be told.
    fn ask(&self, now: DateTime<Utc>, with_addresses: bool) -> BounceQuery {
        let (since, until) = self.filters.bounds(now);
        BounceQuery {
            since,
            until: Some(until),
            only: self.filters.only.clone(),
            classes: self.class.into_iter().collect(),
            limit: self.start + self.limit,
            with_addresses,
            ..BounceQuery::default()
        }
    }
}

#[derive(Template)]
#[template(path = "bounces.html")]
struct BouncesPage {
    shell: Shell,
    bar: Bar,
    total: String,
    classes: Vec<ClassBar>,
    all_classes: Option<String>,
    reasons: Vec<Reason>,
    others: Option<String>,
    pager: Option<Pager>,
    limits: Vec<Choice>,
    is_cut: bool,
    export: String,
    elsewhere: Option<Elsewhere>,
}

/// A class with its share.
struct ClassBar {
    name: String,
    count: String,
    share: String,
    /// Width of its bar, hundredths of the largest one's.
    width: u32,
    query: String,
    current: bool,
}

/// A group of bounces.
struct Reason {
    /// What it is known by while the page is renewed.
    key: String,
    text: String,
    class: String,
    code: String,
    count: String,
    share: String,
    providers: String,
    seen: String,
    example: Option<String>,
}

/// `GET /bounces`.
pub(crate) async fn bounces(
    State(state): State<AppState>,
    visitor: Visitor,
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
    let of_class = bounce_reasons(reader, &question.ask(now, visitor.sees_addresses)).await?;
    let of_all = match question.class {
        None => None,
        Some(_) => {
            let all = BounceQuery { classes: Vec::new(), limit: 1, ..question.ask(now, false) };
            Some(bounce_reasons(reader, &all).await?)
        }
    };
    let all = of_all.as_ref().unwrap_or(&of_class);
    let elsewhere = match all.bounces {
        0 => Some(Elsewhere::find(reader, PATH, filters, now).await?),
        _ => None,
    };
    let kinds = of_class.groups.len() + usize::try_from(of_class.other_groups).unwrap_or(0);
    let kinds = kinds.min(MOST_REASONS);
    let start = within(question.start, question.limit, kinds);
    let page = BouncesPage {
        bar: Bar::new(PATH, filters, question.others(), known_sets(reader).await?, now),
        total: format::count(all.bounces, "bounce"),
        classes: classes(all, &question),
        all_classes: question.class.map(|_| question.query(None, question.limit, 0)),
        reasons: of_class
            .groups
            .iter()
            .skip(question.start)
            .map(|group| reason(group, &of_class, filters.zone, &visitor))
            .collect(),
        others: (of_class.others > 0).then(|| {
            let reasons = format::count(of_class.other_groups, "other reason");
            format!("{} of {reasons}", format::count(of_class.others, "bounce"))
        }),
        pager: Pager::new(start, question.limit, kinds, |start| question.query(question.class, question.limit, start)),
        limits: LIMITS
            .map(|limit| Choice {
                name: format::thousands(limit as u64),
                query: question.query(question.class, limit, 0),
                current: limit == question.limit,
            })
            .into(),
        is_cut: of_class.is_cut,
        export: export(&question, now),
        shell: ground.shell,
        elsewhere,
    };
    Ok(Html(page.render()?))
}

fn share(count: u64, all: u64) -> String {
    rate(count, all).map_or_else(|| format::NO_DATA.to_owned(), |share| format::percent(share, 1))
}

fn classes(found: &BounceReasons, question: &Question) -> Vec<ClassBar> {
    let most = found.classes.iter().map(|(_, count)| *count).max().unwrap_or(1).max(1);
    let bar = |(class, count): &(BounceClass, u64)| ClassBar {
        name: class.words().to_owned(),
        count: format::thousands(*count),
        share: share(*count, found.bounces),
        width: u32::try_from(count * 100 / most).unwrap_or(100).max(1),
        query: question.query(Some(*class), question.limit, 0),
        current: question.class == Some(*class),
    };
    found.classes.iter().map(bar).collect()
}

fn reason(group: &ReasonGroup, found: &BounceReasons, zone: Zone, visitor: &Visitor) -> Reason {
    let shown = |text: &str| format::printable(&visitor.text(text));
    let kind = [&group.bounce_type, &group.subtype].into_iter().flatten().cloned().collect::<Vec<_>>().join(" / ");
    let code =
        group.status.iter().cloned().chain((!kind.is_empty()).then_some(kind)).collect::<Vec<_>>().join(" \u{b7} ");
    let provider = |(name, count): &(String, u64)| format!("{} {}", format::printable(name), format::thousands(*count));
    Reason {
        key: format!("{:016x}", fnv1a(format!("{:?} {:?} {code}", group.class, group.text).as_bytes())),
        text: group.text.as_deref().map_or_else(|| "SES gave no reason".to_owned(), shown),
        class: group.class.words().to_owned(),
        code: format::printable(&code),
        count: format::thousands(group.count),
        share: share(group.count, found.bounces),
        providers: group.providers.iter().map(provider).collect::<Vec<_>>().join(", "),
        seen: format!("{} to {}", zone.time(group.first), zone.time(group.last)),
        example: group.example.as_deref().map(shown),
    }
}

/// The same question to the API.
fn export(question: &Question, now: DateTime<Utc>) -> String {
    let class = question.class.map_or_else(String::new, |class| format!("&class={class}"));
    format!("{}{class}&limit={}", question.filters.to_api_query(now), question.limit)
}
