//! Small files put together: the same rows, and the files that were replaced go when nobody can still read them.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures::TryStreamExt;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use object_store::path::Path;
use repute_lake::{CompactionMeter, KEPT, Lake, Location};

use crate::dump::{Dump, Trouble};
use crate::importer::{empty_lake, import_once, now};
use crate::readback::{LAKE, contents};
use crate::seeds::{self, block_on};

async fn data_files(store: &InMemory, table: &str) -> usize {
    let folder = Path::from(format!("{LAKE}/{table}"));
    let paths: Vec<Path> = store.list(Some(&folder)).map_ok(|meta| meta.location).try_collect().await.unwrap();
    paths.iter().filter(|path| path.as_ref().ends_with(".parquet") && !path.as_ref().contains("_delta_log")).count()
}

#[test]
fn replaced_files_go_after_a_week() {
    block_on(async {
        let store = Arc::new(empty_lake().await);
        let dump = Dump::generate(&mut seeds::random(1, 0), 8, 2);
        for object in &dump.objects {
            import_once(Arc::clone(&store) as Arc<dyn ObjectStore>, vec![object.source(Trouble::None)]).await.unwrap();
        }
        let location = Location::on_store(LAKE, Arc::clone(&store) as Arc<dyn ObjectStore>, Duration::ZERO).unwrap();
        let mut lake = Lake::open_for_writing(&location).await.unwrap();
        let before = data_files(&store, "objects").await;
        assert_eq!(before, dump.objects.len());
        for (age, on_store) in
            [(TimeDelta::zero(), before + 1), (KEPT - TimeDelta::hours(1), before + 1), (KEPT * 2, 1)]
        {
            let done = lake.compact(now() + age, 1, &CompactionMeter::default()).await.unwrap();
            let objects = done.iter().find(|table| table.table == "objects").unwrap();
            assert_eq!(objects.files.1, 1, "{objects:?}");
            assert_eq!(objects.removed as usize, before + 1 - on_store, "{objects:?}");
            assert_eq!(data_files(&store, "objects").await, on_store, "{age} later");
            contents(&store).await.check_whole(&dump).unwrap();
        }
        // Nothing is left to do, and nothing is written.
        let versions = lake.versions();
        let done = lake.compact(now() + KEPT * 2, 1, &CompactionMeter::default()).await.unwrap();
        assert!(done.iter().all(|table| table.files.0 == table.files.1 && table.removed == 0), "{done:?}");
        assert_eq!(lake.versions(), versions);
    });
}
