//! Who the provider's claims say that somebody is.

use serde_json::{Map, Value};

use super::OidcSettings;
use crate::access::grants::Person;
use crate::access::users::read_name;

/// What a provider says of somebody: names and values.
pub(super) type Claims = Map<String, Value>;

/// The person that the claims describe.
pub(super) fn person(claims: &Claims, settings: &OidcSettings) -> anyhow::Result<Person> {
    let email = claims.get("email").and_then(Value::as_str).map(str::to_ascii_lowercase);
    let is_verified = match claims.get("email_verified") {
        Some(Value::Bool(verified)) => *verified,
        Some(Value::String(verified)) => verified == "true",
        _ => false,
    };
    let email = email.filter(|_| is_verified || settings.trust_email);
    let claim = &settings.name_claim;
    let name = match claim.as_str() {
        "email" => {
            let unverified = "the provider does not say that it has verified the address; `name_claim` may name another claim, and \
                              `trust_email` lets this one count";
            email.clone().ok_or_else(|| anyhow::anyhow!("{unverified}"))?
        }
        claim => find(claims, claim).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| {
            anyhow::anyhow!("the provider gives no claim `{claim}`; ask for a scope that has it (`scopes`)")
        })?,
    };
    Ok(Person { name: read_name(&name)?, email, groups: groups(claims, &settings.groups_claim) })
}

fn groups(claims: &Claims, claim: &str) -> Vec<String> {
    match find(claims, claim) {
        Some(Value::Array(groups)) => groups.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(group)) => vec![group.clone()],
        _ => Vec::new(),
    }
}

/// A claim by its name, or by a path as Keycloak's `realm_access.roles`.
pub(super) fn find<'a>(claims: &'a Claims, name: &str) -> Option<&'a Value> {
    claims.get(name).or_else(|| {
        let (first, rest) = name.split_once('.')?;
        find(claims.get(first)?.as_object()?, rest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::grants::Grants;
    use serde_json::json;

    fn read(claims: &Value, name_claim: &str, groups_claim: &str, trust_email: bool) -> Result<Person, String> {
        let settings = OidcSettings {
            issuer: "https://id.example.com".parse().unwrap(),
            client_id: String::new(),
            client_secret: None,
            redirect: "https://ses.example.com/sign-in/oidc/done".parse().unwrap(),
            scopes: Vec::new(),
            name_claim: name_claim.to_owned(),
            groups_claim: groups_claim.to_owned(),
            trust_email,
            label: String::new(),
            grants: Grants::default(),
            http: reqwest::Client::new(),
        };
        person(claims.as_object().unwrap(), &settings).map_err(|error| error.to_string())
    }

    #[test]
    fn people_are_known_by_verified_addresses() {
        let claims = json!({"sub": "1", "email": "Jane@Example.com", "email_verified": true, "groups": ["a", "b", 3]});
        let jane = read(&claims, "email", "groups", false).unwrap();
        assert_eq!((jane.name.as_str(), jane.email.as_deref()), ("jane@example.com", Some("jane@example.com")));
        assert_eq!(jane.groups, ["a", "b"]);
        for verified in [json!(false), json!("false"), json!(null), json!(1)] {
            let claims = json!({"email": "jane@example.com", "email_verified": verified});
            assert!(read(&claims, "email", "groups", false).unwrap_err().contains("has verified the address"));
            assert_eq!(read(&claims, "email", "groups", true).unwrap().name, "jane@example.com");
        }
        let claims = json!({"email": "jane@example.com", "preferred_username": "jane"});
        let jane = read(&claims, "preferred_username", "groups", false).unwrap();
        assert_eq!((jane.name.as_str(), jane.email), ("jane", None), "an address nobody vouches for counts nowhere");
    }

    #[test]
    fn claims_have_names_or_paths() {
        let claims = json!({"sub": "auth0|1", "realm_access": {"roles": ["sre"]}, "https://a.example/groups": "one"});
        assert_eq!(read(&claims, "sub", "realm_access.roles", false).unwrap().groups, ["sre"]);
        assert_eq!(read(&claims, "sub", "https://a.example/groups", false).unwrap().groups, ["one"]);
        assert_eq!(read(&claims, "sub", "nowhere.roles", false).unwrap().groups, [""; 0]);
        assert!(read(&claims, "name", "groups", false).unwrap_err().contains("gives no claim `name`"));
        assert!(read(&json!({"sub": "a\nb"}), "sub", "groups", false).is_err());
    }
}
