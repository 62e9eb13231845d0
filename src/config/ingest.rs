//! `[ingest]` as written in `repute.toml`: which live routes there are, and where what they receive lands.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use repute_ingest::{LandingLimits, SnsRules, Topic};
use repute_lake::Location;
use serde::Deserialize;
use toml::Spanned;
use url::{Host, Url};

use super::notify::http_url;
use super::rules::Mistake;
use super::{Failure, File, duration};
use crate::cli::IngestArgs;

/// SNS tries no longer.
const MAX_AGE: TimeDelta = TimeDelta::hours(1);

/// `[ingest]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct IngestText {
    landing: Option<Spanned<String>>,
    /// Whether the server imports what has landed.
    import_landed: Option<bool>,
    /// Whether landed objects stay once they are imported.
    keep_landed: bool,
    landing_max_mib: Option<u64>,
    landing_max_objects: Option<u64>,
    landing_spare_mib: Option<u64>,
    firehose_keys_file: Option<PathBuf>,
    sns_topics: Vec<Spanned<String>>,
    sns_confirm: bool,
    sns_sha1: bool,
    #[serde(deserialize_with = "duration")]
    sns_max_age: Option<TimeDelta>,
    sns_certificates_url: Option<Spanned<String>>,
    sns_authorities_file: Option<PathBuf>,
}

/// Where a landing area is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LandingAt {
    Directory(PathBuf),
    Bucket { bucket: String, prefix: String },
}

/// Where a mirror of SNS's signing certificates is: `https`, or `http` on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MirrorUrl(pub(crate) Url);

/// The landing area, which live routes and queues share.
#[derive(Debug, Clone)]
pub(crate) struct LandingSettings {
    /// The lake's own, unless given.
    pub(crate) place: Option<LandingAt>,
    pub(crate) limits: LandingLimits,
    /// Whether this server imports what has landed.
    pub(crate) imports: bool,
}

/// Which live routes there are.
#[derive(Debug, Clone)]
pub(crate) struct LiveRoutes {
    /// Access keys of Firehose streams.
    pub(crate) keys_file: Option<PathBuf>,
    pub(crate) sns: Option<SnsSettings>,
}

/// SNS over HTTPS.
#[derive(Debug, Clone)]
pub(crate) struct SnsSettings {
    /// Without authorities, which are read from their file.
    pub(crate) rules: SnsRules,
    pub(crate) authorities_file: Option<PathBuf>,
    pub(crate) mirror: Option<MirrorUrl>,
    pub(crate) confirms: bool,
}

impl LandingAt {
    /// Reads `./landing` or `s3://bucket/prefix`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text.split_once("://") {
            None if text.is_empty() => {
                Err("an empty text is no landing area; write a directory or s3://bucket/prefix".to_owned())
            }
            None => Ok(Self::Directory(text.into())),
            Some(("s3" | "s3a", place)) if !place.starts_with('/') && !place.is_empty() => {
                let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
                Ok(Self::Bucket { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
            }
            Some(_) => Err(format!("`{text}` is no landing area; write a directory or s3://bucket/prefix")),
        }
    }

    /// The area of a lake: its folder `landing`.
    pub(crate) fn of(lake: &Location) -> Self {
        const FOLDER: &str = "landing";
        if let Some(directory) = lake.directory() {
            return Self::Directory(directory.join(FOLDER));
        }
        let text = lake.to_string();
        let place = text.split_once("://").map_or(text.as_str(), |(_, place)| place);
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let prefix = format!("{}/{FOLDER}", prefix.trim_matches('/')).trim_start_matches('/').to_owned();
        Self::Bucket { bucket: bucket.to_owned(), prefix }
    }

    fn within(self, folder: &Path) -> Self {
        match self {
            Self::Directory(path) => Self::Directory(folder.join(path)),
            bucket @ Self::Bucket { .. } => bucket,
        }
    }
}

impl MirrorUrl {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let url = http_url(text)?;
        let is_here = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
            Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
            None => false,
        };
        match url.scheme() == "https" || is_here {
            true => Ok(Self(url)),
            false => Err(format!("`{text}`: certificates that come without TLS prove nothing; use https")),
        }
    }
}

impl IngestText {
    /// The landing area, where flags and variables give no other.
    pub(super) fn landing(&self, file: &File, args: &IngestArgs) -> Result<LandingSettings, Failure> {
        let folder = file.path.parent().unwrap_or(Path::new(""));
        let written = self.landing.as_ref().map(|text| read(text, "landing", LandingAt::parse)).transpose();
        let written = written.map_err(|(span, what)| file.refuse(span.start, &what))?;
        let place = args.landing.clone().or(written.map(|place| place.within(folder)));
        Ok(LandingSettings { place, limits: self.limits(), imports: self.import_landed.unwrap_or(true) })
    }

