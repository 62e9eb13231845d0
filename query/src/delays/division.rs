//! Times of deliveries by window or by group, each scope of them apart: what a question puts together.
//!
//! ```text
//! deliveries ── window or group, scope ──> runs of times, two bytes each ── where times are often the same ──> with their numbers
//! ```

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::rows::{Group, Rows, Took, bytes};
use crate::windows::Windows;

/// With more times than this, how often each was is counted, not sorted.
const COUNTED: usize = 1 << 13;

/// Of what there are runs.
#[derive(Debug)]
pub(super) enum Parts {
    /// Windows, by their starts.
    Windows(Vec<i64>),
    Groups(Vec<Group>),
}

/// Runs in the order of their parts, then of their scopes.
#[derive(Debug)]
pub(super) struct Division {
    pub(super) parts: Parts,
    /// Values that questions may filter by.
    pub(super) scopes: Vec<Group>,
    pub(super) runs: Vec<Run>,
    short: Vec<u16>,
    long: Vec<i64>,
    /// By scope how many deliveries do not say how long they took.
    pub(super) unknown: Vec<u64>,
    /// First and last time of all of them, microseconds.
    pub(super) span: Option<(i64, i64)>,
}

/// The times of a scope in a window or group.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) part: u32,
    pub(super) scope: u32,
    /// How many times there are.
    pub(super) times: u64,
    short: (u32, u32),
    /// Whether each of the short ones is followed by how often it was.
    is_paired: bool,
    long: (u32, u32),
}

/// The times of a run.
pub(super) struct RunTimes<'d> {
    short: &'d [u16],
    is_paired: bool,
    pub(super) long: &'d [i64],
}

impl RunTimes<'_> {
    /// The short ones, each with how often it was.
    pub(super) fn short(&self, mut each: impl FnMut(u16, u32)) {
        if self.is_paired {
            self.short.as_chunks::<2>().0.iter().for_each(|[time, times]| each(*time, u32::from(*times)));
        } else {
            self.short.iter().for_each(|time| each(*time, 1));
        }
    }
}

impl Division {
    /// The deliveries from (inclusive) to (exclusive) a time, by windows.
    pub(super) fn by_windows(rows: &Rows, bounds: (i64, i64), windows: &Windows) -> Self {
        let (mut starts, mut known) = (Vec::new(), HashMap::<i64, u32, RandomState>::default());
        let scopes = rows.scopes.len() as u32;
        // Times come nearly in order, so most are of the window of the one before.
        let (mut window, mut first) = ((0, 0), 0);
        let number = |time: i64, place: u16| {
            if time < window.0 || window.1 <= time {
                window = windows.around(time);
                first = scopes
                    * *known.entry(window.0).or_insert_with(|| {
                        starts.push(window.0);
                        (starts.len() - 1) as u32
                    });
            }
            first + rows.values[usize::from(place)].0
        };
        let mut division = Self::of(rows, bounds, number, |number| (number / scopes, number % scopes));
        division.parts = Parts::Windows(starts);
        division
    }

    /// The deliveries from (inclusive) to (exclusive) a time, by groups.
    pub(super) fn by_groups(rows: &Rows, bounds: (i64, i64)) -> Self {
        let part_and_scope = |number: u32| {
            let (scope, group) = rows.values[number as usize];
            (group, scope)
        };
        let mut division = Self::of(rows, bounds, |_, place| u32::from(place), part_and_scope);
        division.parts = Parts::Groups(rows.groups.clone());
        division
    }

