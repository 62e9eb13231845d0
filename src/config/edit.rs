//! A rule of `repute.toml` with other values, everything else left as it is to the byte: comments, order, line ends.
//!
//! ```text
//! text ── toml_edit: where the rule's keys and values lie ──> values put in their places ── the loader ──> rule, text
//! ```

use std::ops::Range;
use std::path::Path;

use repute_query::{Metric, Rule, Window, percent};
use repute_web::alerting::{RULE_KEYS, RuleChanges};
use toml_edit::{Document, Item, TableLike, Value};

use super::Config;
use crate::exit::Failure;

/// A mistake, and the key at which it is if it is at one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EditMistake {
    pub(crate) key: Option<String>,
    pub(crate) what: String,
}

/// The whole file with a rule changed, and the rule.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Edited {
    pub(crate) text: String,
    pub(crate) rule: Rule,
    /// The rule alone, as it is written.
    pub(crate) toml: String,
}

/// The values of [`RULE_KEYS`] as they are written, or as a default rule would be; and whether the rule stands in the text.
pub(crate) fn values(text: &str, rule: &Rule) -> (Vec<(&'static str, String)>, bool) {
    let document = Document::parse(text).ok();
    let found = document.as_ref().and_then(|document| find(document, &rule.name));
    let value = |key: &'static str| match found {
        Some(found) => (key, found.table.get(key).and_then(Item::as_value).map(written).unwrap_or_default()),
        None => (key, usual(rule, key)),
    };
    (RULE_KEYS.map(value).into(), found.is_some())
}

/// The text with new values of a rule in force, by the loader that reads the file for a check.
pub(crate) fn changed(
    text: &str,
    path: &Path,
    rule: &Rule,
    last_sends: u64,
    changes: &RuleChanges,
) -> Result<Edited, EditMistake> {
    let (before, _) = values(text, rule);
    let is_new =
        |(key, value): &&(String, String)| before.iter().any(|(of, before)| of == key && before.trim() != value.trim());
    let changes: Vec<(&str, &str)> =
        changes.iter().filter(is_new).map(|(key, value)| (key.as_str(), value.trim())).collect();
    let load = |changes: &[(&str, &str)]| {
        let new = put(text, rule, changes)?;
        load(&new, path, rule, last_sends).map(|rule| (new, rule)).map_err(|what| EditMistake { key: None, what })
    };
    match load(&changes) {
        Ok((new, found)) => {
            if others(text, &rule.name) != others(&new, &rule.name) {
                let what = "what else the file says would change with it; write it there by hand".to_owned();
                return Err(EditMistake { key: None, what });
            }
            let toml = alone(&new, &rule.name).unwrap_or_default();
            Ok(Edited { text: new, rule: found, toml })
        }
        Err(mistake) => Err(EditMistake { key: mistake.key.or_else(|| culprit(&changes, load)), what: mistake.what }),
    }
}

/// The key without whose change all would be well, or whose change alone is a mistake.
fn culprit<T>(changes: &[(&str, &str)], load: impl Fn(&[(&str, &str)]) -> Result<T, EditMistake>) -> Option<String> {
    let without = |key: &str| changes.iter().filter(|(of, _)| *of != key).copied().collect::<Vec<_>>();
    let is_it = |(key, value): &&(&str, &str)| load(&without(key)).is_ok() || load(&[(*key, *value)]).is_err();
    changes.iter().find(is_it).map(|(key, _)| (*key).to_owned())
}

/// The rule of this name in a text that the loader takes; what is wrong, otherwise.
fn load(text: &str, path: &Path, rule: &Rule, last_sends: u64) -> Result<Rule, String> {
    let words = |failure: Failure| match failure {
        Failure::Usage(what) | Failure::CheckUnknown(what) => without_place(&what, path, &rule.name),
        Failure::Failed(error) | Failure::Unknown(error) => error.to_string(),
    };
    let (rules, _) = Config::parse(text, path).and_then(|config| config.alerts(last_sends)).map_err(words)?;
    rules
        .into_iter()
        .find(|found| found.name == rule.name)
        .ok_or_else(|| format!("there is no rule `{}` then", rule.name))
}

