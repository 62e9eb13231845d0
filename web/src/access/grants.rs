//! What people may do whom somebody else signs in: by their names and the groups they are in.

use super::rights::{Rights, Role};

/// Some people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct People {
    /// By name.
    pub users: Vec<String>,
    /// By a group they are in.
    pub groups: Vec<String>,
}

/// Who may do what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    /// Who is let in; everybody who is signed in elsewhere if this and `domains` name nobody.
    pub allowed: People,
    /// Who is let in, by the domain of their address.
    pub domains: Vec<String>,
    /// Who may change things.
    pub operators: People,
    /// Who sees recipients' addresses.
    pub addresses: People,
}

/// Whom somebody else has signed in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) name: String,
    /// An address that is surely theirs.
    pub(super) email: Option<String>,
    pub(super) groups: Vec<String>,
}

impl People {
    fn is_nobody(&self) -> bool {
        self.users.is_empty() && self.groups.is_empty()
    }

    fn hold(&self, person: &Person) -> bool {
        let is_named = |user: &String| {
            is_same(user, &person.name) || person.email.as_ref().is_some_and(|email| is_same(user, email))
        };
        self.users.iter().any(is_named) || self.groups.iter().any(|group| person.groups.contains(group))
    }
}

/// Names are compared letter by letter, addresses without regard to case.
fn is_same(user: &str, name: &str) -> bool {
    user == name || (user.contains('@') && user.eq_ignore_ascii_case(name))
}

impl Grants {
    /// What a person may do and see; nothing if they are not let in.
    pub(super) fn rights(&self, person: &Person) -> Option<Rights> {
        let domain = person.email.as_ref().and_then(|email| email.rsplit_once('@')).map(|(_, domain)| domain);
        let is_of_domain = domain.is_some_and(|domain| self.domains.iter().any(|one| one.eq_ignore_ascii_case(domain)));
        let is_anybodys = self.allowed.is_nobody() && self.domains.is_empty();
        if !is_anybodys && !is_of_domain && !self.allowed.hold(person) {
            return None;
        }
        let role = if self.operators.hold(person) { Role::Operator } else { Role::Viewer };
        Some(Rights { role, addresses: self.addresses.hold(person) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people(users: &[&str], groups: &[&str]) -> People {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        People { users: owned(users), groups: owned(groups) }
    }

    fn person(name: &str, email: Option<&str>, groups: &[&str]) -> Person {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        Person { name: name.to_owned(), email: email.map(str::to_owned), groups }
    }

    #[test]
    fn rights_follow_names_and_groups() {
        let grants = Grants {
            allowed: people(&["guest"], &["mail"]),
            domains: vec!["example.com".to_owned()],
            operators: people(&["Jane@example.com"], &["sre"]),
            addresses: people(&[], &["support"]),
        };
        let told = |name: &str, email: Option<&str>, groups: &[&str]| {
            let rights = grants.rights(&person(name, email, groups))?;
            Some((rights.role.as_str(), rights.addresses))
        };
        assert_eq!(told("a", Some("jane@EXAMPLE.com"), &[]), Some(("operator", false)));
        assert_eq!(told("john", Some("john@example.com"), &["support"]), Some(("viewer", true)));
        assert_eq!(told("guest", None, &["sre"]), Some(("operator", false)));
        assert_eq!(told("x", None, &["mail"]), Some(("viewer", false)));
        assert_eq!(told("Guest", None, &[]), None, "names have their case");
        assert_eq!(told("x", None, &["Mail", "sre", "support"]), None);
        for address in ["x@example.com.evil.example", "x@evil-example.com", "example.com", "x@sub.example.com"] {
            assert_eq!(told("x", Some(address), &[]), None, "{address}");
        }
        assert_eq!(told("x@example.com", None, &[]), None, "a name that looks like an address is none");
        assert!(Grants::default().rights(&person("anybody", None, &[])).is_some());
    }
}
