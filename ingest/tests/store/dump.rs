//! Objects made by hand, with the rows and bad records that are in them.

use std::collections::BTreeSet;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use repute_ingest::{Content, Input, SourceObject};
use repute_lake::ObjectKey;

/// A row: message id and recipient.
pub(crate) type Row = (String, String);

/// A bad record: name of the object and byte offset.
pub(crate) type Bad = (String, i64);

/// An object and what is in it.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) name: String,
    pub(crate) bytes: Bytes,
    pub(crate) rows: BTreeSet<Row>,
    pub(crate) bad: BTreeSet<Bad>,
    pub(crate) records: u64,
}

/// Objects of a dump; some records occur in several objects or twice in one.
#[derive(Debug, Clone)]
pub(crate) struct Dump {
    pub(crate) objects: Vec<Object>,
    pub(crate) events: u64,
}

impl Dump {
    pub(crate) fn generate(random: &mut ChaCha8Rng, objects: usize, days: u64) -> Self {
        let mut made: Vec<(u64, usize, u64)> = Vec::new();
        let objects = (0..objects)
            .map(|number| {
                let mut object = Builder::new(format!("memory:///dump/{number:03}"));
                for _ in 0..random.random_range(1..=4) {
                    let repeated = !made.is_empty() && random.random_bool(0.2);
                    let event = if repeated {
                        made[random.random_range(0..made.len())]
                    } else {
                        let new = (made.len() as u64, random.random_range(1..=2), random.random_range(0..days));
                        made.push(new);
                        new
                    };
                    object.event(event);
                    if random.random_bool(0.1) {
                        object.bad();
                    }
                }
                object.0
            })
            .collect();
        Self { objects, events: made.len() as u64 }
    }

    pub(crate) fn rows(&self) -> BTreeSet<Row> {
        self.objects.iter().flat_map(|object| object.rows.iter().cloned()).collect()
    }

    pub(crate) fn bad(&self) -> BTreeSet<Bad> {
        self.objects.iter().flat_map(|object| object.bad.iter().cloned()).collect()
    }

    pub(crate) fn records(&self) -> u64 {
        self.objects.iter().map(|object| object.records).sum()
    }

    pub(crate) fn names(&self) -> BTreeSet<String> {
        self.objects.iter().map(|object| object.name.clone()).collect()
    }

    /// All objects, well readable.
    pub(crate) fn sources(&self) -> Vec<SourceObject> {
        self.objects.iter().map(|object| object.source(Trouble::None)).collect()
    }
}

struct Builder(Object, Vec<u8>);

impl Builder {
    fn new(name: String) -> Self {
        let object = Object { name, bytes: Bytes::new(), rows: BTreeSet::new(), bad: BTreeSet::new(), records: 0 };
        Self(object, Vec::new())
    }

    fn add(&mut self, line: &str) {
        self.1.extend_from_slice(line.as_bytes());
        self.0.bytes = Bytes::from(self.1.clone());
        self.0.records += 1;
    }

    fn event(&mut self, (number, recipients, day): (u64, usize, u64)) {
        let id = format!("m{number}");
        let to: Vec<String> = (0..recipients).map(|n| format!("r{n}@b.example")).collect();
        let (hour, minute) = (number / 60 % 24, number % 60);
        self.add(&format!(
            "{{\"eventType\":\"Send\",\"mail\":{{\"timestamp\":\"2026-10-{:02}T{hour:02}:{minute:02}:00.000Z\",\
             \"messageId\":\"{id}\",\"source\":\"a@a.example\",\"sendingAccountId\":\"111122223333\",\
             \"destination\":[\"{}\"]}},\"send\":{{}}}}\n",
            5 + day,
            to.join("\",\"")
        ));
        self.0.rows.extend(to.into_iter().map(|to| (id.clone(), to)));
    }

    fn bad(&mut self) {
        self.0.bad.insert((self.0.name.clone(), self.1.len() as i64));
        self.add("{\"eventType\":\"Send\",\"mail\":{}}\n");
    }
}

/// What goes wrong when an object is opened for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    None,
    /// 404 after it was listed.
    Gone,
    /// Half of it can be read.
    Cut,
}

impl Object {
    pub(crate) fn source(&self, trouble: Trouble) -> SourceObject {
        let key = ObjectKey { name: self.name.clone(), etag: "1".to_owned() };
        let content = InMemory { bytes: self.bytes.clone(), trouble, opened: AtomicU32::new(0) };
        SourceObject::new(key, self.bytes.len() as u64, Arc::new(content))
    }
}

#[derive(Debug)]
struct InMemory {
    bytes: Bytes,
    trouble: Trouble,
    opened: AtomicU32,
}

impl Content for InMemory {
    fn open(&self) -> io::Result<Box<dyn Input>> {
        let first = self.opened.fetch_add(1, Ordering::Relaxed) == 0;
        match self.trouble {
            Trouble::Gone if first => Err(io::Error::new(io::ErrorKind::NotFound, "404 after a listing")),
            Trouble::Cut if first => {
                Ok(Box::new(Cut { left: self.bytes.len() / 2, input: Cursor::new(self.bytes.clone()) }))
            }
            _ => Ok(Box::new(Cursor::new(self.bytes.clone()))),
        }
    }
}

struct Cut {
    left: usize,
    input: Cursor<Bytes>,
}

impl Read for Cut {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let length = buffer.len().min(self.left);
        let read = self.input.read(&mut buffer[..length])?;
        self.left -= read;
        Ok(read)
    }
}

impl Seek for Cut {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.input.seek(to)
    }
}
