//! The one pass over a record: every key that SES or one of its wrappers uses at the top of an object.
//!
//! What a record is shows only when all its keys are known, because their order is arbitrary. So one shape takes the fields of
//! bare events and of all wrappers; `envelope` then decides which it is.

use std::borrow::Cow;

use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::frame::scan;
use crate::json::{Object, Raw};
use crate::ses::wire::{
    Bounce, Click, Complaint, Delivery, DeliveryDelay, Failure, Mail, Open, Reject as RejectEvent, Send, Subscription,
};
use crate::{Limits, Reject, RejectClass};

/// Declares a wire shape: a struct of the named fields, and a deserialiser that also keeps what it does not name.
macro_rules! wire {
    ($(#[$meta:meta])* $name:ident { $($key:literal => $field:ident: $type:ty,)* } skip { $($skipped:literal)* }) => {
        $(#[$meta])*
        #[derive(Debug, Default)]
        pub(crate) struct $name<'a> {
            $(#[doc = concat!("`", $key, "`")] pub(crate) $field: $type,)*
            /// Fields that have no name here.
            pub(crate) unknown: Vec<(std::borrow::Cow<'a, str>, &'a serde_json::value::RawValue)>,
            /// A named field that stands twice.
            pub(crate) duplicate: Option<&'static str>,
        }

        impl<'de> serde::Deserialize<'de> for $name<'de> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct WireVisitor;

                impl<'de> serde::de::Visitor<'de> for WireVisitor {
                    type Value = $name<'de>;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                        #[allow(non_camel_case_types, dead_code, reason = "one bit per field, named as the field")]
                        enum Bit { $($field,)* }
                        #[allow(unused_mut, unused_variables, reason = "an object may have no named fields")]
                        let mut seen = 0_u64;
                        let mut out = $name::default();
                        while let Some($crate::json::Key(key)) = map.next_key()? {
                            #[allow(clippy::match_single_binding, reason = "an object may have no named fields")]
                            match &*key {
                                $($key => {
                                    if seen & (1 << Bit::$field as u64) != 0 {
                                        out.duplicate = Some($key);
                                    }
                                    seen |= 1 << Bit::$field as u64;
                                    out.$field = map.next_value()?;
                                })*
                                $($skipped => {
                                    map.next_value::<serde::de::IgnoredAny>()?;
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
    } skip {}
}

impl<'a> Fields<'a> {
    /// The wrappers' fields, which on a bare event are as unknown as any other.
    pub(crate) fn wrapper_fields(&self) -> impl Iterator<Item = (Cow<'a, str>, &'a RawValue)> + use<'a> {
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
#[derive(Debug)]
pub(crate) struct Document<'a> {
    pub(crate) fields: Fields<'a>,
    pub(crate) json: &'a str,
}

impl<'a> Document<'a> {
    /// Reads one JSON object and nothing after it.
    pub(crate) fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Self, Reject> {
        let json = std::str::from_utf8(bytes).map_err(|error| {
            let at = error.valid_up_to();
            Reject::new(RejectClass::InvalidUtf8, format!("record is no UTF-8 at its byte `{at}`"))
        })?;
        if scan::is_too_deep(bytes, limits.max_depth) {
            return Err(Reject::new(RejectClass::TooDeep, format!("record nests deeper than `{}`", limits.max_depth)));
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
