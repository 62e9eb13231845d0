#![allow(clippy::unwrap_used)]

use std::io::Cursor;
use std::sync::atomic::{AtomicUsize, Ordering};

use repute_lake::Location;

use super::*;
use crate::source::{Content, Input};

/// How many objects are in memory, and the most that ever were.
#[derive(Debug, Default)]
struct Census {
    alive: AtomicUsize,
    most: AtomicUsize,
}

/// An object with one record, which is no event.
#[derive(Debug)]
struct Tiny(Arc<Census>);

impl Tiny {
    fn object(census: &Arc<Census>, number: usize) -> SourceObject {
        let alive = census.alive.fetch_add(1, Ordering::Relaxed) + 1;
        census.most.fetch_max(alive, Ordering::Relaxed);
        let key = ObjectKey { name: format!("s3://bucket/{number}"), etag: "e".to_owned() };
        SourceObject::new(key, 2, Arc::new(Self(Arc::clone(census))))
    }
}

impl Content for Tiny {
    fn open(&self) -> io::Result<Box<dyn Input>> {
        Ok(Box::new(Cursor::new(b"{}")))
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

/// However quickly objects are listed, few of them are in memory at a time.
#[tokio::test(flavor = "multi_thread")]
async fn listing_waits_for_reading() {
    const PAGES: usize = 60;
    const PAGE: usize = 1_000;
    let directory = tempfile::tempdir().unwrap();
    let location = Location::parse(directory.path().join("lake").to_str().unwrap()).unwrap();
    let mut lake = Lake::open_or_create(&location, &[]).await.unwrap();
    let options = ImportOptions::new(2, Utc::now());
    let census = Arc::<Census>::default();
    let mut list = async |lists_again: bool| {
        let (sender, pages) = mpsc::channel(1);
        let counted = Arc::clone(&census);
        let listing = async move {
            for page in 0..PAGES {
                let numbers = page * PAGE..(page + 1) * PAGE;
                let page: Vec<_> = numbers.map(|number| Tiny::object(&counted, number)).collect();
                let twice = if lists_again { page.clone() } else { Vec::new() };
                sender.send(page).await.unwrap();
                if lists_again {
                    sender.send(twice).await.unwrap();
                }
            }
        };
        let meter = Arc::default();
        let (_, summary) = tokio::join!(listing, import_pages(&mut lake, pages, &options, &meter));
        summary.unwrap()
    };
    let all = (PAGES * PAGE) as u64;
    let summary = list(true).await;
    assert_eq!((summary.listed, summary.imported, summary.skipped), (2 * all, all, all));
    assert_eq!((summary.records, summary.quarantined), (all, all));
    let summary = list(false).await;
    assert_eq!((summary.listed, summary.imported, summary.skipped), (all, 0, all));
    let most = census.most.load(Ordering::Relaxed);
    assert!(most < 10_000, "{most} of {all} objects were in memory at a time");
    assert_eq!(census.alive.load(Ordering::Relaxed), 0);
}

/// An import that fails lets go whoever lists for it.
#[tokio::test(flavor = "multi_thread")]
async fn listing_ends_with_an_import_that_fails() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("lake");
    let location = Location::parse(root.to_str().unwrap()).unwrap();
    let mut lake = Lake::open_or_create(&location, &[]).await.unwrap();
    let (sender, pages) = mpsc::channel(1);
    let census = Arc::<Census>::default();
    let counted = Arc::clone(&census);
    let listing = async move {
        let mut number = 0;
        while sender.send((0..1_000).map(|more| Tiny::object(&counted, number + more)).collect()).await.is_ok() {
            number += 1_000;
            if number == 30_000 {
                std::fs::remove_dir_all(&root).unwrap();
            }
        }
    };
    let (meter, options) = (Arc::default(), ImportOptions::new(2, Utc::now()));
    let (_, done) = tokio::join!(listing, import_pages(&mut lake, pages, &options, &meter));
    assert!(matches!(done, Err(ImportError::Lake(_))), "{done:?}");
}
