//! Lakes that cannot even be looked at.

use super::Advice;
use super::advice::Severity::Problem;

/// There is no lake where one was looked for.
pub fn no_lake(place: &str) -> Advice {
    Advice::new("no_lake", Problem, "There is no lake yet")
        .because(format!("nothing at `{place}`: no table `events` with its log"))
        .remedy(
            "Import something: `repute import SOURCE --lake LAKE`. If that was done, look whether the server, cron and you mean \
             the same place: --lake, REPUTE_LAKE, and `lake` in repute.toml.",
        )
}

/// Something in the lake is not as it was written.
pub fn damaged_lake(what: &str, repair: &str) -> Advice {
    let advice = Advice::new("damaged_lake", Problem, "The lake cannot be read").because(what);
    if repair.is_empty() {
        return advice.remedy("`repute lake fsck` names every damage with its file and how to repair it.");
    }
    advice.remedy(format!("{repair}. `repute lake fsck` says whether there is more."))
}
