//! What can go wrong with a question.

use datafusion::error::DataFusionError;
use repute_lake::LakeError;

/// Errors of queries. A failed query is never shown as zero.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The lake cannot be opened or read.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// The query engine failed; out of memory and broken files end here.
    #[error("query failed: {0}")]
    Engine(Box<DataFusionError>),
    /// Too many questions wait for their turn to read rows.
    #[error("too many questions wait for their turn")]
    Busy,
    /// A question that has no answer as put.
    #[error("{0}")]
    Question(String),
}

impl From<DataFusionError> for QueryError {
    fn from(error: DataFusionError) -> Self {
        Self::Engine(Box::new(error))
    }
}
