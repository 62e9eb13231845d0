//! A landing area in a directory.

use std::fs;
use std::path::Path;

use super::*;

fn clock() -> Clock {
    Arc::new(|| "2026-11-27T13:05:59Z".parse().unwrap())
}

async fn open(root: &Path, limits: LandingLimits) -> Landing {
    let limits = LandingLimits { spare_bytes: 0, ..limits };
    Landing::open(LandingPlace::Directory(root.to_owned()), limits, clock()).await.unwrap()
}

fn records(texts: &[&'static str]) -> Vec<Bytes> {
    texts.iter().map(|text| Bytes::from_static(text.as_bytes())).collect()
}

#[tokio::test]
async fn callers_share_objects_that_are_named_as_firehose_does() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("a/landing");
    let landing = open(&root, LandingLimits { linger: Duration::from_millis(200), ..LandingLimits::default() }).await;
    let (one, other, topic) = tokio::join!(
        landing.land(Route::Firehose, records(&["{1}", "{2}\n"])),
        landing.land(Route::Firehose, records(&["{3}"])),
        landing.land(Route::Sns, records(&["{4}"])),
    );
    let (one, other, topic) = (one.unwrap(), other.unwrap(), topic.unwrap());
    assert_eq!((one.bytes, other.bytes), (9, 4));
    assert_eq!(one.object, other.object);
    let root = fs::canonicalize(root).unwrap();
    let path = url::Url::parse(&one.object).unwrap().to_file_path().unwrap();
    let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
    assert!(name.starts_with("firehose/2026/11/27/13/repute-firehose-1-2026-11-27-13-05-59-"), "{name}");
    assert!(topic.object.contains("/sns/2026/11/27/13/repute-sns-1-"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "{1}\n{2}\n\n{3}\n");
    assert_eq!(landing.waiting(), (17, 2));
    let listed: Vec<String> = landing.list().await.unwrap().objects.into_iter().map(|o| o.key.name).collect();
    assert_eq!(listed, [one.object.to_string(), topic.object.to_string()]);
    assert_eq!(*landing.arrivals().borrow(), 2);

    landing.remove_imported(&listed).await.unwrap();
    assert_eq!(landing.waiting(), (0, 0));
    assert!(!root.join("sns").exists() && !root.join("firehose").exists());
    landing.remove_imported(&listed).await.unwrap();
    landing.land(Route::Firehose, records(&["{5}"])).await.unwrap();
    assert_eq!(landing.waiting(), (4, 1));
}

#[tokio::test]
async fn no_more_lies_there_than_may() {
    let directory = tempfile::tempdir().unwrap();
    let landing = open(directory.path(), LandingLimits { most_bytes: 10, ..LandingLimits::default() }).await;
    let first = landing.land(Route::Sqs, records(&["12345"])).await.unwrap();
    let refused = landing.land(Route::Sns, records(&["12345"])).await;
    assert!(matches!(refused, Err(LandingError::Full(Full::Waiting { bytes: 6, objects: 1 }))), "{refused:?}");
    // What lay there counts for whoever opens the area again.
    drop(landing);
    let landing = open(directory.path(), LandingLimits { most_objects: 1, ..LandingLimits::default() }).await;
    assert_eq!(landing.waiting(), (6, 1));
    assert!(matches!(landing.land(Route::Sns, records(&["1"])).await, Err(LandingError::Full(_))));
    landing.remove_imported(&[&first.object]).await.unwrap();
    landing.land(Route::Sns, records(&["1"])).await.unwrap();

    let limits = LandingLimits { spare_bytes: u64::MAX, ..LandingLimits::default() };
    let place = LandingPlace::Directory(directory.path().to_owned());
    let landing = Landing::open(place, limits, clock()).await.unwrap();
    let refused = landing.land(Route::Sns, records(&["1"])).await;
    assert!(matches!(refused, Err(LandingError::Full(Full::Disk { .. }))), "{refused:?}");
}

#[tokio::test]
async fn kept_objects_do_not_wait_and_strangers_are_not_removed() {
    let directory = tempfile::tempdir().unwrap();
    let landing = open(directory.path(), LandingLimits { keep: true, ..LandingLimits::default() }).await;
    let landed = landing.land(Route::Firehose, records(&["{}"])).await.unwrap();
    landing.remove_imported(&[&landed.object]).await.unwrap();
    assert_eq!(landing.waiting(), (0, 0));
    assert_eq!(landing.list().await.unwrap().objects.len(), 1);
    assert_eq!(landing.waiting(), (0, 0));

    let landing = open(directory.path(), LandingLimits::default()).await;
    let outside = directory.path().with_extension("outside");
    fs::write(&outside, "mine").unwrap();
    let root = fs::canonicalize(directory.path()).unwrap();
    for name in [
        format!("file://{}", outside.display()),
        format!("file://{}/../{}", root.display(), outside.file_name().unwrap().to_str().unwrap()),
        "s3://bucket/key".to_owned(),
        "nothing".to_owned(),
    ] {
        assert!(landing.remove_imported(&[&name]).await.is_err(), "{name}");
    }
    assert!(outside.exists());
    fs::remove_file(outside).unwrap();
}

#[tokio::test]
async fn files_of_killed_writers_are_swept_once_they_are_old() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("sns/2026/11/27/12");
    fs::create_dir_all(&folder).unwrap();
    for (name, hours) in [(".repute-sns-1-old.tmp", 2), (".repute-sns-1-new.tmp", 0), (".other", 2)] {
        let file = fs::File::create(folder.join(name)).unwrap();
        let time: DateTime<Utc> = clock()() - chrono::TimeDelta::hours(hours);
        file.set_modified(time.into()).unwrap();
    }
    let landing = open(directory.path(), LandingLimits::default()).await;
    let mut left: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    left.sort();
    assert_eq!(left, [".other", ".repute-sns-1-new.tmp"]);
    assert_eq!(landing.list().await.unwrap().objects.len(), 0);
}
