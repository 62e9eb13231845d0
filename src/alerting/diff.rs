//! What differs between two versions of the configuration, as far as anybody may see it: only lines of rules and silences, since
//! others may hold secrets.

/// Lines that differ are looked for among so many at most; of more it is only said that they differ.
const MOST_LINES: usize = 2_000;

/// So many lines are told.
const MOST_TOLD: usize = 60;

/// What is told of a line that may hold a secret.
const HIDDEN: &str = "(a line outside of rules and silences)";

/// `line 4`, then its old lines with `-` and its new ones with `+`; for each place that differs.
pub(super) fn told(before: Option<&str>, now: &str) -> String {
    let Some(before) = before else { return String::new() };
    let (old, new) = (lines(before), lines(now));
    if old.len() > MOST_LINES || new.len() > MOST_LINES {
        return String::new();
    }
    let mut out = String::new();
    let mut count = 0;
    for hunk in hunks(&old, &new) {
        count += hunk.old.len() + hunk.new.len();
        if count > MOST_TOLD {
            out.push_str("and more\n");
            break;
        }
        out.push_str(&format!("line {}\n", hunk.at + 1));
        let told =
            |sign: char, line: &Line<'_>| format!("{sign} {}\n", if line.may_be_told { line.text } else { HIDDEN });
        out.extend(hunk.old.iter().map(|line| told('-', line)));
        out.extend(hunk.new.iter().map(|line| told('+', line)));
    }
    out
}

#[derive(Clone, Copy, PartialEq)]
struct Line<'t> {
    text: &'t str,
    may_be_told: bool,
}

fn lines(text: &str) -> Vec<Line<'_>> {
    let mut may_be_told = false;
    text.lines()
        .map(|text| {
            let header = text.trim_start();
            if header.starts_with('[') {
                may_be_told =
                    ["[[rule]]", "[[silence]]", "[rule.", "[silence."].iter().any(|known| header.starts_with(known));
            }
            Line { text, may_be_told }
        })
        .collect()
}

/// A place that differs: from which line of the old text on, its old and its new lines.
struct Hunk<'a, 't> {
    at: usize,
    old: &'a [Line<'t>],
    new: &'a [Line<'t>],
}

/// By the longest common subsequence of lines.
fn hunks<'a, 't>(old: &'a [Line<'t>], new: &'a [Line<'t>]) -> Vec<Hunk<'a, 't>> {
    let width = new.len() + 1;
    let mut longest = vec![0_u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            longest[i * width + j] = match old[i].text == new[j].text {
                true => longest[(i + 1) * width + j + 1] + 1,
                false => longest[(i + 1) * width + j].max(longest[i * width + j + 1]),
            };
        }
    }
    let (mut i, mut j, mut hunks) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        let (from, start) = (i, j);
        while i < old.len() || j < new.len() {
            let is_same = i < old.len() && j < new.len() && old[i].text == new[j].text;
            if is_same {
                break;
            }
            let takes_old =
                j == new.len() || (i < old.len() && longest[(i + 1) * width + j] >= longest[i * width + j + 1]);
            if takes_old { i += 1 } else { j += 1 }
        }
        if from < i || start < j {
            hunks.push(Hunk { at: from, old: &old[from..i], new: &new[start..j] });
        }
        while i < old.len() && j < new.len() && old[i].text == new[j].text {
            (i, j) = (i + 1, j + 1);
        }
    }
    hunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_rules_are_told_and_others_are_not() {
        let before = "lake = \"a\"\n[[rule]]\nname = \"a\"\nwarn = 1\n[[notify]]\nurl = \"https://secret\"\n";
        let now = "lake = \"b\"\n[[rule]]\nname = \"a\"\nwarn = 2\nfor = \"5m\"\n[[notify]]\nurl = \"https://other\"\n";
        assert_eq!(
            told(Some(before), now),
            format!(
                "line 1\n- {HIDDEN}\n+ {HIDDEN}\nline 4\n- warn = 1\n+ warn = 2\n+ for = \"5m\"\nline 6\n- {HIDDEN}\n+ {HIDDEN}\n"
            )
        );
        assert_eq!(told(Some(before), before), "");
        assert_eq!(told(None, before), "");
        assert_eq!(told(Some(""), "[[rule]]\n"), "line 1\n+ [[rule]]\n");
        assert_eq!(told(Some("[[rule]]\na\nb\nc\n"), "[[rule]]\nb\n"), "line 2\n- a\nline 4\n- c\n");
    }
}
