//! What a SES message id says.

use chrono::{DateTime, Utc};

/// When the message was accepted, as its id has it; `None` for an id of another form.
///
/// SES's ids are sixteen hexadecimal digits, a UUID and a number, as in
/// `010f019a9974b389-60efe038-5f6e-4f1e-9d26-7a3f40ee2e26-000000`. The digits 5 to 16 are milliseconds since 1970, which AWS does
/// not document: in 105 captured payloads with an unedited id that time lay within a minute of `mail.timestamp`.
pub fn sent_time(id: &str) -> Option<DateTime<Utc>> {
    /// Places of the dashes in the whole id.
    const DASHES: [usize; 6] = [16, 25, 30, 35, 40, 53];
    let is_dash = |place| DASHES.contains(&place);
    let is_right = |(place, byte): (usize, u8)| if is_dash(place) { byte == b'-' } else { byte.is_ascii_hexdigit() };
    if id.len() <= DASHES[5] + 1 || !id.bytes().enumerate().all(is_right) {
        return None;
    }
    DateTime::from_timestamp_millis(i64::from_str_radix(id.get(4..16)?, 16).ok()?)
}

/// The id out of a text that may have it as a header does: in angle brackets and with a domain of SES's.
pub fn bare_message_id(text: &str) -> &str {
    let text = text.trim().trim_start_matches('<').trim_end_matches('>');
    match text.split_once('@') {
        Some((id, domain)) if domain.ends_with("amazonses.com") => id,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(id: &str) -> Option<String> {
        sent_time(id).map(|time| time.to_rfc3339())
    }

    /// The first two are of captured payloads, whose `mail.timestamp` was the same to the millisecond.
    #[test]
    fn an_id_says_when_the_message_was_sent() {
        let ids = [
            "0101015d1457bd85-2ff839b3-c119-4311-b90c-5ce39eff3026-000000",
            "0100018e77d94dc5-c421e265-f034-4575-9ecc-3ca34038e91f-000000",
            "0000000000000001-00000000-0000-0000-0000-000000000000-000000",
        ];
        let times = ["2017-07-05T20:01:20.773+00:00", "2024-03-25T23:01:53.733+00:00", "1970-01-01T00:00:00.001+00:00"];
        assert_eq!(ids.map(sent), times.map(|time| Some(time.to_owned())));
    }

    #[test]
    fn another_form_says_nothing() {
        for id in [
            "",
            "0101015d1457bd85",
            "EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000",
            "0101015d1457bd85-2ff839b3-c119-4311-b90c-5ce39eff3026-",
            "0101015d1457bd85-2ff839b3-c119-4311-b90c-5ce39eff3026",
            "+101015d1457bd85-2ff839b3-c119-4311-b90c-5ce39eff3026-000000",
            "0101015d1457bd8é-2ff839b3-c119-4311-b90c-5ce39eff302-000000",
        ] {
            assert_eq!(sent(id), None, "{id}");
        }
    }
}
