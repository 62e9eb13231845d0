//! Where a lake lies: a directory or an `s3://` URL, and the log stores of its tables.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use deltalake::logstore::{LogStoreRef, StorageConfig, logstore_for, logstore_with};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use url::Url;

use crate::disk::DurableFileSystem;
use crate::error::LakeError;
use crate::log;
use crate::retry::Pauses;

/// The root of a lake: a local directory, an `s3://` URL, or a place in an open store.
#[derive(Debug, Clone)]
pub struct Location {
    /// Always ends in `/`.
    root: Url,
    /// The store that holds it; `None` where the URL says which.
    store: Option<Arc<dyn ObjectStore>>,
    pub(crate) pauses: Pauses,
}

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
        Ok(Self { root: url, store: None, pauses: Pauses::default() })
    }

    /// The lake below `name` in a store that is open already, such as one in memory. `first_pause` is how long to wait
    /// before the store is asked a second time; later pauses grow from there.
    pub fn on_store(name: &str, store: Arc<dyn ObjectStore>, first_pause: Duration) -> Result<Self, LakeError> {
        let refuse = |e: url::ParseError| LakeError::Location { location: name.to_owned(), reason: e.to_string() };
        let root = Url::parse(&format!("memory:///{name}/")).map_err(refuse)?;
        Ok(Self { root, store: Some(store), pauses: Pauses { first: first_pause } })
    }

    /// The directory of a table's log, or `None` for a remote lake.
    pub(crate) fn log_directory(&self, table: &str) -> Option<PathBuf> {
        self.directory().map(|lake| lake.join(table).join(log::FOLDER))
    }

    /// Whether a table's log is surely not there.
    pub(crate) fn lacks_log(&self, table: &str) -> bool {
        self.log_directory(table).is_some_and(|log| !log.is_dir())
    }

    /// The local directory, or `None` for a remote lake.
    pub fn directory(&self) -> Option<PathBuf> {
        (self.root.scheme() == "file").then(|| self.root.to_file_path().ok()).flatten()
    }

    /// The log store of the table with this name below the root.
    pub(crate) fn log_store(&self, table: &'static str) -> Result<LogStoreRef, LakeError> {
        let failed = |source| LakeError::Table { table, source: Box::new(source) };
        let url = self
            .root
            .join(&format!("{table}/"))
            .map_err(|e| LakeError::Location { location: self.to_string(), reason: e.to_string() })?;
        if let Some(store) = &self.store {
            logstore_with(Arc::clone(store), &url, StorageConfig::default()).map_err(failed)
        } else if url.scheme() == "file" {
            let root: Arc<dyn ObjectStore> = Arc::new(DurableFileSystem::default());
            logstore_with(root, &url, StorageConfig::default()).map_err(failed)
        } else {
            deltalake::aws::register_handlers(None);
            logstore_for(&url, StorageConfig::parse_options(REMOTE_OPTIONS).map_err(failed)?).map_err(failed)
        }
    }
}

/// How remote stores are used: requests that fail are tried again for a minute (a later run makes good what is left). The
/// library would also give up a download that takes half a minute, however steadily it goes on.
const REMOTE_OPTIONS: [(&str, &str); 2] = [("retry_timeout", "60s"), ("timeout", "300s")];

/// Refuses a store that overwrites an object although the request says that it must not exist: there, of two importers that
/// commit at once, one would erase the other's commit.
///
/// A store in trouble is not refused; what follows will say so.
pub(crate) async fn refuse_without_conditional_put(
    location: &Location,
    store: &dyn ObjectStore,
) -> Result<(), LakeError> {
    let probe = Path::from(format!("_probe/{}", uuid::Uuid::new_v4()));
    let create = |text: &'static str| {
        store.put_opts(&probe, text.into(), PutOptions { mode: PutMode::Create, ..PutOptions::default() })
    };
    let overwritten = create("first").await.is_ok() && create("second").await.is_ok();
    if let Err(error) = store.delete(&probe).await {
        tracing::debug!(%probe, %error, "cannot remove a probe, which does no harm");
    }
    if overwritten {
        let reason = "the store ignores `If-None-Match`, so that two importers could erase each other's commits; use one with \
                      conditional writes, as AWS S3, Ceph, MinIO and SeaweedFS have them";
        return Err(LakeError::Location { location: location.to_string(), reason: reason.to_owned() });
    }
    Ok(())
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.directory() {
            Some(path) => write!(f, "{}", path.display()),
            None => write!(f, "{}", self.root),
        }
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use futures::StreamExt;
    use futures::stream::BoxStream;
    use object_store::{
        CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, PutMultipartOptions, PutPayload,
        PutResult, Result,
    };

    use super::*;

    #[test]
    fn locations_are_paths_or_urls() {
        let location = Location::parse("s3://bucket/some/lake").unwrap();
        assert_eq!(location.to_string(), "s3://bucket/some/lake/");
        assert_eq!(Location::parse("/tmp/lake").unwrap().directory(), Some(PathBuf::from("/tmp/lake/")));
        let refused = Location::parse("gopher://x").unwrap_err().to_string();
        assert!(refused.contains("scheme `gopher` is not supported"), "{refused}");
    }

    /// A store as some are: it knows no conditions.
    #[derive(Debug, Default)]
    struct Careless(object_store::memory::InMemory);

    impl fmt::Display for Careless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "careless {}", self.0)
        }
    }

    #[async_trait]
    impl ObjectStore for Careless {
        async fn put_opts(&self, location: &Path, payload: PutPayload, _: PutOptions) -> Result<PutResult> {
            self.0.put_opts(location, payload, PutOptions::default()).await
        }

        async fn put_multipart_opts(
            &self,
            at: &Path,
            options: PutMultipartOptions,
        ) -> Result<Box<dyn MultipartUpload>> {
            self.0.put_multipart_opts(at, options).await
        }

        async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
            self.0.get_opts(location, options).await
        }

        fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
            self.0.delete_stream(locations)
        }

        fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
            self.0.list(prefix)
        }

        async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
            self.0.list_with_delimiter(prefix).await
        }

        async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
            self.0.copy_opts(from, to, options).await
        }
    }

    #[tokio::test]
    async fn a_store_without_conditional_put_is_refused() {
        let open = async |store: Arc<dyn ObjectStore>| {
            let location = Location::on_store("lake", store, Duration::ZERO).unwrap();
            crate::Lake::open_or_create(&location, &[]).await.map(|_| ())
        };
        let careless: Arc<dyn ObjectStore> = Arc::new(Careless::default());
        let refused = open(Arc::clone(&careless)).await.unwrap_err().to_string();
        assert!(refused.contains("ignores `If-None-Match`"), "{refused}");
        assert_eq!(careless.list(None).count().await, 0, "nothing is left behind");
        open(Arc::new(object_store::memory::InMemory::new())).await.unwrap();
    }
}
