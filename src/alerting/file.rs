//! The file with the rules: looked at, tried with changes, written as a whole or not at all.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use repute_query::Rule;
use repute_web::alerting::{Refusal, RuleBook, RuleChanges, TriedRule, WrittenRule};
use xxhash_rust::xxh3::xxh3_128;

use super::diff;
use crate::config::{self, Config, EditMistake, Edited};
use crate::exit::{Failure, remedy, told};

/// So many versions of the file are remembered, to say what has changed since a page was made.
const REMEMBERED: usize = 8;

/// The file, if there is one, and what is known of it.
pub(super) struct RuleFile {
    path: Option<PathBuf>,
    last_sends: u64,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Its latest versions, the last one last.
    versions: VecDeque<String>,
    trouble: Option<String>,
}

/// What a failure to read the file says.
pub(super) fn words(failure: Failure) -> String {
    match failure {
        Failure::Usage(what) | Failure::CheckUnknown(what) => what,
        Failure::Failed(error) | Failure::Unknown(error) => told(&error),
    }
}

fn version(text: &str) -> String {
    format!("{:032x}", xxh3_128(text.as_bytes()))
}

impl RuleFile {
    /// `text` is what the rules in force were read from.
    pub(super) fn new(path: Option<PathBuf>, last_sends: u64, text: Option<&str>) -> Self {
        let known = Known { versions: text.map(str::to_owned).into_iter().collect(), trouble: None };
        Self { path, last_sends, known: Mutex::new(known) }
    }

