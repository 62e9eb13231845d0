//! Failures that come from a damaged lake, told by the file that is damaged.

use std::time::Duration;

use anyhow::anyhow;
use repute_lake::{LakeError, Location};
use repute_query::QueryError;

use crate::exit::{Failure, lake_error, remedy_behind, told};

/// A lake that takes longer to look through is left to `repute lake fsck`.
const PATIENCE: Duration = Duration::from_secs(8);

/// Adds what is damaged to a failure that damage may be behind.
pub(super) fn explain(failure: Failure, location: &Result<Location, Failure>) -> Failure {
    let (Failure::Failed(error), Ok(location)) = (&failure, location) else { return failure };
    if !may_be_damage(error) {
        return failure;
    }
    let advice = format!("`repute lake fsck --lake {location}`");
    match first_damage(location) {
        Some(damage) => Failure::Failed(anyhow!("{damage}; {advice} says how to repair it ({})", told(error))),
        None => Failure::Failed(anyhow!("{}; {advice} tells whether the lake is damaged", told(error))),
    }
}

/// A full disk or a lack of file handles is no damage, and a lake that could not be made for it none either.
fn may_be_damage(error: &anyhow::Error) -> bool {
    if remedy_behind(error).is_some() {
        return false;
    }
    matches!(lake_error(error), Some(LakeError::File { .. } | LakeError::Table { .. }))
        || error.chain().any(|cause| matches!(cause.downcast_ref(), Some(QueryError::Engine(_))))
}

fn first_damage(location: &Location) -> Option<String> {
    let runtime = super::runtime().ok()?;
    let looked = runtime.block_on(async { tokio::time::timeout(PATIENCE, repute_lake::inspect(location)).await });
    runtime.shutdown_background();
    let damage = looked.ok()?.ok()?.damage.into_iter().next()?;
    Some(format!("`{}` {}", damage.file, damage.what))
}