    /// `number` gives the number of a delivery's run, `part_and_scope` what the number stands for.
    fn of(
        rows: &Rows,
        (from, to): (i64, i64),
        mut number: impl FnMut(i64, u16) -> u32,
        part_and_scope: impl Fn(u32) -> (u32, u32),
    ) -> Self {
        let (mut short, mut long) = (Vec::new(), Vec::new());
        let mut ends: Vec<u32> = Vec::new();
        let mut unknown = vec![0; rows.scopes.len()];
        let mut span: Option<(i64, i64)> = None;
        for (time, took, place) in rows.iter().filter(|(time, ..)| from <= *time && *time < to) {
            span = Some(span.map_or((time, time), |(first, last)| (first.min(time), last.max(time))));
            match took {
                Took::Unknown => unknown[rows.values[usize::from(place)].0 as usize] += 1,
                Took::Long(took) => long.push((number(time, place), took)),
                Took::Short(took) => {
                    let number = number(time, place);
                    if ends.len() <= number as usize {
                        ends.resize(number as usize + 1, 0);
                    }
                    ends[number as usize] += 1;
                    short.push((number, took));
                }
            }
        }
        long.sort_unstable();
        let all = long.last().map_or(0, |(number, _)| *number as usize + 1).max(ends.len());
        ends.resize(all, 0);
        // How many of each run becomes where it begins, and, as they are put there, where it ends.
        let mut sum = 0;
        for end in &mut ends {
            sum += std::mem::replace(end, sum);
        }
        let mut placed = vec![0; short.len()];
        for (number, took) in short {
            let end = &mut ends[number as usize];
            placed[*end as usize] = took;
            *end += 1;
        }
        let (mut runs, mut rest, mut begin) = (Vec::new(), &long[..], 0);
        for (number, end) in (0..).zip(ends) {
            let longs = rest.partition_point(|(of, _)| *of <= number);
            let before = (long.len() - rest.len()) as u32;
            rest = &rest[longs..];
            let times = u64::from(end - begin) + longs as u64;
            if times > 0 {
                let (part, scope) = part_and_scope(number);
                let of_long = (before, before + longs as u32);
                runs.push(Run { part, scope, times, short: (begin, end), is_paired: false, long: of_long });
            }
            begin = end;
        }
        runs.sort_unstable_by_key(|run| (run.part, run.scope));
        Self {
            parts: Parts::Windows(Vec::new()),
            scopes: rows.scopes.clone(),
            runs,
            short: placed,
            long: long.into_iter().map(|(_, took)| took).collect(),
            unknown,
            span,
        }
    }

    /// The same in less room, and read sooner: times in order, with how often each was where that is less.
    pub(super) fn compact(mut self) -> Self {
        let mut short = Vec::new();
        let mut counts = Vec::new();
        for run in &mut self.runs {
            let times = &mut self.short[run.short.0 as usize..run.short.1 as usize];
            let begin = short.len();
            run.is_paired = compact(times, &mut counts, &mut short);
            run.short = (begin as u32, short.len() as u32);
        }
        short.shrink_to_fit();
        self.runs.shrink_to_fit();
        Self { short, ..self }
    }

    pub(super) fn times(&self, run: u32) -> RunTimes<'_> {
        let Some(run) = self.runs.get(run as usize) else {
            return RunTimes { short: &[], is_paired: false, long: &[] };
        };
        RunTimes {
            short: &self.short[run.short.0 as usize..run.short.1 as usize],
            is_paired: run.is_paired,
            long: &self.long[run.long.0 as usize..run.long.1 as usize],
        }
    }

    /// About so many bytes.
    pub(super) fn bytes(&self) -> usize {
        let parts = match &self.parts {
            Parts::Windows(starts) => starts.len() * size_of::<i64>(),
            Parts::Groups(groups) => bytes(groups),
        };
        let times = self.short.len() * size_of::<u16>() + self.long.len() * size_of::<i64>();
        parts + bytes(&self.scopes) + self.runs.len() * size_of::<Run>() + times
    }
}

/// Puts times down in order; says whether with how often each was.
fn compact(times: &mut [u16], counts: &mut Vec<u32>, out: &mut Vec<u16>) -> bool {
    let begin = out.len();
    let mut pair = |time: u16, mut times: u32| {
        while times > 0 {
            let told = times.min(u32::from(u16::MAX));
            out.extend([time, told as u16]);
            times -= told;
        }
    };
    if times.len() > COUNTED {
        counts.clear();
        counts.resize(1 << 16, 0);
        times.iter().for_each(|time| counts[usize::from(*time)] += 1);
        (0..=u16::MAX).zip(&*counts).for_each(|(time, times)| pair(time, *times));
    } else {
        times.sort_unstable();
        times.chunk_by(|a, b| a == b).for_each(|equal| pair(equal[0], equal.len() as u32));
    }
    if out.len() - begin < times.len() {
        return true;
    }
    if times.len() > COUNTED {
        times.sort_unstable();
    }
    out.truncate(begin);
    out.extend_from_slice(times);
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compacted(times: &[u16]) -> (bool, Vec<u16>) {
        let mut out = vec![7];
        let is_paired = compact(&mut times.to_vec(), &mut Vec::new(), &mut out);
        (is_paired, out[1..].to_vec())
    }

    #[test]
    fn equal_times_are_told_with_their_number() {
        assert_eq!(compacted(&[5, 3, 4]), (false, vec![3, 4, 5]));
        assert_eq!(compacted(&[5, 3, 5, 5, 5, 3]), (true, vec![3, 2, 5, 4]));
        assert_eq!(compacted(&[5, 3, 5, 3]), (false, vec![3, 3, 5, 5]), "no less room");
        // 70,000 times 9 are 65,535 and 4,465.
        assert_eq!(compacted(&[9; 70_000]), (true, vec![9, 65_535, 9, 4_465]));
        let all_apart: Vec<u16> = (0..20_000).rev().collect();
        assert_eq!(compacted(&all_apart), (false, (0..20_000).collect()));
    }
}
