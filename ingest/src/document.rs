//! The one pass over a record: every key that SES or one of its wrappers uses at the top of an object.
//!
//! What a record is shows only when all its keys are known, because their order is arbitrary. So one shape takes the fields of
//! bare events and of all wrappers; `envelope` then decides which it is.

use std::borrow::Cow;

use serde_json::error::Category;

use crate::compact::{self, Compact, Cursor};
use crate::frame::scan;
use crate::json::{Json, Object, Raw};
use crate::ses::wire::{
    Bounce, Click, Complaint, Delivery, DeliveryDelay, Failure, Mail, Open, Reject as RejectEvent, Send, Subscription,
};
use crate::{Limits, Reject, RejectClass};

/// Declares a wire shape: a struct of the named fields that also keeps what it does not name, read by serde or, where the JSON is
/// compact, in place. Fields stand in the order in which SES writes them.
macro_rules! wire {
    ($(#[$meta:meta])* $name:ident { $($key:literal => $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Default)]
        pub(crate) struct $name<'a> {
            $(
                #[doc = concat!("`", $key, "`")]
                #[allow(dead_code, reason = "some fields are only passed over")]
                pub(crate) $field: $type,
            )*
            /// Fields that have no name here.
            pub(crate) unknown: Vec<(std::borrow::Cow<'a, str>, $crate::json::Json<'a>)>,
            /// A named field that stands twice.
            pub(crate) duplicate: Option<&'static str>,
        }

        impl<'a> serde::Deserialize<'a> for $name<'a> {
            fn deserialize<D: serde::Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
                #[allow(non_camel_case_types, dead_code, reason = "one number per field, named as the field")]
                enum Number { $($field,)* }
                struct WireVisitor;

                impl<'a> serde::de::Visitor<'a> for WireVisitor {
                    type Value = $name<'a>;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: serde::de::MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                        #[allow(unused_mut, unused_variables, reason = "an object may have no named fields")]
                        let mut seen = 0_u64;
                        let mut out = $name::default();
                        while let Some($crate::json::Key(key)) = map.next_key()? {
                            #[allow(clippy::match_single_binding, reason = "an object may have no named fields")]
                            match &*key {
                                $($key => {
                                    let bit = 1 << Number::$field as u64;
                                    if seen & bit != 0 && !<$type as $crate::compact::Compact<'a>>::REPEATABLE {
                                        out.duplicate = Some($key);
                                    }
                                    seen |= bit;
                                    out.$field = map.next_value()?;
                                })*
                                _ => out.unknown.push((key, map.next_value()?)),
                            }
                        }
                        Ok(out)
                    }
                }

                deserializer.deserialize_map(WireVisitor)
            }
        }

        impl<'a> $crate::compact::Compact<'a> for $name<'a> {
            fn read(&mut self, cursor: &mut $crate::compact::Cursor<'a>) -> Option<()> {
                #[allow(non_camel_case_types, dead_code, reason = "one number per field, named as the field")]
                enum Number { $($field,)* }
                if !cursor.enter()? {
                    return Some(());
                }
                #[allow(unused_mut, unused_variables, reason = "an object may have no named fields")]
                let mut seen = 0_u64;
                loop {
                    let start = cursor.position();
                    $(
                        if cursor.eat_text(concat!("\"", $key, "\":")).is_some() {
                            let bit = 1 << Number::$field as u64;
                            if seen & bit != 0 && !<$type as $crate::compact::Compact<'a>>::REPEATABLE {
                                return None;
                            }
                            seen |= bit;
                            <$type as $crate::compact::Compact<'a>>::read(&mut self.$field, cursor)?;
                            if !cursor.goes_on()? {
                                return Some(());
                            }
                        }
                    )*
                    if cursor.position() == start {
                        let name = cursor.key()?;
                        if self.unknown.len() == $crate::compact::MOST_UNKNOWN {
                            return None;
                        }
                        self.unknown.push((std::borrow::Cow::Borrowed(name), cursor.value()?));
                        if !cursor.goes_on()? {
                            return Some(());
                        }
                    }
                }
            }
        }
    };
}
pub(crate) use wire;