    /// The live routes, where flags and variables give no others; nothing if none is open.
    pub(super) fn routes(&self, file: &File, args: &IngestArgs) -> Result<Option<LiveRoutes>, Failure> {
        let refuse = |(span, what): Mistake| file.refuse(span.start, &what);
        let folder = file.path.parent().unwrap_or(Path::new(""));
        let path = |given: &Option<PathBuf>, written: &Option<PathBuf>| {
            given.clone().or_else(|| written.as_ref().map(|path| folder.join(path)))
        };
        let keys_file = path(&args.firehose_keys_file, &self.firehose_keys_file);
        let sns = self.sns(args, folder).map_err(refuse)?;
        if keys_file.is_none() && sns.is_none() {
            return Ok(None);
        }
        Ok(Some(LiveRoutes { keys_file, sns }))
    }

    fn limits(&self) -> LandingLimits {
        let usual = LandingLimits::default();
        let bytes = |mib: Option<u64>, usual: u64| mib.map_or(usual, |mib| mib.saturating_mul(1 << 20));
        LandingLimits {
            most_bytes: bytes(self.landing_max_mib, usual.most_bytes),
            most_objects: self.landing_max_objects.unwrap_or(usual.most_objects),
            spare_bytes: bytes(self.landing_spare_mib, usual.spare_bytes),
            keep: self.keep_landed,
            ..usual
        }
    }

    fn sns(&self, args: &IngestArgs, folder: &Path) -> Result<Option<SnsSettings>, Mistake> {
        let written = self
            .sns_topics
            .iter()
            .map(|topic| read(topic, "sns_topics", |text| text.parse::<Topic>().map_err(|error| error.to_string())));
        let written = written.collect::<Result<Vec<_>, _>>()?;
        let topics = if args.sns_topics.is_empty() { written } else { args.sns_topics.clone() };
        let mirror = self.sns_certificates_url.as_ref();
        let mirror = mirror.map(|url| read(url, "sns_certificates_url", MirrorUrl::parse)).transpose()?;
        if topics.is_empty() {
            return Ok(None);
        }
        let authorities_file = self.sns_authorities_file.as_ref().map(|path| folder.join(path));
        Ok(Some(SnsSettings {
            rules: SnsRules {
                topics,
                allows_sha1: self.sns_sha1 || args.sns_sha1,
                max_age: self.sns_max_age.unwrap_or(MAX_AGE),
                authorities: None,
            },
            authorities_file: args.sns_authorities_file.clone().or(authorities_file),
            mirror: args.sns_certificates_url.clone().or(mirror),
            confirms: self.sns_confirm || args.sns_confirm,
        }))
    }
}

/// A value, with its key before what is wrong with it.
fn read<T>(text: &Spanned<String>, key: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<T, Mistake> {
    parse(text.get_ref()).map_err(|what| (text.span(), format!("`{key}`: {what}")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn landing_areas_are_directories_or_buckets() {
        let bucket = |bucket: &str, prefix: &str| LandingAt::Bucket { bucket: bucket.into(), prefix: prefix.into() };
        assert_eq!(LandingAt::parse("./a b"), Ok(LandingAt::Directory("./a b".into())));
        assert_eq!(LandingAt::parse("s3://bucket"), Ok(bucket("bucket", "")));
        assert_eq!(LandingAt::parse("s3://bucket/a/b/"), Ok(bucket("bucket", "a/b/")));
        for wrong in ["", "s3://", "s3:///a", "sqs://a", "https://a.example/b"] {
            assert!(LandingAt::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(
            LandingAt::parse("landing").unwrap().within(Path::new("/etc/repute")),
            LandingAt::Directory("/etc/repute/landing".into())
        );
        let of = |lake: &str| LandingAt::of(&Location::parse(lake).unwrap());
        assert_eq!(of("/var/lake"), LandingAt::Directory("/var/lake/landing".into()));
        assert_eq!(of("s3://bucket/some/lake"), bucket("bucket", "some/lake/landing"));
        assert_eq!(of("s3://bucket"), bucket("bucket", "landing"));
    }

    #[test]
    fn mirrors_speak_tls_unless_they_are_here() {
        for good in ["https://mirror.example/sns", "http://127.0.0.1:9", "http://localhost:9/x", "http://[::1]:9"] {
            assert!(MirrorUrl::parse(good).is_ok(), "{good}");
        }
        for bad in ["http://mirror.example", "http://10.0.0.1", "ftp://a", "x"] {
            assert!(MirrorUrl::parse(bad).is_err(), "{bad}");
        }
    }
}
