//! Bodies of Firehose's HTTP endpoint delivery, taken apart into what is landed.
//!
//! ```text
//! {"requestId", "timestamp", "records": [{"data": base64}]}
//!     data is JSON text ──> that text                       anything else ──> {"records":[RECORD]}, RECORD as it came
//! ```
//! What a record holds is not judged here. One that is no base64, is compressed, broken or empty keeps its wrapper, in which nothing of it can
//! run into its neighbours; the importer opens it, and puts it into quarantine if it is bad.
//! Source: docs.aws.amazon.com/firehose/latest/dev/httpdeliveryrequestresponse.html

use std::borrow::Cow;
use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// Bytes inflated at a time.
const PIECE: usize = 64 << 10;

/// What a body holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirehoseDelivery {
    /// The request's id.
    pub request_id: String,
    /// One per record, to be landed.
    pub records: Vec<Bytes>,
}

/// What is wrong with a body as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadDelivery {
    /// It cannot be inflated.
    #[error("the body is no gzip")]
    Gzip,
    /// It is not what Firehose sends.
    #[error(
        "the body is not `{{\"requestId\":...,\"timestamp\":...,\"records\":[...]}}`: line {line}, column {column}"
    )]
    Json {
        /// Where, from one.
        line: usize,
        /// Where in the line.
        column: usize,
    },
    /// It is larger than it may be.
    #[error("the body inflates to more than {0} bytes")]
    TooLarge(usize),
    /// There is no room to inflate it.
    #[error("no memory to inflate the body at present")]
    NoMemory,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(rename = "requestId", borrow)]
    request_id: Cow<'a, str>,
    #[serde(rename = "timestamp")]
    _timestamp: i64,
    #[serde(borrow)]
    records: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireRecord<'a> {
    #[serde(borrow)]
    data: Cow<'a, str>,
}

/// Inflates a body to at most `most` bytes. Before each piece it is asked whether there is memory for it.
///
/// # Errors
/// [`BadDelivery`], but not [`BadDelivery::Json`].
pub fn inflate(body: &[u8], most: usize, mut may_take: impl FnMut(usize) -> bool) -> Result<Bytes, BadDelivery> {
    let mut inflated = Vec::new();
    let mut reader = MultiGzDecoder::new(body);
    let mut piece = vec![0; PIECE];
    loop {
        let length = reader.read(&mut piece).map_err(|_| BadDelivery::Gzip)?;
        if length == 0 {
            return Ok(inflated.into());
        }
        if inflated.len() + length > most {
            return Err(BadDelivery::TooLarge(most));
        }
        if !may_take(length) {
            return Err(BadDelivery::NoMemory);
        }
        inflated.extend_from_slice(piece.get(..length).unwrap_or_default());
    }
}

/// Takes a body apart.
///
/// # Errors
/// [`BadDelivery::Json`].
pub fn read_delivery(body: &[u8]) -> Result<FirehoseDelivery, BadDelivery> {
    let wire: Wire<'_> = serde_json::from_slice(body)
        .map_err(|error| BadDelivery::Json { line: error.line(), column: error.column() })?;
    let records = wire.records.into_iter().map(landed).collect();
    Ok(FirehoseDelivery { request_id: wire.request_id.into_owned(), records })
}

fn landed(record: &RawValue) -> Bytes {
    let text = serde_json::from_str(record.get()).ok().and_then(|WireRecord { data }| plain(&data));
    text.map_or_else(|| format!("{{\"records\":[{}]}}", record.get()).into(), Bytes::from)
}

/// What `data` stands for, if that is whole JSON text and can lie beside others.
fn plain(data: &str) -> Option<Vec<u8>> {
    let bytes = STANDARD.decode(data).ok()?;
    let text = std::str::from_utf8(&bytes).ok()?;
    if !text.trim_ascii_start().starts_with('{') {
        return None;
    }
    let is_whole = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>().all(|value| value.is_ok());
    is_whole.then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn texts(body: &str) -> Vec<String> {
        let records = read_delivery(body.as_bytes()).unwrap().records;
        records.into_iter().map(|record| String::from_utf8(record.to_vec()).unwrap()).collect()
    }

    #[test]
    fn whole_text_is_landed_and_all_else_keeps_its_wrapper() {
        let data = |text: &str| format!("{{\"data\":\"{}\"}}", STANDARD.encode(text));
        let good = ["{\"a\":1}\n", "{\"a\":1}{\"b\":2}", " {\"x\":\"\u{1}\"}".trim(), "{\"a\":\n1}"];
        let bad = ["", "{\"a\":", "text", "{}}", "\u{1f}\u{8b}"];
        let bad = bad.map(data).into_iter().chain(
            [
                "{\"data\":\"!\"}",
                "{\"data\":7}",
                "{}",
                "7",
                "null",
                "{\"data\":\"e30\"}",
                "{ \"data\" : \"\\u0065==\" }",
            ]
            .map(str::to_owned),
        );
        let bad: Vec<String> = bad.collect();
        let all: Vec<String> = good.iter().map(|text| data(text)).chain(bad.iter().cloned()).collect();
        let body = format!("{{\"requestId\":\"r\",\"timestamp\":1,\"records\":[{}]}}", all.join(","));
        let landed = texts(&body);
        assert_eq!(landed[0], good[0]);
        assert_eq!(landed[1], good[1]);
        assert_eq!(landed[3], good[3]);
        let kept: Vec<String> = bad.iter().map(|record| format!("{{\"records\":[{record}]}}")).collect();
        assert_eq!(landed[4..], kept[..]);
    }

    #[test]
    fn bodies_that_are_none_say_where() {
        for (body, line, column) in [
            ("", 1, 0),
            ("[]", 1, 0),
            ("{\"requestId\":\"r\",\"timestamp\":1}", 1, 31),
            ("{\"requestId\":\"r\",\n\"timestamp\":\"1\",\"records\":[]}", 2, 15),
            ("{\"requestId\":\"r\",\"timestamp\":1,\"records\":[{]}", 1, 45),
        ] {
            assert_eq!(read_delivery(body.as_bytes()), Err(BadDelivery::Json { line, column }), "{body}");
        }
    }

    #[test]
    fn bombs_are_refused_before_they_are_large() {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        writer.write_all(&vec![b' '; 8 << 20]).unwrap();
        let bomb = writer.finish().unwrap();
        assert!(bomb.len() < 16 << 10);
        let mut taken = 0;
        let mut inflate_to = |most: usize| {
            taken = 0;
            inflate(&bomb, most, |bytes| {
                taken += bytes;
                taken <= 4 << 20
            })
        };
        assert_eq!(inflate_to(1 << 20), Err(BadDelivery::TooLarge(1 << 20)));
        assert_eq!(inflate_to(64 << 20), Err(BadDelivery::NoMemory));
        assert!(taken <= (4 << 20) + PIECE);
        assert_eq!(inflate(&bomb, 8 << 20, |_| true).unwrap().len(), 8 << 20);
        assert_eq!(inflate(&bomb[..100], 8 << 20, |_| true), Err(BadDelivery::Gzip));
        assert_eq!(inflate(b"{}", 8 << 20, |_| true), Err(BadDelivery::Gzip));
    }
}