wire! {
    /// The top of a record.
    Fields {
        "eventType" => event_type: Raw<'a>,
        "notificationType" => notification_type: Raw<'a>,
        "mail" => mail: Object<Mail<'a>>,
        "bounce" => bounce: Object<Bounce<'a>>,
        "complaint" => complaint: Object<Complaint<'a>>,
        "delivery" => delivery: Object<Delivery<'a>>,
        "send" => send: Object<Send<'a>>,
        "reject" => reject: Object<RejectEvent<'a>>,
        "open" => open: Object<Open<'a>>,
        "click" => click: Object<Click<'a>>,
        "failure" => failure: Object<Failure<'a>>,
        "deliveryDelay" => delivery_delay: Object<DeliveryDelay<'a>>,
        "subscription" => subscription: Object<Subscription<'a>>,
        "event_type" => pinpoint_event_type: Raw<'a>,
        "Type" => sns_type: Raw<'a>,
        "Message" => sns_message: Raw<'a>,
        "Sns" => lambda_sns: Raw<'a>,
        "Records" => lambda_records: Raw<'a>,
        "body" => lambda_body: Raw<'a>,
        "Body" => sqs_body: Raw<'a>,
        "kinesis" => kinesis: Raw<'a>,
        "ses" => lambda_ses: Raw<'a>,
        "source" => source: Raw<'a>,
        "detail" => detail: Raw<'a>,
        "detail-type" => detail_type: Raw<'a>,
        "rawData" => raw_data: Raw<'a>,
        "records" => firehose_records: Raw<'a>,
        "data" => data: Raw<'a>,
        "awslogs" => aws_logs: Raw<'a>,
        "messageType" => message_type: Raw<'a>,
        "logEvents" => log_events: Raw<'a>,
    }
}

impl<'a> Fields<'a> {
    /// The wrappers' fields, which on a bare event are as unknown as any other.
    pub(crate) fn wrapper_fields(&self) -> impl Iterator<Item = (Cow<'a, str>, Json<'a>)> + use<'a> {
        [
            ("event_type", self.pinpoint_event_type),
            ("Type", self.sns_type),
            ("Message", self.sns_message),
            ("Sns", self.lambda_sns),
            ("Records", self.lambda_records),
            ("body", self.lambda_body),
            ("Body", self.sqs_body),
            ("kinesis", self.kinesis),
            ("ses", self.lambda_ses),
            ("source", self.source),
            ("detail", self.detail),
            ("detail-type", self.detail_type),
            ("rawData", self.raw_data),
            ("records", self.firehose_records),
            ("data", self.data),
            ("awslogs", self.aws_logs),
            ("messageType", self.message_type),
            ("logEvents", self.log_events),
        ]
        .into_iter()
        .filter_map(|(name, raw)| raw.map(|raw| (Cow::Borrowed(name), raw)))
    }
}

/// A record that is a JSON object: its fields, and the text they were read from.
#[derive(Debug, Default)]
pub(crate) struct Document<'a> {
    pub(crate) fields: Fields<'a>,
    pub(crate) json: &'a str,
}

impl<'a> Document<'a> {
    /// Whether the bytes begin as SES's own records do. Others are not worth the attempt to read them as such.
    pub(crate) fn may_be_compact(bytes: &[u8]) -> bool {
        bytes.starts_with(b"{\"eventType\":\"") || bytes.starts_with(b"{\"notificationType\":\"")
    }

    /// Fills an empty document with the record that the text begins with if it is one compact JSON object, and says how many
    /// bytes it takes.
    pub(crate) fn read_compact(&mut self, text: &'a str, limits: &Limits) -> Option<usize> {
        if limits.max_depth < compact::MAX_DEPTH {
            return None;
        }
        let mut cursor = Cursor::new(text);
        self.fields.read(&mut cursor)?;
        let length = cursor.position();
        let json = text.get(..length).filter(|_| length <= limits.max_record)?;
        self.json = Some(json).filter(|json| !scan::has_too_many_values(json.as_bytes(), limits.max_values))?;
        Some(length)
    }

    /// Reads one JSON object and nothing after it.
    pub(crate) fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Self, Reject> {
        let mut document = Self::default();
        if let Ok(text) = std::str::from_utf8(bytes)
            && document.read_compact(text, limits) == Some(bytes.len())
        {
            return Ok(document);
        }
        Self::parse_any(bytes, limits)
    }

    /// The same, for any layout.
    pub(crate) fn parse_any(bytes: &'a [u8], limits: &Limits) -> Result<Self, Reject> {
        let json = std::str::from_utf8(bytes).map_err(|error| {
            let at = error.valid_up_to();
            Reject::new(RejectClass::InvalidUtf8, format!("record is no UTF-8 at its byte `{at}`"))
        })?;
        if scan::is_too_deep(bytes, limits.max_depth) {
            return Err(Reject::new(RejectClass::TooDeep, format!("record nests deeper than `{}`", limits.max_depth)));
        }
        if scan::has_too_many_values(bytes, limits.max_values) {
            let reason = format!("record holds more than `{}` values", limits.max_values);
            return Err(Reject::new(RejectClass::TooLarge, reason));
        }
        match serde_json::from_str(json) {
            Ok(fields) => Ok(Self { fields, json }),
            Err(error) => Err(match error.classify() {
                Category::Eof => Reject::new(RejectClass::TruncatedJson, "record ends before its last bracket"),
                Category::Data => Reject::new(RejectClass::NotSes, "record is no JSON object"),
                Category::Syntax | Category::Io => {
                    Reject::new(RejectClass::InvalidJson, format!("record is no JSON: {error}"))
                }
            }),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
