//! The operator's own rules on why mail bounced, as written in `repute.toml`.

use repute_query::{BounceClass, Classifier, ReasonRule};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::rules::Mistake;

/// `[[reason]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReasonText {
    #[serde(deserialize_with = "class")]
    class: BounceClass,
    text: Option<String>,
    status: Option<String>,
    r#type: Option<String>,
    subtype: Option<String>,
}

fn class<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BounceClass, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

/// The rules of the file, in its order, before the built-in ones.
pub(super) fn reasons(texts: &[Spanned<ReasonText>]) -> Result<Classifier, Mistake> {
    let rule = |spanned: &Spanned<ReasonText>| {
        let ReasonText { class, text, status, r#type, subtype } = spanned.get_ref();
        let rule = ReasonRule::new(*class, r#type.as_deref(), subtype.as_deref(), status.as_deref(), text.as_deref());
        rule.map_err(|error| (spanned.span(), format!("reason `{class}`: {error}")))
    };
    Ok(Classifier::new(texts.iter().map(rule).collect::<Result<_, _>>()?))
}
