//! Bad records read again: what their kept bytes hold for today's parser.

use repute_lake::{BadRecord, KeptRecord, Resolution};

use crate::source::SourceObject;
use crate::verdict::{Place, Reject, Verdict};
use crate::{Limits, read_object};

/// What reading a bad record again gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecondReading {
    /// It can be read now, and became this many events; none if it is one of the records that are left out.
    Good {
        /// How many.
        events: u64,
    },
    /// It is still bad.
    Bad(Reject),
    /// The quarantine kept only its beginning.
    Cut,
}

/// Reads the kept bytes of a bad record again.
pub fn read_again(record: &BadRecord, limits: &Limits) -> SecondReading {
    if record.raw.len() >= limits.max_raw {
        return SecondReading::Cut;
    }
    // A wrapper may hold several records, of which this was one; the others have rows of their own.
    let mut part = 0;
    let (mut own, mut first) = (None, None);
    let mut events = 0;
    let read = read_object(record.raw.as_slice(), limits, &mut |place, _, verdict| {
        events += u64::from(matches!(verdict, Verdict::Event(_)));
        if let Verdict::Rejected(reject) = &verdict {
            first.get_or_insert_with(|| reject.clone());
        }
        if place == Place::START {
            if part == record.part {
                own = Some(match verdict {
                    Verdict::Event(_) | Verdict::Ignored(_) => None,
                    Verdict::Rejected(reject) => Some(reject),
                });
            }
            part += 1;
        }
    });
    match (read, own) {
        (Ok(_), Some(None)) => SecondReading::Good { events },
        (Ok(_), Some(Some(reject))) => SecondReading::Bad(reject),
        _ => SecondReading::Bad(first.unwrap_or_else(|| Reject::missing("mail"))),
    }
}

/// Reads what somebody has mended in place of a bad record: all of it must be good.
pub fn read_mended(mended: &[u8], limits: &Limits) -> SecondReading {
    let (mut events, mut records, mut bad) = (0, 0, None);
    let read = read_object(mended, limits, &mut |_, _, verdict| {
        records += 1;
        match verdict {
            Verdict::Event(_) => events += 1,
            Verdict::Ignored(_) => {}
            Verdict::Rejected(reject) => drop(bad.get_or_insert(reject)),
        }
    });
    match (read, bad) {
        (Ok(_), None) if records > 0 => SecondReading::Good { events },
        (_, bad) => SecondReading::Bad(bad.unwrap_or_else(|| Reject::missing("mail"))),
    }
}

/// The record as something to import: bytes that lie where it lay, so that what is still bad in them is not kept twice.
pub fn fragment(kept: &KeptRecord, bytes: &[u8]) -> SourceObject {
    let record = &kept.record;
    SourceObject::fragment(record.object.clone(), bytes, Place { offset: record.byte_offset, line: record.line })
}

/// What is written down once it is imported.
pub fn resolution(kept: KeptRecord, events: u64, is_mended: bool) -> Resolution {
    let how = if is_mended { "mended and imported" } else { "read again" };
    Resolution { record: kept.record, outcome: format!("{how}: {events} events") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use repute_lake::ObjectKey;

    fn bad(raw: &[u8], part: u64) -> BadRecord {
        let object = ObjectKey { name: "file:///a".into(), etag: "1".into() };
        let at = DateTime::UNIX_EPOCH;
        BadRecord {
            object,
            byte_offset: 9,
            line: 2,
            part,
            class: "x".into(),
            message: "y".into(),
            raw: raw.to_vec(),
            quarantined_at: at,
        }
    }

    #[test]
    fn each_part_of_a_wrapper_is_judged_for_itself() {
        let event = r#"{"eventType":"Send","mail":{"timestamp":"2026-10-05T12:00:00Z","messageId":"m","destination":["a@b.example"]},"send":{}}"#;
        let wrapper = format!(r#"[{event},{{"x":1}}]"#);
        let limits = Limits::default();
        assert_eq!(read_again(&bad(event.as_bytes(), 0), &limits), SecondReading::Good { events: 1 });
        assert!(matches!(read_again(&bad(br#"{"x":1}"#, 0), &limits), SecondReading::Bad(_)));
        assert!(matches!(read_again(&bad(b"", 0), &limits), SecondReading::Bad(_)));
        assert_eq!(read_again(&bad(&vec![b'x'; limits.max_raw], 0), &limits), SecondReading::Cut);
        assert!(matches!(read_mended(wrapper.as_bytes(), &limits), SecondReading::Bad(_)));
        assert_eq!(read_mended(event.as_bytes(), &limits), SecondReading::Good { events: 1 });
        assert!(matches!(read_mended(b"  ", &limits), SecondReading::Bad(_)));
    }
}