    pub(super) fn last_sends(&self) -> u64 {
        self.last_sends
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the rules in force are not those of the file, if they are not.
    pub(super) fn trouble(&self) -> Option<String> {
        self.known().trouble.clone()
    }

    /// The text as it is now; nothing where there is no file.
    fn text(&self) -> Result<String, String> {
        let Some(path) = &self.path else { return Ok(String::new()) };
        fs::read_to_string(path).map_err(|error| format!("cannot read the configuration `{}`: {error}", path.display()))
    }

    fn shown_path(&self) -> &Path {
        self.path.as_deref().unwrap_or(Path::new("repute.toml"))
    }

    fn parsed(&self, text: &str) -> Result<Config, String> {
        Config::parse(text, self.shown_path()).map_err(words)
    }

    /// The configuration as the file has it now.
    pub(super) fn config(&self) -> Result<Config, Refusal> {
        let config = self.text().and_then(|text| self.parsed(&text));
        config.map_err(|what| Refusal::Mistake(None, what))
    }

    fn book(&self, config: &Config) -> Result<RuleBook, String> {
        let (rules, silences) = config.alerts(self.last_sends).map_err(words)?;
        Ok(RuleBook { rules, silences })
    }

    /// Rules and silences of the file, if it is another one than before. One with a mistake is not put in force.
    pub(super) fn look(&self) -> Option<RuleBook> {
        self.path.as_ref()?;
        let text = self.text();
        let mut known = self.known();
        if text.as_ref().is_ok_and(|text| known.versions.back() == Some(text)) {
            known.trouble = None;
            return None;
        }
        match text.and_then(|text| Ok((self.book(&self.parsed(&text)?)?, text))) {
            Ok((book, text)) => {
                known.trouble = None;
                remember(&mut known, text);
                Some(book)
            }
            Err(what) => {
                known.trouble = Some(format!("{what}. The rules in force are those that were read before."));
                None
            }
        }
    }

    /// A rule in force as it is written.
    pub(super) fn written(&self, rule: &Rule) -> WrittenRule {
        let text = self.text();
        let obstacle = text.as_ref().err().cloned().or_else(|| self.obstacle());
        let text = text.unwrap_or_default();
        let (values, is_in_file) = config::values(&text, rule);
        let version = version(&text);
        // What was shown is what a change is held against.
        if self.path.is_some() && self.parsed(&text).is_ok() {
            remember(&mut self.known(), text);
        }
        let place = self.path.as_ref().map(|path| path.display().to_string());
        WrittenRule { values, is_in_file, place, version, obstacle }
    }

    /// Why the file cannot be replaced, as far as that shows before.
    fn obstacle(&self) -> Option<String> {
        let Some(path) = &self.path else {
            return Some("the server was started without a configuration file; start it with --config FILE".to_owned());
        };
        let of_file = OpenOptions::new().append(true).open(path).map(|_| path.clone()).map_err(|error| (path, error));
        match of_file {
            Ok(_) => None,
            Err((path, error)) => Some(format!("`{}` cannot be written by the server: {error}", path.display())),
        }
    }

    fn edited(&self, text: &str, rule: &Rule, changes: &RuleChanges) -> Result<Edited, Refusal> {
        let mistake = |EditMistake { key, what }| Refusal::Mistake(key, what);
        config::changed(text, self.shown_path(), rule, self.last_sends, changes).map_err(mistake)
    }

    /// The rule with changes.
    pub(super) fn tried(&self, rule: &Rule, changes: &RuleChanges) -> Result<TriedRule, Refusal> {
        let text = self.text().map_err(|what| Refusal::Mistake(None, what))?;
        let Edited { rule: tried, toml, .. } = self.edited(&text, rule, changes)?;
        Ok(TriedRule { rule: tried, toml })
    }

    /// Writes the rule with changes, if the file is still of this version.
    pub(super) fn save(&self, rule: &Rule, changes: &RuleChanges, of: &str) -> Result<RuleBook, Refusal> {
        let Some(path) = &self.path else {
            return Err(Refusal::Unwritable(self.obstacle().unwrap_or_default()));
        };
        // One at a time: of two who save at once, the second finds another version.
        let mut known = self.known();
        let text = self.text().map_err(Refusal::Unwritable)?;
        if version(&text) != of {
            let before = known.versions.iter().find(|known| version(known) == of);
            return Err(Refusal::Changed(diff::told(before.map(String::as_str), &text)));
        }
        let edited = self.edited(&text, rule, changes)?;
        if edited.text == text {
            return Err(Refusal::Mistake(None, "nothing is changed".to_owned()));
        }
        let config = self.parsed(&edited.text).map_err(|what| Refusal::Mistake(None, what))?;
        let book = self.book(&config).map_err(|what| Refusal::Mistake(None, what))?;
        replace(path, &text, &edited.text)?;
        remember(&mut known, edited.text);
        known.trouble = None;
        Ok(book)
    }
}

fn remember(known: &mut Known, text: String) {
    if known.versions.back() != Some(&text) {
        known.versions.push_back(text);
    }
    while known.versions.len() > REMEMBERED {
        known.versions.pop_front();
    }
}

/// Puts a new text in the place of a file, with its owner's rights, as a whole or not at all.
fn replace(path: &Path, before: &str, text: &str) -> Result<(), Refusal> {
    let failed = |error: io::Error| {
        let remedy = remedy(&error).map_or_else(String::new, |remedy| format!("; {remedy}"));
        Refusal::Unwritable(format!("`{}` is left as it was: {error}{remedy}", path.display()))
    };
    // The file itself, where the name is a link to it.
    let target = fs::canonicalize(path).map_err(failed)?;
    let folder = target.parent().unwrap_or(Path::new("/"));
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let staged = folder.join(format!(".{name}.{}.new", std::process::id()));
    let write = || {
        let rights = fs::metadata(&target)?;
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&staged)?;
        file.set_permissions(rights.permissions())?;
        keep_owner(&staged, &rights);
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        // Whoever saved it meanwhile is not written over.
        if fs::read_to_string(&target)? != before {
            return Ok(false);
        }
        fs::rename(&staged, &target)?;
        File::open(folder)?.sync_all()?;
        Ok(true)
    };
    let written = write();
    if !matches!(written, Ok(true)) {
        let _ = fs::remove_file(&staged);
    }
    match written {
        Ok(true) => Ok(()),
        Ok(false) => {
            let now = fs::read_to_string(&target).unwrap_or_default();
            Err(Refusal::Changed(diff::told(Some(before), &now)))
        }
        Err(error) => Err(failed(error)),
    }
}

