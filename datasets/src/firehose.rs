//! Objects as Firehose puts them into a bucket: `YYYY/MM/DD/HH/<stream>-<version>-<time>-<uuid>`, named for the arrival
//! of their first record and closed by size or age (<https://docs.aws.amazon.com/firehose/latest/dev/s3-object-name.html>).

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use chrono::DateTime;
use flate2::Compression;
use flate2::write::GzEncoder;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::error::GenerateError;
use crate::plan::{Framing, Plan};
use crate::wire::text;

/// One delivery stream into a folder.
pub(crate) struct Firehose {
    root: PathBuf,
    framing: Framing,
    gzip: bool,
    most_bytes: usize,
    most_milliseconds: i64,
    /// Draws object names and nothing else, so that how objects are cut changes no event.
    names: ChaCha8Rng,
    buffer: String,
    opened: i64,
    pub(crate) objects: u64,
    pub(crate) bytes: u64,
    pub(crate) decoded_bytes: u64,
}

impl Firehose {
    pub(crate) fn new(plan: &Plan, root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            framing: plan.framing,
            gzip: plan.gzip,
            most_bytes: usize::try_from(plan.buffer_bytes).unwrap_or(usize::MAX),
            most_milliseconds: i64::from(plan.buffer_seconds) * 1_000,
            names: ChaCha8Rng::seed_from_u64(plan.seed ^ 0x6669_7265_686f_7365),
            buffer: String::new(),
            opened: 0,
            objects: 0,
            bytes: 0,
            decoded_bytes: 0,
        }
    }

    /// Takes a record that arrives at `time` and is appended by `write`; gives it back as it was written.
    pub(crate) fn put(&mut self, time: i64, write: impl FnOnce(&mut String)) -> Result<&str, GenerateError> {
        if self.buffer.len() >= self.most_bytes || time - self.opened >= self.most_milliseconds {
            self.close()?;
        }
        if self.buffer.is_empty() {
            self.opened = time;
        }
        let start = self.buffer.len();
        write(&mut self.buffer);
        let end = self.buffer.len();
        if self.framing == Framing::Ndjson {
            self.buffer.push('\n');
        }
        Ok(&self.buffer[start..end])
    }

    /// Writes what is buffered as an object.
    pub(crate) fn close(&mut self) -> Result<(), GenerateError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let name = self.object_name();
        let path = self.root.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(GenerateError::write(folder))?;
        }
        self.bytes += store(&path, self.buffer.as_bytes(), self.gzip).map_err(GenerateError::write(&path))?;
        self.decoded_bytes += self.buffer.len() as u64;
        self.objects += 1;
        self.buffer.clear();
        Ok(())
    }

    fn object_name(&mut self) -> String {
        let time = DateTime::from_timestamp_millis(self.opened).unwrap_or_default();
        let mut name = time.format("%Y/%m/%d/%H/ses-events-1-%Y-%m-%d-%H-%M-%S-").to_string();
        text::uuid(&mut name, &mut self.names);
        if self.gzip {
            name.push_str(".gz");
        }
        name
    }
}

/// Writes one object and says how large it became.
fn store(path: &Path, content: &[u8], gzip: bool) -> io::Result<u64> {
    let mut file = File::create(path)?;
    if gzip {
        let mut encoder = GzEncoder::new(file, Compression::fast());
        encoder.write_all(content)?;
        file = encoder.finish()?;
    } else {
        file.write_all(content)?;
    }
    Ok(file.metadata()?.len())
}
