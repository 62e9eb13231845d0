//! `[serve]` as written in `repute.toml`: where the dashboard is, and who may sign in.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use serde::Deserialize;
use toml::Spanned;
use url::Url;

use super::File;
use super::limits::LimitsText;
use super::notify::http_url;
use super::rules::Mistake;
use super::sign_in::{Front, Identity, OidcText, ProxyText};
use crate::cli::ServeArgs;
use crate::exit::Failure;
use crate::listening::tls::TlsFiles;
use crate::watching::{Source, in_folder, read_pause};
use crate::when::parse_duration;

/// Where the dashboard listens, unless told otherwise.
const LISTEN: &str = "127.0.0.1:8025";

/// A session ends when it was not used for so long, and after so long in any case, unless told otherwise.
const IDLE: TimeDelta = TimeDelta::hours(8);
const LONGEST: TimeDelta = TimeDelta::days(7);

/// Sessions may last no longer.
const MOST: TimeDelta = TimeDelta::days(90);

/// `[serve]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ServeText {
    tls_certificate: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    pub(super) limits: LimitsText,
    listen: Option<Spanned<String>>,
    hosts: Vec<Spanned<String>>,
    base_url: Option<Spanned<String>>,
    users_file: Option<PathBuf>,
    tokens_file: Option<PathBuf>,
    audit_file: Option<PathBuf>,
    session_idle: Option<Spanned<String>>,
    session_longest: Option<Spanned<String>>,
    proxy: Option<Spanned<ProxyText>>,
    oidc: Option<Spanned<OidcText>>,
    watch: Vec<Spanned<String>>,
    watch_every: Option<Spanned<String>>,
}

/// Where the dashboard is, and who may sign in.
#[derive(Debug, Clone)]
pub(crate) struct Serving {
    pub(crate) listen: SocketAddr,
    /// Host names that are answered, beside those of loopback.
    pub(crate) hosts: Vec<String>,
    /// Where people reach it.
    pub(crate) base_url: Option<Url>,
    pub(crate) users_file: Option<PathBuf>,
    pub(crate) tokens_file: Option<PathBuf>,
    pub(crate) audit_file: Option<PathBuf>,
    /// Unused for so long, a session ends.
    pub(crate) idle: TimeDelta,
    /// A session lasts no longer.
    pub(crate) longest: TimeDelta,
    pub(crate) proxy: Option<Front>,
    pub(crate) oidc: Option<Identity>,
    /// What is imported from again and again.
    pub(crate) watch: Vec<Source>,
    /// The pause between two looks at it, if it was given.
    pub(crate) watch_every: Option<TimeDelta>,
}

impl Serving {
    /// Only this machine, and no sign-in.
    pub(crate) fn open(listen: SocketAddr) -> Self {
        Self {
            listen,
            hosts: Vec::new(),
            base_url: None,
            users_file: None,
            tokens_file: None,
            audit_file: None,
            idle: IDLE,
            longest: LONGEST,
            proxy: None,
            oidc: None,
            watch: Vec::new(),
            watch_every: None,
        }
    }

    /// Whether people or programs have to sign in.
    pub(crate) fn asks_for_sign_in(&self) -> bool {
        let is_told = self.proxy.as_ref().is_some_and(Front::signs_in);
        self.users_file.is_some() || self.tokens_file.is_some() || self.oidc.is_some() || is_told
    }

    /// The host names that are answered: those given, and the address that is listened to.
    pub(crate) fn hosts_answered(&self) -> Vec<String> {
        let address = match self.listen.ip() {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        self.hosts.iter().cloned().chain((!self.listen.ip().is_unspecified()).then_some(address)).collect()
    }
}

impl ServeText {
    /// The table's values, where flags and variables give no others.
    pub(super) fn read(&self, file: &File, args: &ServeArgs) -> Result<Serving, Failure> {
        let refuse = |(span, what): Mistake| file.refuse(span.start, &what);
        let listen = match (args.listen, &self.listen) {
            (Some(address), _) => Ok(address),
            (None, Some(text)) => read(text, "listen", read_address),
            (None, None) => read_address(LISTEN).map_err(|what| (0..0, what)),
        };
        let hosts = self.hosts.iter().map(|host| read(host, "hosts", read_host));
        let base_url = self.base_url.as_ref().map(|url| read(url, "base_url", read_base_url)).transpose();
        let base_url = base_url.map_err(refuse)?;
        let idle = duration("session_idle", self.session_idle.as_ref(), IDLE).map_err(refuse)?;
        let longest = duration("session_longest", self.session_longest.as_ref(), LONGEST).map_err(refuse)?;
        if let Some(span) = self.session_idle.as_ref().or(self.session_longest.as_ref()).map(Spanned::span)
            && idle > longest
        {
            let what = "`session_idle` is longer than `session_longest` (7d unless given); exchange them or give both";
            return Err(file.refuse(span.start, what));
        }
        let hosts = match args.hosts.as_slice() {
            [] => hosts.collect::<Result<_, _>>().map_err(refuse)?,
            given => given.to_vec(),
        };
        let base_url = args.base_url.clone().or(base_url);
        let folder = file.path.parent().unwrap_or(Path::new(""));
        let proxy = self.proxy.as_ref().map(|proxy| proxy.get_ref().read(&proxy.span(), folder));
        let oidc = self.oidc.as_ref().map(|oidc| oidc.get_ref().read(&oidc.span(), base_url.as_ref(), folder));
        let watch = match args.watch.watch.as_slice() {
            [] => self.sources(folder).map_err(refuse)?,
            given => given.to_vec(),
        };
        let every = self.watch_every.as_ref().map(|text| read(text, "watch_every", read_pause)).transpose();
        Ok(Serving {
            watch,
            watch_every: args.watch.watch_every.or(every.map_err(refuse)?),
            listen: listen.map_err(refuse)?,
            hosts,
            base_url,
            proxy: proxy.transpose().map_err(refuse)?,
            oidc: oidc.transpose().map_err(refuse)?,
            users_file: place(args.users_file.as_ref(), self.users_file.as_ref(), file),
            tokens_file: place(args.tokens_file.as_ref(), self.tokens_file.as_ref(), file),
            audit_file: place(args.audit_file.as_ref(), self.audit_file.as_ref(), file),
            idle,
            longest,
        })
    }

