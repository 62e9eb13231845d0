//! Progress on standard error: a bar on a terminal, a plain line now and then otherwise.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use repute_query::thousands;

use crate::output::bytes;

/// How often the bar moves, and how often a line is written.
const TICK: Duration = Duration::from_millis(100);
const LINE_EVERY: Duration = Duration::from_secs(2);

/// What is known about the work at a moment.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Moment {
    /// Bytes done, of [`Work::bytes`].
    pub(crate) bytes: u64,
    /// Objects done, of [`Work::objects`].
    pub(crate) objects: u64,
    /// Records or events done.
    pub(crate) events: u64,
    /// What is to be done as far as is known, where that grows.
    pub(crate) listed: Option<Listed>,
}

/// What was listed so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listed {
    pub(crate) bytes: u64,
    pub(crate) objects: u64,
    /// Whether there is no more.
    pub(crate) is_all: bool,
}

/// How much there is to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    pub(crate) bytes: u64,
    /// None if they do not matter.
    pub(crate) objects: u64,
    /// What objects and events are called.
    pub(crate) nouns: [&'static str; 2],
    /// Whether there may not be more than that.
    pub(crate) is_all: bool,
}

impl Work {
    /// Objects full of events.
    pub(crate) fn of_events(bytes: u64, objects: u64) -> Self {
        Self { bytes, objects, nouns: ["objects", "events"], is_all: true }
    }
}

impl Work {
    /// What is known of it at a moment.
    fn at(self, moment: Moment) -> Self {
        match moment.listed {
            Some(listed) => Self { bytes: listed.bytes, objects: listed.objects, is_all: listed.is_all, ..self },
            None => self,
        }
    }
}

/// Shows progress until it is dropped.
pub(crate) struct Progress {
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// Shows what `look` sees, unless `quiet`.
    pub(crate) fn start(work: Work, quiet: bool, look: impl Fn() -> Moment + Send + 'static) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let thread = (!quiet).then(|| {
            let done = Arc::clone(&done);
            std::thread::spawn(move || {
                if io::stderr().is_terminal() { bar(work, &done, look) } else { lines(work, &done, look) }
            })
        });
        Self { done, thread }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

fn bar(work: Work, done: &AtomicBool, look: impl Fn() -> Moment) {
    let bar = ProgressBar::new(work.bytes);
    // How far it has come is not known before everything is listed.
    let style = |template| ProgressStyle::with_template(template).map(|style| style.progress_chars("━╸─")).ok();
    let [some, all] = ["{spinner} {msg}", "{bar:30} {percent:>3} %  {msg}  {eta} left"].map(style);
    let mut knew_all = None;
    let start = Instant::now();
    while !done.load(Ordering::Relaxed) {
        let moment = look();
        let work = work.at(moment);
        if knew_all != Some(work.is_all) {
            knew_all = Some(work.is_all);
            let style = if work.is_all { &all } else { &some };
            style.iter().for_each(|style| bar.set_style(style.clone()));
        }
        bar.set_length(work.bytes);
        bar.set_position(moment.bytes);
        bar.set_message(words(work, moment, start.elapsed()));
        std::thread::park_timeout(TICK);
    }
    bar.finish_and_clear();
}

fn lines(work: Work, done: &AtomicBool, look: impl Fn() -> Moment) {
    let start = Instant::now();
    let mut next = LINE_EVERY;
    while !done.load(Ordering::Relaxed) {
        std::thread::park_timeout(TICK);
        if start.elapsed() < next {
            continue;
        }
        next += LINE_EVERY;
        let moment = look();
        let work = work.at(moment);
        let left = time_left(work, moment, start.elapsed());
        let _ = writeln!(io::stderr(), "{}{left}", words(work, moment, start.elapsed()));
    }
}

fn words(work: Work, moment: Moment, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64().max(0.001);
    let per_second = |count: u64| (count as f64 / seconds) as u64;
    let [objects, events] = work.nouns;
    let done = match work.objects {
        0 => String::new(),
        all if work.is_all => format!("{} of {} {objects}, ", thousands(moment.objects), thousands(all)),
        _ => format!("{} {objects}, more are being listed, ", thousands(moment.objects)),
    };
    format!("{done}{} {events}/s, {}/s", thousands(per_second(moment.events)), bytes(per_second(moment.bytes)))
}

fn time_left(work: Work, moment: Moment, elapsed: Duration) -> String {
    if moment.bytes == 0 || work.bytes == 0 || !work.is_all {
        return String::new();
    }
    let rest = work.bytes.saturating_sub(moment.bytes) as f64 / moment.bytes as f64;
    let left = Duration::from_secs((elapsed.as_secs_f64() * rest) as u64);
    format!(", {} left", humantime::format_duration(left))
}
