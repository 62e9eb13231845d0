//! The query string of a request, by name.

use url::form_urlencoded;

use crate::failure::Failure;

/// Names and values; empty values are left out, as a form sends its empty fields.
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Takes every name.
    pub(crate) fn lenient(query: Option<&str>) -> Self {
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        Self(pairs.into_owned().filter(|(_, value)| !value.is_empty()).collect())
    }

    /// Takes only known names, and those that `fits` knows: a program that misspells one should hear of it.
    pub(crate) fn strict(query: Option<&str>, known: &[&str], fits: fn(&str) -> bool) -> Result<Self, Failure> {
        let parameters = Self::lenient(query);
        match parameters.0.iter().find(|(name, _)| !known.contains(&name.as_str()) && !fits(name)) {
            Some((name, _)) if known.is_empty() => {
                Err(Failure::BadRequest(format!("unknown parameter `{name}`; none is known here")))
            }
            Some((name, _)) => {
                Err(Failure::BadRequest(format!("unknown parameter `{name}`; known are {}", known.join(", "))))
            }
            None => Ok(parameters),
        }
    }

    /// The value of a name that may be given once.
    pub(crate) fn one(&self, name: &str) -> Result<Option<&str>, Failure> {
        let mut values = self.values(name);
        let value = values.next();
        match values.next() {
            Some(_) => Err(Failure::BadRequest(format!("parameter `{name}` is given more than once"))),
            None => Ok(value),
        }
    }

    /// The values of a name that may be repeated or hold several, separated by commas.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        self.values(name).flat_map(|value| value.split(',')).map(str::trim).filter(|value| !value.is_empty()).collect()
    }

    /// The names that are given.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_name() {
        let parameters = Parameters::lenient(Some("by=region&by=provider,tag:a%2Cb&since=&set=a%26b+c"));
        assert_eq!(parameters.list("by"), ["region", "provider", "tag:a", "b"]);
        assert_eq!(parameters.one("since").unwrap(), None);
        assert_eq!(parameters.one("set").unwrap(), Some("a&b c"));
        assert!(parameters.one("by").is_err());
    }

    #[test]
    fn strangers_are_named() {
        let Err(Failure::BadRequest(what)) = Parameters::strict(Some("windw=1h"), &["window", "since"], |_| false)
        else {
            panic!()
        };
        assert_eq!(what, "unknown parameter `windw`; known are window, since");
    }
}
