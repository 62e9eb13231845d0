//! What answers look like, for the OpenAPI document: a struct for each report, one noun a file.
//!
//! These structs are descriptions only. The reports themselves are built in `repute-query`, which the command line prints too and
//! which knows nothing of HTTP; were they made of these types, that crate would have to carry them, or the same names would be
//! written twice. That the descriptions are exact is proven from outside: every object is closed (`document` sees to that), every
//! name required unless it says otherwise, and answers of a real server are held against them in `tests/it/api.rs`.
//!
//! How to describe a report:
//! - a doc comment on every field, with its unit; rates are fractions, counts are of recipient rows;
//! - `Option` with `#[schema(required)]` for what is always there and may be null, without for what may be left out; what may be left
//!   out but is never null gets `#[schema(nullable = false)]`;
//! - a closed set of names comes from the code that spells them, by [`names`];
//! - names that the request chooses are a `BTreeMap` with `#[serde(flatten)]`; structs are never flattened.

#![expect(dead_code, reason = "no report is built from these structs, see above")]

mod alerting;
mod bounces;
mod check;
mod delays;
mod engagement;
mod health;
mod imports;
mod messages;
mod objects;
pub(super) mod parameters;
mod problem;
mod quarantine;
mod rates;
mod reputation;

pub(super) use alerting::{
    IncidentReport, IncidentsParameters, MadeSilence, PreviewParameters, RuleDescription, RulePreview, SilenceReport,
    SilenceRequest, SilencesParameters,
};
pub(super) use bounces::{BouncesParameters, BouncesReport};
pub(super) use check::CheckReport;
pub(super) use delays::{DelaysParameters, DelaysReport};
pub(super) use engagement::{EngagementParameters, EngagementReport, LIMITS, USUAL_LIMIT};
pub(super) use health::HealthReport;
pub(super) use imports::{ImportsParameters, ImportsReport};
pub(super) use messages::{MESSAGES_LIMITS, MessageLife, MessagesParameters, USUAL_MESSAGES};
pub(super) use objects::{ObjectsParameters, ObjectsReport};
pub(super) use problem::{ProblemDocument, ProblemName, ProblemTypeDescription};
pub(super) use quarantine::{BadRecordReport, MendedReport, QuarantineParameters, QuarantineReport, RetryRequest};
pub(super) use rates::{RatesParameters, RatesRow};
pub(super) use reputation::ReputationReport;

/// A type for a closed set of names, described by what spells them.
macro_rules! names {
    ($(#[doc = $doc:literal])+ $name:ident = $names:expr) => {
        $(#[doc = $doc])+
        pub(crate) struct $name;

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::Type::String)
                    .enum_values(Some($names))
                    .description(Some([$($doc),+].map(str::trim).join("\n")))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
        }
    };
}
use names;