/// The owner stays, as far as this process may give files away.
fn keep_owner(staged: &Path, rights: &fs::Metadata) {
    use std::os::unix::fs::{MetadataExt, chown};
    let _ = chown(staged, Some(rights.uid()), Some(rights.gid()));
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    const TEXT: &str = "[[rule]]\nname = \"a\"\nmetric = \"sends\"\nwarn = 5   # few\n";

    struct Place(tempfile::TempDir);

    impl Place {
        fn new(text: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join("repute.toml"), text).unwrap();
            Self(folder)
        }

        fn path(&self) -> PathBuf {
            self.0.path().join("repute.toml")
        }

        fn text(&self) -> String {
            fs::read_to_string(self.path()).unwrap()
        }

        fn file(&self) -> RuleFile {
            RuleFile::new(Some(self.path()), 10_000, Some(TEXT))
        }
    }

    fn rule(file: &RuleFile, name: &str) -> Rule {
        let (rules, _) = file.config().unwrap().alerts(10_000).unwrap();
        rules.into_iter().find(|rule| rule.name == name).unwrap()
    }

    fn warn(value: &str) -> RuleChanges {
        vec![("warn".to_owned(), value.to_owned())]
    }

    #[test]
    fn a_saved_rule_is_in_force_and_the_rest_stays() {
        let place = Place::new(TEXT);
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o640)).unwrap();
        let file = place.file();
        let of = file.written(&rule(&file, "a"));
        assert_eq!((of.is_in_file, of.obstacle.as_deref(), &of.values[0]), (true, None, &("warn", "5".to_owned())));
        let book = file.save(&rule(&file, "a"), &warn("7"), &of.version).unwrap();
        assert!(book.rules.iter().any(|rule| rule.warn == Some(7.0)));
        assert_eq!(place.text(), TEXT.replace("warn = 5 ", "warn = 7 "));
        assert_eq!(fs::metadata(place.path()).unwrap().mode() & 0o777, 0o640);
        assert!(file.look().is_none(), "it is known already");
        assert_eq!(fs::read_dir(place.0.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn of_two_who_save_the_second_is_refused() {
        let place = Place::new(TEXT);
        let file = place.file();
        let of = file.written(&rule(&file, "a"));
        file.save(&rule(&file, "a"), &warn("7"), &of.version).unwrap();
        match file.save(&rule(&file, "a"), &warn("8"), &of.version) {
            Err(Refusal::Changed(lines)) => assert_eq!(lines, "line 4\n- warn = 5   # few\n+ warn = 7   # few\n"),
            other => panic!("{other:?}"),
        }
        assert_eq!(place.text(), TEXT.replace("warn = 5 ", "warn = 7 "));
    }

    #[test]
    fn what_an_editor_changed_is_seen_and_a_mistake_keeps_the_rules() {
        let place = Place::new(TEXT);
        let file = place.file();
        assert!(file.look().is_none());
        fs::write(place.path(), TEXT.replace('5', "6")).unwrap();
        let book = file.look().unwrap();
        assert!(book.rules.iter().any(|rule| rule.warn == Some(6.0)));
        fs::write(place.path(), "warn = \n").unwrap();
        assert!(file.look().is_none());
        let trouble = file.trouble().unwrap();
        assert!(trouble.contains("repute.toml:1: ") && trouble.ends_with("read before."), "{trouble}");
        fs::write(place.path(), TEXT).unwrap();
        assert!(file.look().is_some() && file.trouble().is_none());
    }

    #[test]
    fn a_link_stays_one() {
        let place = Place::new(TEXT);
        let link = place.0.path().join("link.toml");
        symlink(place.path(), &link).unwrap();
        let file = RuleFile::new(Some(link.clone()), 10_000, Some(TEXT));
        let of = file.written(&rule(&file, "a"));
        file.save(&rule(&file, "a"), &warn("9"), &of.version).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(place.text().contains("warn = 9"));
    }

    #[test]
    fn without_a_file_nothing_is_saved() {
        let file = RuleFile::new(None, 10_000, None);
        let default = rule(&file, "aws_bounce_rate");
        let of = file.written(&default);
        assert!(of.obstacle.unwrap().contains("without a configuration file"));
        assert!(!of.is_in_file && of.place.is_none());
        let tried = file.tried(&default, &warn("1 %")).unwrap();
        assert!(tried.toml.starts_with("[[rule]]\nname = \"aws_bounce_rate\"\n"), "{}", tried.toml);
        assert!(matches!(file.save(&default, &warn("1 %"), &of.version), Err(Refusal::Unwritable(_))));
    }

    #[test]
    fn a_folder_that_may_not_be_written_is_named() {
        let place = Place::new(TEXT);
        let file = place.file();
        let of = file.written(&rule(&file, "a"));
        // A name that is too long for the staged file stands for a folder without rights: root may write anywhere.
        let long = place.0.path().join(format!("{}.toml", "x".repeat(245)));
        fs::write(&long, TEXT).unwrap();
        let file = RuleFile::new(Some(long.clone()), 10_000, Some(TEXT));
        match file.save(&rule(&file, "a"), &warn("7"), &of.version) {
            Err(Refusal::Unwritable(what)) => assert!(what.contains("is left as it was"), "{what}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(fs::read_to_string(&long).unwrap(), TEXT);
    }
}
