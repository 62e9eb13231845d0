//! Where a lake lies: a directory or an `s3://` URL, and the log stores of its tables.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use deltalake::logstore::{LogStoreRef, StorageConfig, logstore_for, logstore_with};
use object_store::ObjectStore;
use url::Url;

use crate::disk::DurableFileSystem;
use crate::error::LakeError;

/// The root of a lake: a local directory or an `s3://` URL, always ending in `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location(Url);

impl Location {
    /// Takes a path (made absolute) or an `s3://bucket/prefix` or `file:///path` URL.
    pub fn parse(text: &str) -> Result<Self, LakeError> {
        let refuse = |reason: &str| LakeError::Location { location: text.to_owned(), reason: reason.to_owned() };
        let mut url = match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "s3" | "s3a" | "file") => url,
            Ok(url) if text.contains("://") => {
                return Err(refuse(&format!("scheme `{}` is not supported, use a path or `s3://`", url.scheme())));
            }
            _ => {
                let path = std::path::absolute(text).map_err(|e| refuse(&e.to_string()))?;
                Url::from_directory_path(path).map_err(|()| refuse("not a usable path"))?
            }
        };
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("a lake's URL has no `?` and no `#`"));
        }
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        Ok(Self(url))
    }

    /// The local directory, or `None` for a remote lake.
    pub fn directory(&self) -> Option<PathBuf> {
        (self.0.scheme() == "file").then(|| self.0.to_file_path().ok()).flatten()
    }

    /// The log store of the table with this name below the root.
    pub(crate) fn log_store(&self, table: &'static str) -> Result<LogStoreRef, LakeError> {
        let failed = |source| LakeError::Table { table, source: Box::new(source) };
        let url = self
            .0
            .join(&format!("{table}/"))
            .map_err(|e| LakeError::Location { location: self.to_string(), reason: e.to_string() })?;
        if url.scheme() == "file" {
            let root: Arc<dyn ObjectStore> = Arc::new(DurableFileSystem::default());
            logstore_with(root, &url, StorageConfig::default()).map_err(failed)
        } else {
            deltalake::aws::register_handlers(None);
            logstore_for(&url, StorageConfig::default()).map_err(failed)
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.directory() {
            Some(path) => write!(f, "{}", path.display()),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_paths_or_urls() {
        let location = Location::parse("s3://bucket/some/lake").unwrap();
        assert_eq!(location.to_string(), "s3://bucket/some/lake/");
        assert_eq!(Location::parse("/tmp/lake").unwrap().directory(), Some(PathBuf::from("/tmp/lake/")));
        let refused = Location::parse("gopher://x").unwrap_err().to_string();
        assert!(refused.contains("scheme `gopher` is not supported"), "{refused}");
    }
}
