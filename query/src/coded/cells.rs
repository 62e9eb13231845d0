//! The tally's cell of each row: from its type, and what else tells bounces, complaints and recipients apart.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use repute_lake::schema::column;
use repute_lake::{Coding, EventType};

use super::columns::{Columns, numbers};
use super::span::Kept;
use crate::counting::CountingRules;
use crate::error::QueryError;
use crate::functions::Shape;
use crate::tally::{CELLS, Kind, RecipientClass};

/// Stands for a row that is not counted.
pub(super) const SKIPPED: u8 = u8::MAX;

/// Stand for rows of which the type alone does not say the kind.
const BOUNCE: u8 = u8::MAX - 1;
const COMPLAINT: u8 = u8::MAX - 2;

const _: () = assert!(CELLS < COMPLAINT as usize, "cells fit beside what stands for others");

/// The columns that tell them apart, beside the type.
pub(super) fn columns(types: &[EventType], rules: &CountingRules) -> Vec<(String, Coding)> {
    let mut names = vec![column::RECIPIENT_DOMAIN];
    if is_wanted(types, EventType::Bounce) {
        names.extend([column::BOUNCE_TYPE, column::BOUNCE_SUBTYPE]);
    }
    if is_wanted(types, EventType::Complaint) {
        names.extend([column::COMPLAINT_FEEDBACK_TYPE, column::COMPLAINT_SUBTYPE]);
    }
    if rules.looks_at_addresses() {
        names.push(column::RECIPIENT);
    }
    names.into_iter().map(|name| (name.to_owned(), Coding::Text)).collect()
}

fn is_wanted(types: &[EventType], of: EventType) -> bool {
    types.is_empty() || types.contains(&of)
}

/// The cell of each row, [`SKIPPED`] for those that are not kept, not of these types, or of none that is known; nothing where all
/// are.
pub(super) fn of_rows(
    columns: &Columns<'_>,
    types: &[EventType],
    rules: &CountingRules,
    kept: &Kept,
) -> Result<Option<Vec<u8>>, QueryError> {
    let events = columns.texts(column::EVENT_TYPE)?;
    let of_texts: Vec<u8> = events.texts().map(|text| of_type(text, types)).collect();
    if of_texts.iter().all(|of| *of == SKIPPED) {
        return Ok(None);
    }
    let mut kinds = events.translate(SKIPPED, &of_texts)?;
    for (kind, kept) in kinds.iter_mut().zip(kept.0.iter().flatten()) {
        *kind = if *kept { *kind } else { SKIPPED };
    }
    let bounce = |[bounce_type, subtype]: [Option<&str>; 2]| Kind::of("Bounce", bounce_type, subtype, None, None);
    divide(columns, &mut kinds, BOUNCE, [column::BOUNCE_TYPE, column::BOUNCE_SUBTYPE], bounce)?;
    let complaint = |[feedback, subtype]: [Option<&str>; 2]| Kind::of("Complaint", None, None, feedback, subtype);
    divide(columns, &mut kinds, COMPLAINT, [column::COMPLAINT_FEEDBACK_TYPE, column::COMPLAINT_SUBTYPE], complaint)?;
    if kinds.iter().all(|kind| *kind == SKIPPED) {
        return Ok(None);
    }
    let mut cells = classes(columns, rules)?;
    for (cell, kind) in cells.iter_mut().zip(kinds) {
        // A kind's cells follow each other, one for each class.
        *cell = if kind == SKIPPED { SKIPPED } else { kind.wrapping_mul(RecipientClass::ALL.len() as u8) + *cell };
    }
    Ok(Some(cells))
}

fn of_type(text: &str, types: &[EventType]) -> u8 {
    match Shape::of(Some(text)) {
        Shape::Is(kind) if is_wanted(types, kind.event_type()) => kind as u8,
        Shape::Divided if text == EventType::Bounce.as_str() && is_wanted(types, EventType::Bounce) => BOUNCE,
        Shape::Divided if text == EventType::Complaint.as_str() && is_wanted(types, EventType::Complaint) => COMPLAINT,
        Shape::Is(_) | Shape::Divided | Shape::Unknown => SKIPPED,
    }
}

/// Puts the kind in the place of what stands for rows of a type that two columns divide.
fn divide(
    columns: &Columns<'_>,
    kinds: &mut [u8],
    stands_for: u8,
    names: [&'static str; 2],
    kind: impl Fn([Option<&str>; 2]) -> Option<Kind>,
) -> Result<(), QueryError> {
    if !kinds.contains(&stands_for) {
        return Ok(());
    }
    let texts = [columns.texts(names[0])?, columns.texts(names[1])?];
    let [first, second] = [numbers(texts[0])?, numbers(texts[1])?];
    let text = |index: usize, number: u32| number.checked_sub(1).and_then(|at| texts[index].text(at as usize));
    let mut known: HashMap<[u32; 2], u8, RandomState> = HashMap::default();
    for (row, of_row) in kinds.iter_mut().enumerate().filter(|(_, kind)| **kind == stands_for) {
        let numbers = [first[row], second[row]];
        let made = || kind([text(0, numbers[0]), text(1, numbers[1])]).map_or(SKIPPED, |kind| kind as u8);
        *of_row = *known.entry(numbers).or_insert_with(made);
    }
    Ok(())
}

/// The class of each row's recipient, by its number.
fn classes(columns: &Columns<'_>, rules: &CountingRules) -> Result<Vec<u8>, QueryError> {
    let domains = columns.texts(column::RECIPIENT_DOMAIN)?;
    let class = |domain| rules.class(domain, None) as u8;
    let of_texts: Vec<u8> = domains.texts().map(|domain| class(Some(domain))).collect();
    let mut classes = domains.translate(class(None), &of_texts)?;
    if rules.looks_at_addresses() {
        let addresses = columns.texts(column::RECIPIENT)?;
        let is_verified: Vec<bool> = addresses.texts().map(|address| rules.is_verified_address(address)).collect();
        for (class, is_verified) in classes.iter_mut().zip(addresses.translate(false, &is_verified)?) {
            if is_verified && *class != RecipientClass::Simulator as u8 {
                *class = RecipientClass::Verified as u8;
            }
        }
    }
    Ok(classes)
}
