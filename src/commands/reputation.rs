//! `repute reputation`: the rates AWS judges by, with their arithmetic.

use chrono::{DateTime, Utc};
use repute_query::{
    BOUNCE_PAUSE, BOUNCE_REVIEW, COMPLAINT_PAUSE, COMPLAINT_REVIEW, CountingRules, Reputation, ReputationQuery,
    percent, reputation, reputation_report, thousands,
};

use crate::cli::{Global, ReputationArgs, RowFormat};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::output::{self, plain, rate};

pub(super) fn run(global: &Global, config: &Config, args: &ReputationArgs) -> Result<Exit, Failure> {
    let query = ReputationQuery {
        last_sends: config.last_sends(&args.volume),
        since: config.reset(&args.volume),
        as_of: args.volume.at,
    };
    let rules = config.rules(&args.counting);
    let rows = super::runtime()?.block_on(async {
        let reader = super::reader(global, config, &args.counting).await?;
        Ok::<_, Failure>(reputation(&reader, &query).await?)
    })?;
    match args.format {
        RowFormat::Json => output::print_json(&reputation_report(&rows, query.last_sends, &rules))?,
        RowFormat::Csv => output::print_csv(&csv_header(), &rows.iter().map(csv_row).collect::<Vec<_>>())?,
        RowFormat::Text => output::print(&text(&rows, &query, &rules))?,
    }
    Ok(Exit::Done)
}

pub(super) fn text(rows: &[Reputation], query: &ReputationQuery, rules: &CountingRules) -> String {
    if rows.is_empty() {
        return "no mail was sent in that range, so there is no rate: nothing was imported yet, or Send events are not published\n".to_owned();
    }
    let mut out = String::new();
    for account in rows.iter().filter(|row| row.configuration_set.is_none()) {
        out += &account_text(account, query.last_sends);
    }
    let sets: Vec<Vec<String>> = rows.iter().filter_map(set_cells).collect();
    let header = [
        "account",
        "configuration set",
        "eligible sends",
        "hard bounces",
        "bounce rate",
        "complaints",
        "complaint rate",
        "days",
    ];
    out += &output::table(&header.map(str::to_owned), &sets, 2);
    out + "\n" + &rules_text(rules)
}

fn account_text(row: &Reputation, volume: u64) -> String {
    let aws = &row.aws;
    let account = row.account_id.as_deref().unwrap_or("(unknown)");
    let short = if row.full { String::new() } else { format!(" (fewer than {}: all there are)", thousands(volume)) };
    let (bounce, complaint) = (row.bounce_interval(), row.complaint_interval());
    format!(
        "account {}, over the last {} eligible sends{short}: {} to {}, {:.1} days\n\n\
         bounce rate     {} = {} hard bounces of {} eligible sends (95 %: {} to {})\n\
         \x20               {}\n\
         \x20               {}\n\
         complaint rate  {} = {} complaints of {} sends to domains that report complaints (95 %: {} to {})\n\
         \x20               {}\n\
         \x20               {}\n\n",
        plain(account),
        thousands(aws.eligible_sends.counted),
        moment(row.from),
        moment(row.to),
        row.span_days(),
        rate(aws.bounce_rate()),
        thousands(aws.bounces.counted),
        thousands(aws.eligible_sends.counted),
        percent(bounce.0),
        percent(bounce.1),
        headroom(row, [(BOUNCE_REVIEW, "review"), (BOUNCE_PAUSE, "pause")], volume, BOUNCES),
        aws.eligible_sends.arithmetic("sends", "eligible"),
        rate(aws.complaint_rate()),
        thousands(aws.complaints.counted),
        thousands(aws.complaint_eligible_sends.counted),
        percent(complaint.0),
        percent(complaint.1),
        headroom(row, [(COMPLAINT_REVIEW, "review"), (COMPLAINT_PAUSE, "pause")], volume, COMPLAINTS),
        aws.complaint_eligible_sends.arithmetic("sends", "eligible"),
    )
}

fn moment(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// How far a rate is from a line: in events, and in days of mail.
type Distance = (fn(&Reputation, f64) -> u64, fn(&Reputation, f64, u64) -> Option<f64>);

const BOUNCES: Distance = (Reputation::bounce_headroom, Reputation::bounce_days);
const COMPLAINTS: Distance = (Reputation::complaint_headroom, Reputation::complaint_days);

/// `212 more before AWS's review line (5 %), in 3.1 days at the present pace; ...`.
fn headroom(row: &Reputation, lines: [(f64, &str); 2], volume: u64, (events, days): Distance) -> String {
    let line = |(line, name): (f64, &str)| match events(row, line) {
        0 => format!("at or over AWS's {name} line ({})", percent(line)),
        more => {
            let pace = match (&row.recent, days(row, line, volume)) {
                (None, _) => String::new(),
                (Some(_), None) => ", not reached at the present pace".to_owned(),
                (Some(_), Some(days)) if days < 1.0 => format!(", in {:.1} hours at the present pace", days * 24.0),
                (Some(_), Some(days)) => format!(", in {days:.1} days at the present pace"),
            };
            format!("{} more before AWS's {name} line ({}){pace}", thousands(more), percent(line))
        }
    };
    lines.map(line).join("; ")
}

fn set_cells(row: &Reputation) -> Option<Vec<String>> {
    let set = row.configuration_set.as_ref()?;
    let mut cells = vec![
        row.account_id.clone().unwrap_or_else(|| "-".to_owned()),
        set.clone().unwrap_or_else(|| "(none)".to_owned()),
    ];
    cells.extend([
        thousands(row.aws.eligible_sends.counted),
        thousands(row.aws.bounces.counted),
        rate(row.aws.bounce_rate()),
        thousands(row.aws.complaints.counted),
        rate(row.aws.complaint_rate()),
        format!("{:.1}", row.span_days()),
    ]);
    Some(cells)
}

fn rules_text(rules: &CountingRules) -> String {
    format!(
        "{}\nAWS does not publish its volume; compare with \"Messages sent\" in the SES console and set --last-sends.\n",
        super::counted_with(rules)
    )
}

fn csv_header() -> Vec<String> {
    let names = [
        "account_id",
        "scope",
        "configuration_set",
        "from",
        "to",
        "eligible_sends",
        "counted_bounces",
        "bounce_rate",
        "complaint_eligible_sends",
        "counted_complaints",
        "complaint_rate",
    ];
    names.map(str::to_owned).to_vec()
}

fn csv_row(row: &Reputation) -> Vec<String> {
    let fraction = |rate: Option<f64>| rate.map(|r| r.to_string()).unwrap_or_default();
    vec![
        row.account_id.clone().unwrap_or_default(),
        if row.configuration_set.is_some() { "configuration_set" } else { "account" }.to_owned(),
        row.configuration_set.clone().flatten().unwrap_or_default(),
        row.from.to_rfc3339(),
        row.to.to_rfc3339(),
        row.aws.eligible_sends.counted.to_string(),
        row.aws.bounces.counted.to_string(),
        fraction(row.aws.bounce_rate()),
        row.aws.complaint_eligible_sends.counted.to_string(),
        row.aws.complaints.counted.to_string(),
        fraction(row.aws.complaint_rate()),
    ]
}
