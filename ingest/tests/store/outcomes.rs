//! Writes whose outcome the client is not told: what is reported, and what is in the lake after the next run.

use std::time::Instant;

use object_store::memory::InMemory;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::dump::Dump;
use crate::faulty::Store;
use crate::importer::import_once;
use crate::readback;

#[tokio::test]
async fn time() {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    for _ in 0..5 {
        let dump = Dump::generate(&mut random, 5, 2);
        let store = Store::new(InMemory::new(), None);
        let t = Instant::now();
        println!("{:?}", import_once(store.handle(0), dump.sources()).await);
        println!("create+import {:?}", t.elapsed());
        let t = Instant::now();
        import_once(store.handle(0), dump.sources()).await.unwrap();
        println!("again {:?}", t.elapsed());
        let t = Instant::now();
        readback::contents(&store.inner).await.check_whole(&dump).unwrap();
        println!("check {:?} ops {}", t.elapsed(), store.trace().len());
    }
}