/// A mistake without file, line and the rule's name, which whoever looks at its form knows.
fn without_place(what: &str, path: &Path, name: &str) -> String {
    let place = format!("{}:", path.display());
    let line = what.strip_prefix(&place).and_then(|rest| rest.split_once(": "));
    let what = line.map_or(what, |(_, what)| what);
    what.strip_prefix(&format!("rule `{name}`: ")).unwrap_or(what).to_owned()
}

/// The table of a rule.
#[derive(Clone, Copy)]
struct Found<'d> {
    table: &'d dyn TableLike,
    /// It stands inside an array, not under a header of its own.
    is_inline: bool,
}

fn find<'d>(document: &'d Document<&str>, name: &str) -> Option<Found<'d>> {
    let rules = document.as_item().get("rule")?;
    let is_it = |found: &Found<'_>| found.table.get("name").and_then(Item::as_str) == Some(name);
    match (rules.as_array_of_tables(), rules.as_array()) {
        (Some(tables), _) => tables.iter().map(|table| Found { table, is_inline: false }).find(is_it),
        (None, Some(tables)) => {
            let tables = tables.iter().filter_map(Value::as_inline_table);
            tables.map(|table| Found { table, is_inline: true }).find(is_it)
        }
        (None, None) => None,
    }
}

/// A value as somebody types it.
fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.clone().decorated("", "").to_string(), str::to_owned)
}

/// What a default rule would have at a key.
fn usual(rule: &Rule, key: &str) -> String {
    let threshold = |value: Option<f64>| value.map_or_else(String::new, |value| share(rule.metric, value));
    match (key, rule.window) {
        ("warn", _) => threshold(rule.warn),
        ("critical", _) => threshold(rule.critical),
        ("min_sends", _) => rule.min_sends.to_string(),
        ("min_events", _) => rule.min_events.to_string(),
        ("window", Window::Minutes(minutes)) => format!("{minutes}m"),
        _ => String::new(),
    }
}

fn share(metric: Metric, value: f64) -> String {
    if metric.is_rate() { percent(value) } else { value.to_string() }
}

/// Where text is replaced, and by what.
type Patch = (Range<usize>, String);

fn put(text: &str, rule: &Rule, changes: &[(&str, &str)]) -> Result<String, EditMistake> {
    let whole = |what: String| EditMistake { key: None, what };
    let document = Document::parse(text).map_err(|error| whole(error.message().to_owned()))?;
    let mut patches = Vec::new();
    match find(&document, &rule.name) {
        Some(found) => {
            for (key, value) in changes {
                patches.extend(patch(text, found, key, value)?);
            }
        }
        None if document.as_item().get("rule").is_some_and(Item::is_value) => {
            return Err(whole("the file has its rules in one array; write this one there by hand".to_owned()));
        }
        None => patches.push((text.len()..text.len(), appended(text, rule, changes)?)),
    }
    patches.sort_by_key(|(range, _)| range.start);
    let mut new = text.to_owned();
    for (range, value) in patches.into_iter().rev() {
        new.replace_range(range, &value);
    }
    Ok(new)
}

