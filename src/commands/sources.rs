//! What was named as sources: files, buckets and streams become objects.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use chrono::{TimeDelta, Utc};
use repute_ingest::{
    KeyRange, ListError, Listing, SourceObject, StreamSetup, describe_stream, list_bucket_into, list_directory_into,
    list_stream,
};
use repute_query::{Tz, count};
use tokio::sync::mpsc;

use crate::aws::{self, Reach};
use crate::cli::SourceArgs;
use crate::exit::Failure;
use crate::output::plain;

/// Unless told otherwise.
const MARGIN: TimeDelta = TimeDelta::hours(1);

/// Which objects are taken, and how buckets are reached.
#[derive(Debug, Clone, Default)]
pub(super) struct Taking {
    args: SourceArgs,
    reach: Reach,
}

impl Taking {
    pub(super) fn new(args: &SourceArgs, endpoint: Option<&str>) -> Self {
        let reach =
            Reach { endpoint: endpoint.map(str::to_owned), requester_pays: args.requester_pays, ..Reach::default() };
        Self { args: args.clone(), reach }
    }

    fn range(&self, zone: Tz) -> KeyRange {
        let now = Utc::now();
        let [since, until] = [self.args.since, self.args.until].map(|when| when.map(|when| when.resolve(now)));
        KeyRange::new(since, until, self.args.margin.unwrap_or(MARGIN), zone)
    }
}

/// Lists every source, saying what is left out.
pub(super) async fn list_all(sources: &[PathBuf], taking: &Taking) -> Result<Vec<SourceObject>, Failure> {
    let (pages, mut listed) = mpsc::channel(1);
    let gather = async {
        let mut objects = Vec::new();
        while let Some(more) = listed.recv().await {
            objects.extend(more);
        }
        objects
    };
    let (done, objects) = tokio::join!(list_into(sources, taking, pages), gather);
    done.map(|()| objects)
}

/// The same, handed over while others are still being listed: the next when there is room for it.
pub(super) async fn list_into(
    sources: &[PathBuf],
    taking: &Taking,
    pages: mpsc::Sender<Vec<SourceObject>>,
) -> Result<(), Failure> {
    let mut buckets = Buckets { reach: &taking.reach, clients: HashMap::new() };
    for source in sources {
        let (parts, listed) = mpsc::channel(1);
        let (done, found) = tokio::join!(list_one(source, taking, &mut buckets, parts), hand_over(listed, &pages));
        done?;
        if found == 0 {
            let _ = writeln!(io::stderr(), "nothing to import in `{}`", plain(&source.to_string_lossy()));
        }
    }
    Ok(())
}

/// Hands over the objects of what is listed, and says what is left out. Gives their number.
async fn hand_over(mut listed: mpsc::Receiver<Listing>, pages: &mpsc::Sender<Vec<SourceObject>>) -> usize {
    let mut found = 0;
    while let Some(listing) = listed.recv().await {
        found += listing.objects.len();
        say_what_is_left_out(&listing);
        if pages.send(listing.objects).await.is_err() {
            // Whoever imports has given up, and says why.
            break;
        }
    }
    found
}

async fn list_one(
    source: &Path,
    taking: &Taking,
    buckets: &mut Buckets<'_>,
    parts: mpsc::Sender<Listing>,
) -> Result<(), Failure> {
    let text = source.to_string_lossy();
    let range = taking.range(taking.args.key_timezone.unwrap_or(Tz::UTC));
    match text.split_once("://") {
        Some(("s3" | "s3a", place)) => {
            let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
            if bucket.is_empty() {
                return Err(Failure::Usage(format!("`{text}`: name a bucket, as in s3://bucket/prefix")));
            }
            let list = async |client| list_bucket_into(&client, (bucket, prefix), &range, &parts).await;
            buckets.list(bucket, list).await
        }
        Some(("firehose", stream)) => of_stream(stream, taking, buckets, &parts).await,
        Some((scheme, _)) => Err(Failure::Usage(format!(
            "`{text}`: {scheme}:// is no source; name a file, a directory, s3://bucket/prefix or firehose://STREAM"
        ))),
        None => Ok(list_directory_into(source, &range, &parts).await?),
    }
}

fn say_what_is_left_out(listing: &Listing) {
    for (path, reason) in &listing.refused {
        let _ = writeln!(io::stderr(), "left out `{}`: {reason}", plain(&path.to_string_lossy()));
    }
}

/// The stream's name, if it is one.
pub(super) fn stream_name(text: &str) -> Result<&str, Failure> {
    // Firehose API reference, DeliveryStreamName.
    let is_name = |name: &&str| {
        (1..=64).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
    };
    text.strip_prefix("firehose://").filter(is_name).ok_or_else(|| {
        let text = plain(text);
        Failure::Usage(format!(
            "`{text}`: name a stream, as in firehose://my-stream; names have up to 64 letters, digits, `_`, `.` and `-`"
        ))
    })
}

/// Asks how a stream is set up.
pub(super) async fn set_up(stream: &str) -> Result<StreamSetup, Failure> {
    let stream = stream_name(&format!("firehose://{stream}"))?.to_owned();
    Ok(describe_stream(&aws::firehose(None).await, &stream).await?)
}

/// What a stream wrote to its bucket.
async fn of_stream(
    stream: &str,
    taking: &Taking,
    buckets: &mut Buckets<'_>,
    parts: &mpsc::Sender<Listing>,
) -> Result<(), Failure> {
    let setup = set_up(stream).await?;
    let place = setup.place()?;
    let is_dated = taking.args.since.is_some() || taking.args.until.is_some();
    let range = taking.range(match taking.args.key_timezone {
        Some(zone) => zone,
        // Whatever the dates are in, all of them are wanted.
        None if !is_dated => Tz::UTC,
        None => setup.key_zone()?,
    });
    if !setup.keeps_all() {
        let to = setup.destination.as_str();
        let _ = writeln!(
            io::stderr(),
            "stream `{stream}` delivers to {to}: its bucket holds only what could not be delivered"
        );
    }
    let list = async |client| list_stream(&client, stream, place, &range, parts).await;
    let others = buckets.list(&place.bucket, list).await?;
    if others > 0 {
        let _ = writeln!(
            io::stderr(),
            "left out {} beside those of stream `{stream}` as it is set up now; s3://{}/... takes them",
            count(others, "object"),
            place.bucket
        );
    }
    Ok(())
}

/// Clients for buckets, each in the bucket's own region.
struct Buckets<'a> {
    reach: &'a Reach,
    clients: HashMap<String, aws_sdk_s3::Client>,
}

impl Buckets<'_> {
    /// Lists in a bucket; again in its own region, if it is asked for in another.
    async fn list<T>(
        &mut self,
        bucket: &str,
        list: impl AsyncFn(aws_sdk_s3::Client) -> Result<T, ListError>,
    ) -> Result<T, Failure> {
        let client = match self.clients.get(bucket) {
            Some(client) => client.clone(),
            None => aws::s3_at(self.reach).await,
        };
        self.clients.insert(bucket.to_owned(), client.clone());
        match list(client).await {
            // The first request says so, before anything was listed.
            Err(ListError { region: Some(region), .. }) => {
                tracing::info!("bucket {bucket} lies in {region}");
                let client = aws::s3_at(&Reach { region: Some(region), ..self.reach.clone() }).await;
                self.clients.insert(bucket.to_owned(), client.clone());
                Ok(list(client).await?)
            }
            listed => Ok(listed?),
        }
    }
}
