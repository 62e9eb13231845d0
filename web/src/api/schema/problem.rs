//! Problem documents (RFC 9457).

use utoipa::ToSchema;

use super::names;
use crate::problem::ProblemType;

names! {
    /// The last part of a problem type's URI.
    ProblemName = ProblemType::ALL.map(ProblemType::as_str)
}

/// What went wrong (RFC 9457).
#[derive(ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemDocument {
    /// The type: an address on this server, where it is described. `about:blank` for a status without one.
    #[schema(rename = "type", format = "uri-reference", example = "/api/v1/problems/bad-parameter")]
    kind: String,
    /// What happened, in a few words that never change for a type.
    title: String,
    /// The status of the answer.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What happened this time, and what to change.
    detail: String,
    /// Names this occurrence; the server's log has the same where the fault is the server's.
    #[schema(format = "uri", example = "urn:uuid:6f0a2f0c-6d0e-4a53-9d0b-0a6f3d1d2c4e")]
    instance: String,
    /// The parameter that is to blame, if one is.
    #[schema(nullable = false, example = "since")]
    parameter: Option<String>,
}

/// A type of problems.
#[derive(ToSchema)]
pub(crate) struct ProblemTypeDescription {
    /// Its URI, the member `type` of such problems.
    #[schema(rename = "type", format = "uri-reference")]
    kind: String,
    title: String,
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What it means, and what to do.
    meaning: String,
}