fn line_end(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// A value of a key as TOML writes it.
fn toml_value(key: &str, value: &str) -> Result<Value, EditMistake> {
    match key {
        "min_sends" | "min_events" | "last_sends" => value
            .replace([',', '_'], "")
            .parse::<i64>()
            .map(Value::from)
            .map_err(|_| EditMistake { key: Some(key.to_owned()), what: format!("`{value}` is no whole number") }),
        "warn" | "critical" => Ok(match value.parse::<f64>() {
            Ok(_) => value.parse().unwrap_or_else(|_| Value::from(value)),
            Err(_) => Value::from(value),
        }),
        _ => Ok(Value::from(value)),
    }
}

/// What is to be replaced for a key of a rule that stands in the text.
fn patch(text: &str, found: Found<'_>, key: &str, value: &str) -> Result<Option<Patch>, EditMistake> {
    let Found { table, is_inline } = found;
    let lost = || EditMistake { key: Some(key.to_owned()), what: "its place in the file is not known".to_owned() };
    match (table.get(key), value.is_empty()) {
        (None, true) => Ok(None),
        (Some(item), false) => Ok(Some((item.span().ok_or_else(lost)?, toml_value(key, value)?.to_string()))),
        (Some(_), true) if is_inline => {
            let what = "a key of an inline table is not taken out here; do it by hand".to_owned();
            Err(EditMistake { key: Some(key.to_owned()), what })
        }
        (Some(item), true) => {
            let from = table.key(key).and_then(toml_edit::Key::span).ok_or_else(lost)?.start;
            Ok(Some((taken_out(text, from, item.span().ok_or_else(lost)?.end), String::new())))
        }
        (None, false) => {
            let last = table
                .iter()
                .filter(|(_, item)| item.is_value())
                .filter_map(|(name, item)| Some((item.span()?.end, table.key(name)?.span()?.start)));
            let (end, start) = last.max().ok_or_else(lost)?;
            let written = format!("{key} = {}", toml_value(key, value)?);
            if is_inline {
                return Ok(Some((end..end, format!(", {written}"))));
            }
            let indent_from = text[..start].rfind('\n').map_or(0, |at| at + 1);
            let (indent, nl) = (&text[indent_from..start], line_end(text));
            Ok(Some(match text[end..].find('\n') {
                Some(at) => (end + at + 1..end + at + 1, format!("{indent}{written}{nl}")),
                None => (text.len()..text.len(), format!("{nl}{indent}{written}")),
            }))
        }
    }
}

/// The line of a key; a comment behind its value stays.
fn taken_out(text: &str, from: usize, to: usize) -> Range<usize> {
    let line = text[..from].rfind('\n').map_or(0, |at| at + 1);
    let end = text[to..].find('\n').map_or(text.len(), |at| to + at + 1);
    match text[to..end].find('#') {
        Some(comment) => from..to + comment,
        None => line..end,
    }
}

/// A default rule with changes, as a table of its own below everything else.
fn appended(text: &str, rule: &Rule, changes: &[(&str, &str)]) -> Result<String, EditMistake> {
    let nl = line_end(text);
    let gap = match text {
        "" => "",
        _ if text.ends_with('\n') => nl,
        _ => &nl.repeat(2),
    };
    let by: Vec<String> = rule.by.iter().map(|dimension| Value::from(dimension.to_string()).to_string()).collect();
    let mut lines = vec![
        "[[rule]]".to_owned(),
        format!("name = {}", Value::from(rule.name.as_str())),
        format!("metric = {}", Value::from(rule.metric.as_str())),
    ];
    if !by.is_empty() {
        lines.push(format!("by = [{}]", by.join(", ")));
        lines.push(format!("total = {}", rule.total));
    }
    for key in RULE_KEYS {
        let changed = changes.iter().find(|(of, _)| *of == key).map(|(_, value)| (*value).to_owned());
        let value = changed.unwrap_or_else(|| usual(rule, key));
        if !value.is_empty() {
            lines.push(format!("{key} = {}", toml_value(key, &value)?));
        }
    }
    Ok(lines.into_iter().fold(gap.to_owned(), |text, line| text + &line + nl))
}

/// A rule's table alone.
fn alone(text: &str, name: &str) -> Option<String> {
    let document = Document::parse(text).ok()?;
    let found = find(&document, name)?;
    let mut rule = toml_edit::Table::new();
    for (key, item) in found.table.iter() {
        let value = item.clone().into_value().ok()?;
        rule.insert(key, Item::Value(value.decorated(" ", "")));
    }
    let mut rules = toml_edit::ArrayOfTables::new();
    rules.push(rule);
    let mut alone = toml_edit::DocumentMut::new();
    alone.insert("rule", Item::ArrayOfTables(rules));
    Some(alone.to_string())
}

/// All that the text says beside a rule.
fn others(text: &str, name: &str) -> Option<toml::Table> {
    let mut table: toml::Table = text.parse().ok()?;
    let is_it = |rule: &toml::Value| rule.get("name").and_then(toml::Value::as_str) == Some(name);
    let rules = table.get_mut("rule").and_then(toml::Value::as_array_mut);
    if let Some(rules) = rules {
        rules.retain(|rule| !is_it(rule));
        if rules.is_empty() {
            table.remove("rule");
        }
    }
    Some(table)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use repute_query::{Confidence, default_rules};

    use super::*;

    const FILE: &str = r#"# Ours. Ask ops before you change it.
lake = "/var/lib/repute"

[counting]
verified = [
    "example.com",   # the shop
]

# Soft bounces defer to tomorrow.
[[rule]]
name = "soft"            # asked for by ops
metric = "soft_bounce_rate"
by = ["provider"]
window = "30m"
warn = "20 %"            # was 15 %
# Not sure about this one.
critical = 0.5
for = "10m"              # flaps otherwise

[[rule]]
name = "stopped"
metric = "sends"
compare = "below"
window = "1d"
only = { configuration_set = "news" }
warn = 1_000

[[silence]]
rule = "soft"
until = 2026-12-01T08:00:00Z
"#;

    fn rule_of(text: &str, name: &str) -> Rule {
        let config = Config::parse(text, Path::new("repute.toml")).unwrap();
        config.alerts(10_000).unwrap().0.into_iter().find(|rule| rule.name == name).unwrap()
    }

    fn edit(text: &str, name: &str, changes: &[(&str, &str)]) -> Result<Edited, EditMistake> {
        let changes: RuleChanges =
            changes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        changed(text, Path::new("repute.toml"), &rule_of(text, name), 10_000, &changes)
    }

    /// The lines that differ, as `-` and `+`.
    fn difference(before: &str, after: &str) -> String {
        let (before, after): (Vec<&str>, Vec<&str>) = (before.split('\n').collect(), after.split('\n').collect());
        let gone = before.iter().filter(|line| !after.contains(line)).map(|line| format!("-{line}\n"));
        let new = after.iter().filter(|line| !before.contains(line)).map(|line| format!("+{line}\n"));
        gone.chain(new).collect()
    }

    #[test]
    fn values_are_as_they_are_written() {
        let (values, is_in_file) = super::values(FILE, &rule_of(FILE, "soft"));
        let told: Vec<String> =
            values.iter().filter(|(_, value)| !value.is_empty()).map(|(key, value)| format!("{key} {value}")).collect();
        assert!(is_in_file);
        assert_eq!(told, ["warn 20 %", "critical 0.5", "window 30m", "for 10m"]);
        let (values, is_in_file) = super::values(FILE, &rule_of(FILE, "bounce_rate_10m"));
        let told: Vec<String> =
            values.iter().filter(|(_, value)| !value.is_empty()).map(|(key, value)| format!("{key} {value}")).collect();
        assert!(!is_in_file);
        assert_eq!(told, ["warn 2 %", "critical 4 %", "min_sends 50", "min_events 5", "window 10m"]);
    }

    #[test]
    fn comments_and_order_stay() {
        let edited =
            edit(FILE, "soft", &[("warn", "25 %"), ("critical", "0.5"), ("min_sends", "1,200"), ("for", "")]).unwrap();
        assert_eq!(
            difference(FILE, &edited.text),
            "-warn = \"20 %\"            # was 15 %\n-for = \"10m\"              # flaps otherwise\n\
             +warn = \"25 %\"            # was 15 %\n+# flaps otherwise\n+min_sends = 1200\n"
        );
        assert_eq!((edited.rule.warn, edited.rule.min_sends, edited.rule.pending_minutes), (Some(0.25), 1_200, 0));
        assert_eq!(
            edited.toml,
            "[[rule]]\nname = \"soft\"\nmetric = \"soft_bounce_rate\"\nby = [\"provider\"]\nwindow = \"30m\"\nwarn = \"25 %\"\ncritical = 0.5\nmin_sends = 1200\n"
        );
        let taken = edit(FILE, "soft", &[("critical", "")]).unwrap();
        assert_eq!(difference(FILE, &taken.text), "-critical = 0.5\n");
        assert!(taken.text.contains("# Not sure about this one."));
        let same =
            edit(FILE, "soft", &[("warn", " 20 % "), ("critical", "0.5"), ("for", "10m"), ("hits", "")]).unwrap();
        assert_eq!(same.text, FILE);
    }

    #[test]
    fn a_default_rule_that_is_changed_stands_in_the_file() {
        let edited = edit(FILE, "bounce_rate_10m", &[("warn", "3 %"), ("for", "5m")]).unwrap();
        let added = "\n[[rule]]\nname = \"bounce_rate_10m\"\nmetric = \"bounce_rate\"\nby = [\"configuration_set\"]\ntotal = true\nwarn = \"3 %\"\ncritical = \"4 %\"\nmin_sends = 50\nmin_events = 5\nwindow = \"10m\"\nfor = \"5m\"\n";
        assert_eq!(edited.text, format!("{FILE}{added}"));
        let known = rule_of(FILE, "bounce_rate_10m");
        assert_eq!(edited.rule, Rule { warn: Some(0.03), pending_minutes: 5, ..known });
        // It replaces the default one, and is changed in its place the next time.
        let again = edit(&edited.text, "bounce_rate_10m", &[("warn", "2.5 %")]).unwrap();
        assert_eq!(difference(&edited.text, &again.text), "-warn = \"3 %\"\n+warn = \"2.5 %\"\n");
    }

    /// Without a change the table says just what the default rule is.
    #[test]
    fn default_rules_come_out_as_they_are() {
        for rule in default_rules(10_000) {
            let text = appended("", &rule, &[]).unwrap();
            let read = rule_of(&text, &rule.name);
            let close = |a: Option<f64>, b: Option<f64>| (a.unwrap() - b.unwrap()).abs() < 1e-12;
            assert!(close(read.warn, rule.warn) && close(read.critical, rule.critical), "{read:?}");
            assert_eq!(Rule { warn: rule.warn, critical: rule.critical, ..read }, rule);
        }
    }

    #[test]
    fn line_ends_and_odd_ends_of_files() {
        let windows = FILE.replace('\n', "\r\n");
        let edited = edit(&windows, "soft", &[("min_sends", "9"), ("for", "")]).unwrap();
        assert_eq!(edited.text.replace("\r\n", "\n").matches('\r').count(), 0);
        assert_eq!(edited.text.matches('\n').count(), edited.text.matches("\r\n").count());
        let open = "[[rule]]\nname = \"a\"\nmetric = \"sends\"\nwarn = 1";
        assert_eq!(
            edit(open, "a", &[("warn", "2"), ("window", "5m")]).unwrap().text,
            format!("{}2\nwindow = \"5m\"", open.trim_end_matches('1'))
        );
        let added = edit(open, "aws_bounce_rate", &[("warn", "1 %")]).unwrap();
        assert!(added.text.starts_with(&format!("{open}\n\n[[rule]]\nname = \"aws_bounce_rate\"\n")), "{}", added.text);
        assert_eq!(added.rule.confidence, Confidence::IntervalOfGroups);
    }

    #[test]
    fn rules_inside_an_array() {
        let inline = "rule = [{ name = \"a\", metric = \"sends\", warn = 1 }] # short\n";
        let edited = edit(inline, "a", &[("warn", "2"), ("window", "5m")]).unwrap();
        assert_eq!(edited.text, "rule = [{ name = \"a\", metric = \"sends\", warn = 2, window = \"5m\" }] # short\n");
        assert_eq!(edit(inline, "a", &[("warn", "")]).unwrap_err().key.as_deref(), Some("warn"));
        assert!(edit(inline, "aws_bounce_rate", &[("warn", "1 %")]).unwrap_err().what.contains("one array"));
    }

    #[test]
    fn mistakes_name_their_key() {
        for (changes, key, what) in [
            (vec![("warn", "lots")], "warn", "`lots` is no threshold"),
            (
                vec![("warn", "30 %"), ("critical", "10 %"), ("min_sends", "5")],
                "critical",
                "`critical` lies below `warn`",
            ),
            (vec![("min_sends", "many")], "min_sends", "`many` is no whole number"),
            (vec![("min_sends", "-1")], "min_sends", "invalid value: integer `-1`"),
            (vec![("warn", "25 %"), ("for", "soon")], "for", "`soon` is no duration"),
            (vec![("hits", "5 of 3")], "hits", "`5 of 3` says not how many minutes"),
            (vec![("no_data", "panic")], "no_data", "`panic` is not known here"),
            (vec![("last_sends", "100")], "last_sends", "`window` and `last_sends` exclude each other"),
            (vec![("warn", "2000 %"), ("critical", "")], "warn", "a rate over 100 %"),
            (vec![("warn", ""), ("critical", "")], "warn", "it can never fire"),
            (vec![("warn", "\"\nname = \"x")], "warn", "is no threshold"),
            (vec![("for", "10m\"\n[[rule]]")], "for", "is no duration"),
        ] {
            let mistake = edit(FILE, "soft", &changes).unwrap_err();
            assert_eq!(mistake.key.as_deref(), Some(key), "{mistake:?}");
            assert!(mistake.what.contains(what), "{mistake:?}");
            assert!(!mistake.what.contains("repute.toml"), "{mistake:?}");
        }
    }
}
