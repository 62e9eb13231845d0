//! Fan-out: whose rows an event becomes.

use std::borrow::Cow;
use std::collections::HashSet;

use repute_lake::Recipient;

use super::{address, wire};
use crate::json::{self, Json, Raw, items};
use crate::{Reject, RejectClass};

/// The recipients of an event that acts on each of them; at least one.
///
/// Elements are addresses (`mail.destination`, `delivery.recipients`) or objects with `emailAddress`. An address that
/// stands twice, in whatever case, is one recipient.
pub(super) fn each<'a>(list: Raw<'a>, field: &str) -> Result<Vec<Recipient<'a>>, Reject> {
    let list = list.ok_or_else(|| Reject::missing(field))?;
    let list =
        items(list).filter(|_| list.get().starts_with('[')).ok_or_else(|| Reject::wrong_type(field, "a list"))?;
    let recipients = list.into_iter().map(|item| recipient(item, field)).collect::<Result<Vec<_>, _>>()?;
    if recipients.is_empty() {
        return Err(Reject::new(RejectClass::MissingField, format!("list `{field}` is empty")));
    }
    Ok(distinct(recipients))
}

/// The recipient of an event that does not say who acted: known only where the message went to one address.
pub(super) fn only<'a>(destination: Raw<'a>) -> Vec<Recipient<'a>> {
    match each(destination, "mail.destination") {
        Ok(recipients) if recipients.len() == 1 => recipients,
        _ => vec![Recipient::default()],
    }
}

fn recipient<'a>(item: Json<'a>, field: &str) -> Result<Recipient<'a>, Reject> {
    let wire::Recipient { email_address, status, diagnostic_code, .. } = match item.get().as_bytes().first() {
        Some(b'"') => wire::Recipient { email_address: Some(item), ..wire::Recipient::default() },
        Some(b'{') => json::parse(item)
            .map_err(|error| Reject::new(RejectClass::InvalidJson, format!("list `{field}` is no JSON: {error}")))?,
        _ => return Err(Reject::wrong_type(field, "a list of addresses")),
    };
    let address = json::non_empty(email_address).map(address::bare).filter(|address| !address.is_empty());
    let Some(address) = address else {
        return Err(Reject::new(RejectClass::MissingField, format!("list `{field}` holds no address at one place")));
    };
    let (status, diagnostic_code) = (json::non_empty(status), json::non_empty(diagnostic_code));
    Ok(Recipient { address: Some(address), event_id: 0, status, diagnostic_code })
}

fn distinct(mut recipients: Vec<Recipient<'_>>) -> Vec<Recipient<'_>> {
    if recipients.len() > 1 {
        let mut seen = HashSet::new();
        recipients.retain(|recipient| seen.insert(recipient.address.as_deref().map(|a| lower_case(a).into_owned())));
    }
    recipients
}

/// An address as identities compare it.
pub(super) fn lower_case(address: &str) -> Cow<'_, str> {
    let is_lower = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase();
    if address.bytes().all(is_lower) { Cow::Borrowed(address) } else { Cow::Owned(address.to_lowercase()) }
}

/// An MTA's name without the type that DSNs put in front, which SES spells `dns;` and `dsn;`.
pub(super) fn mta_name(name: Cow<'_, str>) -> Cow<'_, str> {
    let start = match name.split_once(';') {
        Some((kind, rest)) if ["dns", "dsn"].iter().any(|known| kind.trim().eq_ignore_ascii_case(known)) => {
            name.len() - rest.trim_start().len()
        }
        _ => return name,
    };
    match name {
        Cow::Borrowed(name) => Cow::Borrowed(name.get(start..).unwrap_or_default()),
        Cow::Owned(name) => Cow::Owned(name.get(start..).unwrap_or_default().to_owned()),
    }
}