    /// What is watched; paths are those of the folder.
    fn sources(&self, folder: &Path) -> Result<Vec<Source>, Mistake> {
        let source = |text: &Spanned<String>| Ok(in_folder(read(text, "watch", |text| text.parse())?, folder));
        self.watch.iter().map(source).collect()
    }

    /// Where the certificate and its key lie, if TLS is wanted. Names in the file are those of its folder.
    pub(super) fn tls_files(&self, args: &ServeArgs, folder: &Path) -> Result<Option<TlsFiles>, Failure> {
        let path = |flag: &Option<PathBuf>, file: &Option<PathBuf>| {
            flag.clone().or_else(|| file.as_ref().map(|path| folder.join(path)))
        };
        let certificate = path(&args.tls_certificate, &self.tls_certificate);
        match (certificate, path(&args.tls_key, &self.tls_key)) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
            (Some(_), None) => Err(Failure::Usage(
                "a TLS certificate is given, but no key: give --tls-key FILE, or `tls_key` under [serve]".to_owned(),
            )),
            (None, Some(_)) => Err(Failure::Usage(
                "a TLS key is given, but no certificate: give --tls-certificate FILE, or `tls_certificate` under [serve]"
                    .to_owned(),
            )),
        }
    }

    /// The users file, as named by an option or here.
    pub(super) fn users_file(&self, given: Option<&PathBuf>, file: &File) -> Option<PathBuf> {
        place(given, self.users_file.as_ref(), file)
    }

    /// The tokens file.
    pub(super) fn tokens_file(&self, given: Option<&PathBuf>, file: &File) -> Option<PathBuf> {
        place(given, self.tokens_file.as_ref(), file)
    }
}

/// A path of the configuration is relative to the folder it lies in, one of an option to where we are.
fn place(given: Option<&PathBuf>, written: Option<&PathBuf>, file: &File) -> Option<PathBuf> {
    let folder = file.path.parent().unwrap_or(Path::new(""));
    given.cloned().or_else(|| written.map(|path| folder.join(path)))
}

/// A value, with its key before what is wrong with it.
fn read<T>(text: &Spanned<String>, key: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<T, Mistake> {
    parse(text.get_ref()).map_err(|what| (text.span(), format!("`{key}`: {what}")))
}

fn duration(key: &str, text: Option<&Spanned<String>>, default: TimeDelta) -> Result<TimeDelta, Mistake> {
    let Some(text) = text else { return Ok(default) };
    read(text, key, |text| match parse_duration(text)? {
        duration if duration > MOST => Err(format!("`{text}` is longer than 90d; write at most \"90d\"")),
        duration => Ok(duration),
    })
}

fn read_address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is no address with a port; write it as \"127.0.0.1:8025\" or \"[::]:8025\""))
}

/// `ses.example.com`, or with the only port it is good for.
pub(crate) fn read_host(text: &str) -> Result<String, String> {
    let is_host = |host: url::Host| host.to_string() == text.rsplit_once(':').map_or(text, |(name, _)| name);
    let parsed = Url::parse(&format!("http://{text}/")).ok().filter(|url| {
        let is_bare = url.username().is_empty() && url.password().is_none() && url.path() == "/";
        is_bare && url.host().is_some_and(|host| is_host(host.to_owned())) && !text.contains(['?', '#', '*'])
    });
    match parsed {
        Some(_) => Ok(text.to_owned()),
        None => Err(format!(
            "`{text}` is no host name; write it in lower case and without a scheme, as \"ses.example.com\""
        )),
    }
}

/// `https://ses.example.com`: pages are at the root of their host.
pub(crate) fn read_base_url(text: &str) -> Result<Url, String> {
    let url = http_url(text)?;
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
        return Err(format!(
            "`{text}` has more than a host; pages are at its root: write it as \"https://ses.example.com\""
        ));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_bare() {
        for host in ["ses.example.com", "ses.example.com:8443", "10.0.0.1", "localhost"] {
            assert_eq!(read_host(host).as_deref(), Ok(host));
        }
        for host in
            ["", "https://ses.example.com", "ses.example.com/x", "*.example.com", "a b", "SES.example.com", "a@b"]
        {
            assert!(read_host(host).is_err(), "{host}");
        }
        assert!(read_base_url("https://ses.example.com").is_ok() && read_base_url("https://ses.example.com/").is_ok());
        for url in [
            "ses.example.com",
            "ftp://a.example",
            "https://a.example/ses",
            "https://a.example/?x",
            "https://u@a.example",
        ] {
            assert!(read_base_url(url).is_err(), "{url}");
        }
    }
}
