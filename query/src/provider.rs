//! Mailbox providers: which domains are one mailbox provider. A domain that is in no list stands for itself.

use std::collections::HashMap;

/// Domains of the large consumer providers.
///
/// Sources: the providers' own pages on their domains; Yahoo serves AOL and Verizon mail, Microsoft serves MSN and Live.
const DEFAULT: [(&str, &[&str]); 13] = [
    ("Gmail", &["gmail.com", "googlemail.com"]),
    (
        "Microsoft",
        &[
            "outlook.com",
            "hotmail.com",
            "live.com",
            "msn.com",
            "hotmail.co.uk",
            "hotmail.fr",
            "hotmail.de",
            "hotmail.it",
            "hotmail.es",
            "outlook.de",
            "outlook.fr",
            "outlook.es",
            "outlook.it",
            "live.co.uk",
            "live.fr",
            "live.nl",
        ],
    ),
    (
        "Yahoo",
        &[
            "yahoo.com",
            "ymail.com",
            "rocketmail.com",
            "aol.com",
            "aim.com",
            "verizon.net",
            "yahoo.co.uk",
            "yahoo.fr",
            "yahoo.de",
            "yahoo.it",
            "yahoo.es",
            "yahoo.ca",
            "yahoo.in",
            "yahoo.com.br",
            "yahoo.com.au",
            "yahoo.co.in",
        ],
    ),
    ("Apple", &["icloud.com", "me.com", "mac.com"]),
    ("GMX and WEB.DE", &["gmx.de", "gmx.net", "gmx.com", "gmx.at", "gmx.ch", "web.de"]),
    ("Comcast", &["comcast.net", "xfinity.com"]),
    ("Orange", &["orange.fr", "wanadoo.fr"]),
    ("Proton", &["proton.me", "protonmail.com", "pm.me"]),
    ("Yandex", &["yandex.ru", "yandex.com", "ya.ru"]),
    ("Mail.ru", &["mail.ru", "bk.ru", "inbox.ru", "list.ru"]),
    ("Zoho", &["zoho.com", "zohomail.com"]),
    ("Fastmail", &["fastmail.com", "fastmail.fm"]),
    ("T-Online", &["t-online.de", "magenta.de"]),
];

/// The table of providers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Providers(HashMap<String, String>);

impl Default for Providers {
    fn default() -> Self {
        let pairs = DEFAULT.iter().flat_map(|(name, domains)| domains.iter().map(move |d| (*d, *name)));
        Self(pairs.map(|(domain, name)| (domain.to_owned(), name.to_owned())).collect())
    }
}

impl Providers {
    /// The default table with these `(domain, provider)` entries added or changed.
    pub fn with(mut self, entries: impl IntoIterator<Item = (String, String)>) -> Self {
        self.0.extend(entries.into_iter().map(|(domain, name)| (domain.to_ascii_lowercase(), name)));
        self
    }

    /// The provider of a domain, or the domain itself.
    pub fn of<'a>(&'a self, domain: &'a str) -> &'a str {
        self.0.get(domain).map_or(domain, String::as_str)
    }
}
