use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int64Array, MapArray, RecordBatch, StringArray, StructArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Schema};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder, WriterVersion};
use parquet::schema::types::ColumnPath;

use super::*;
use crate::schema::{column, map_entries, timestamp};
use crate::statistics::FileStatistics;

/// A row's tags.
type Tags = Vec<(String, Option<String>)>;

/// Rows of a file, and what must be read of them.
#[derive(Clone, Debug, PartialEq, Default)]
struct Truth {
    event_type: Vec<Option<String>>,
    domain: Vec<Option<String>>,
    recipient: Vec<Option<String>>,
    event_time: Vec<Option<i64>>,
    sent_time: Vec<Option<i64>>,
    tags: Vec<Option<Tags>>,
}

/// A sequence that looks random, the same every time.
struct Dice(u64);

impl Dice {
    fn up_to(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

fn rows(count: usize, seed: u64) -> Truth {
    let mut dice = Dice(seed);
    let mut truth = Truth::default();
    for row in 0..count {
        let text = |prefix: &str, number: u64| Some(format!("{prefix}{number}"));
        // Long stretches of the same, and of nothing, as well as change.
        let is_calm = row % 1_000 < 300;
        truth.event_type.push(text("Type", if is_calm { 1 } else { dice.up_to(10) }));
        truth.domain.push(match dice.up_to(10) {
            0 => None,
            _ if is_calm => None,
            _ => text("größe", dice.up_to(700)),
        });
        truth.recipient.push(text("jane", dice.up_to(1 << 40)));
        truth.event_time.push(Some(1_700_000_000_000_000 + row as i64 * 977));
        truth.sent_time.push((dice.up_to(7) > 0).then(|| dice.up_to(1 << 50) as i64));
        let tags = (0..dice.up_to(5)).map(|_| {
            let key = format!("key{}", dice.up_to(4));
            let value = (dice.up_to(9) > 0).then(|| format!("value{}", dice.up_to(30)));
            (key, value)
        });
        let tags: Vec<_> = tags.collect();
        truth.tags.push((dice.up_to(11) > 0).then_some(tags));
    }
    truth
}

fn maps(tags: &[Option<Tags>]) -> ArrayRef {
    let entries = || tags.iter().flatten().flatten();
    let keys: StringArray = entries().map(|(key, _)| Some(key.as_str())).collect();
    let values: StringArray = entries().map(|(_, value)| value.as_deref()).collect();
    let entries_field = map_entries();
    let DataType::Struct(fields) = entries_field.data_type().clone() else { unreachable!() };
    let entries = StructArray::new(fields, vec![Arc::new(keys), Arc::new(values)], None);
    let offsets = OffsetBuffer::from_lengths(tags.iter().map(|tags| tags.as_ref().map_or(0, Vec::len)));
    let nulls = NullBuffer::from_iter(tags.iter().map(Option::is_some));
    Arc::new(MapArray::new(entries_field, offsets, entries, Some(nulls), false))
}

fn batch(truth: &Truth) -> RecordBatch {
    let text = |texts: &[Option<String>]| Arc::new(texts.iter().cloned().collect::<StringArray>()) as ArrayRef;
    let time = |times: &[Option<i64>]| {
        Arc::new(TimestampMicrosecondArray::from(times.to_vec()).with_timezone("UTC")) as ArrayRef
    };
    let columns = vec![
        (Field::new(column::EVENT_TIME, timestamp(), false), time(&truth.event_time)),
        (Field::new(column::SENT_TIME, timestamp(), true), time(&truth.sent_time)),
        (Field::new(column::EVENT_TYPE, DataType::Utf8, false), text(&truth.event_type)),
        (Field::new(column::RECIPIENT_DOMAIN, DataType::Utf8, true), text(&truth.domain)),
        (Field::new(column::RECIPIENT, DataType::Utf8, true), text(&truth.recipient)),
        (Field::new(column::TAGS, DataType::Map(map_entries(), false), true), maps(&truth.tags)),
        (
            Field::new(column::PROCESSING_MS, DataType::Int64, true),
            Arc::new(Int64Array::from(vec![1; truth.domain.len()])) as ArrayRef,
        ),
    ];
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

fn file(truth: &Truth, properties: WriterProperties) -> Vec<u8> {
    let batch = batch(truth);
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

async fn stored(bytes: Vec<u8>) -> (CodedFiles, DataFile) {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let (path, size) = (Path::from("a.parquet"), bytes.len() as u64);
    store.put(&path, bytes.into()).await.unwrap();
    let file = DataFile { path, size, event_date: None, statistics: FileStatistics::default() };
    (CodedFiles::new(store), file)
}

fn columns() -> Vec<(String, Coding)> {
    let mut columns = vec![(column::TAGS.to_owned(), Coding::Map)];
    columns.extend([column::EVENT_TIME, column::SENT_TIME].map(|name| (name.to_owned(), Coding::Time)));
    let texts = [column::EVENT_TYPE, column::RECIPIENT_DOMAIN, column::RECIPIENT, column::TENANT];
    columns.extend(texts.map(|name| (name.to_owned(), Coding::Text)));
    columns
}

fn texts(coded: &CodedTexts) -> Result<Vec<Option<String>>, LakeError> {
    let all: Vec<String> = coded.texts().map(str::to_owned).collect();
    let numbers: Vec<u32> = (1..).take(all.len()).collect();
    let numbers = coded.translate(0, &numbers)?;
    Ok(numbers.into_iter().map(|number| number.checked_sub(1).map(|at| all[at as usize].clone())).collect())
}

/// All rows, with what each of four keys holds in place of the tags.
async fn read(coded: &CodedFiles, file: &DataFile) -> Result<(Truth, Vec<Vec<Option<String>>>), LakeError> {
    let opened = coded.open(file).await?;
    assert!(opened.can_read(&columns()));
    let (mut truth, mut tags) = (Truth::default(), vec![Vec::new(); 4]);
    for number in 0..opened.groups() {
        let group = opened.read(number, &columns()).await?;
        let times = |name| -> Result<Vec<Option<i64>>, LakeError> {
            let CodedTimes { times, nulls } = group.times(name)?;
            let is_null = |row: usize| nulls.get(row).copied().unwrap_or(false);
            Ok(times.into_iter().enumerate().map(|(row, time)| (!is_null(row)).then_some(time)).collect())
        };
        truth.event_type.extend(texts(&group.texts(column::EVENT_TYPE)?)?);
        truth.domain.extend(texts(&group.texts(column::RECIPIENT_DOMAIN)?)?);
        truth.recipient.extend(texts(&group.texts(column::RECIPIENT)?)?);
        truth.event_time.extend(times(column::EVENT_TIME)?);
        truth.sent_time.extend(times(column::SENT_TIME)?);
        assert_eq!(texts(&group.texts(column::TENANT)?)?, vec![None; group.rows()], "a column that is not there");
        for (key, values) in tags.iter_mut().enumerate() {
            values.extend(texts(&group.under_key(column::TAGS, &format!("key{key}"))?)?);
        }
    }
    Ok((truth, tags))
}

fn under_key(truth: &Truth, key: &str) -> Vec<Option<String>> {
    let value =
        |tags: &Option<Tags>| tags.as_ref()?.iter().find(|(name, _)| name == key).and_then(|(_, value)| value.clone());
    truth.tags.iter().map(value).collect()
}

async fn assert_read(bytes: Vec<u8>, truth: &Truth, what: &str) {
    let (coded, file) = stored(bytes).await;
    let (read, tags) = read(&coded, &file).await.unwrap();
    assert_eq!(Truth { tags: truth.tags.clone(), ..read }, *truth, "{what}");
    for (key, values) in tags.iter().enumerate() {
        assert_eq!(*values, under_key(truth, &format!("key{key}")), "{what}, key {key}");
    }
}

#[tokio::test]
async fn files_of_any_writer_are_read() {
    let usual = || WriterProperties::builder().set_max_row_group_row_count(Some(3_000));
    type Change = fn(WriterPropertiesBuilder) -> WriterPropertiesBuilder;
    let writers: [(&str, Change); 7] = [
        ("dictionaries", |p| p.set_compression(Compression::ZSTD(ZstdLevel::try_new(1).unwrap()))),
        ("snappy, small pages", |p| p.set_compression(Compression::SNAPPY).set_data_page_row_count_limit(100)),
        ("pages of version 2", |p| {
            p.set_writer_version(WriterVersion::PARQUET_2_0)
                .set_column_encoding(ColumnPath::from(column::RECIPIENT), Encoding::PLAIN)
                .set_data_page_row_count_limit(700)
                .set_compression(Compression::SNAPPY)
        }),
        ("no dictionaries", |p| p.set_dictionary_enabled(false)),
        ("dictionaries given up", |p| p.set_dictionary_page_size_limit(2_000).set_data_page_row_count_limit(500)),
        ("dictionaries given up at once", |p| p.set_dictionary_page_size_limit(1)),
        ("nothing known", |p| {
            p.set_statistics_enabled(parquet::file::properties::EnabledStatistics::None)
                .set_column_encoding(ColumnPath::from(column::EVENT_TIME), Encoding::DELTA_BINARY_PACKED)
                .set_column_dictionary_enabled(ColumnPath::from(column::EVENT_TIME), false)
        }),
    ];
    for (name, change) in writers {
        for count in [0, 1, 9, 7_001] {
            let truth = rows(count, count as u64);
            // Without a dictionary, version 2 would encode texts as what is left to the engine.
            let properties = change(usual());
            let properties = if name == "pages of version 2" {
                let plain =
                    |p: WriterPropertiesBuilder, name| p.set_column_encoding(ColumnPath::new(name), Encoding::PLAIN);
                let key_value = |leaf: &str| vec!["tags".to_owned(), "key_value".to_owned(), leaf.to_owned()];
                let all = [column::EVENT_TYPE, column::RECIPIENT_DOMAIN].map(|name| vec![name.to_owned()]);
                all.into_iter().chain(["key", "value"].map(key_value)).fold(properties, plain)
            } else {
                properties
            };
            assert_read(file(&truth, properties.build()), &truth, name).await;
        }
    }
}

/// The lake's own files: from numbers, some of which are not used.
#[tokio::test]
async fn files_of_our_own_are_read() {
    let truth = rows(40_000, 5);
    let plain = batch(&truth);
    let coded = |index: usize| {
        let values = plain.column(index);
        let texts = values.as_any().downcast_ref::<StringArray>().unwrap();
        let (mut list, mut keys) = (vec!["of no row".to_owned()], Vec::new());
        for text in texts {
            keys.push(text.map(|text| {
                list.iter().position(|known| known == text).unwrap_or_else(|| {
                    list.push(text.to_owned());
                    list.len() - 1
                }) as u32
            }));
        }
        let keys = UInt32Array::from(keys);
        Arc::new(arrow::array::DictionaryArray::new(keys, Arc::new(StringArray::from(list)))) as ArrayRef
    };
    let columns: Vec<ArrayRef> = (plain.columns().iter().enumerate())
        .map(|(index, array)| if index == 2 || index == 3 { coded(index) } else { Arc::clone(array) })
        .collect();
    let fields: Vec<Field> = (plain.schema().fields().iter().zip(&columns))
        .map(|(field, array)| field.as_ref().clone().with_data_type(array.data_type().clone()))
        .collect();
    let coded = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    let rows = crate::encode::Rows { schema: plain.schema(), ..crate::encode::Rows::all(coded) };
    let bytes = crate::encode::encode(&rows, true, 2).await.unwrap();
    assert_read(bytes, &truth, "our own").await;
}

#[tokio::test]
async fn what_is_known_of_a_row_group_is_told() {
    let truth = rows(5_000, 3);
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(3_000)).build();
    let (coded, file) = stored(file(&truth, properties)).await;
    let opened = coded.open(&file).await.unwrap();
    assert_eq!(opened.groups(), 2);
    let facts = opened.facts(1);
    let sent: Vec<i64> = truth.sent_time[3_000..].iter().flatten().copied().collect();
    assert_eq!(facts.rows, 2_000);
    assert_eq!(facts.event_time, truth.event_time[3_000].zip(truth.event_time[4_999]));
    assert_eq!(facts.sent_time, sent.iter().min().copied().zip(sent.iter().max().copied()));
    assert_eq!(facts.sent_time_nulls, Some(2_000 - sent.len() as u64));
}

#[tokio::test]
async fn other_columns_are_left_to_the_engine() {
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_column_encoding(ColumnPath::from(column::RECIPIENT), Encoding::DELTA_BYTE_ARRAY)
        .build();
    let (coded, file) = stored(file(&rows(10, 1), properties)).await;
    let opened = coded.open(&file).await.unwrap();
    let can_read = |name: &str, coding| opened.can_read(&[(name.to_owned(), coding)]);
    assert!(can_read(column::RECIPIENT_DOMAIN, Coding::Text));
    assert!(!can_read(column::RECIPIENT, Coding::Text), "an encoding that is not known here");
    assert!(!can_read(column::PROCESSING_MS, Coding::Text) && !can_read(column::PROCESSING_MS, Coding::Time));
    assert!(!can_read(column::TAGS, Coding::Text) && !can_read(column::RECIPIENT_DOMAIN, Coding::Map));
    assert!(can_read(column::EVENT_TIME, Coding::Time) && !can_read(column::EVENT_TIME, Coding::Text));
    assert!(can_read(column::PROCESSING_MS, Coding::Number) && can_read(column::EXPIRATION_TIME, Coding::Number));
    assert!(!can_read(column::EVENT_TIME, Coding::Number) && !can_read(column::RECIPIENT_DOMAIN, Coding::Number));
    let group = opened.read(0, &[(column::PROCESSING_MS.to_owned(), Coding::Number)]).await.unwrap();
    let (read, lacking) =
        (group.numbers(column::PROCESSING_MS).unwrap(), group.numbers(column::EXPIRATION_TIME).unwrap());
    assert_eq!((read.times, read.nulls), (vec![1; 10], vec![]));
    assert_eq!(lacking.nulls, [true; 10], "a column that the file lacks");
}

/// A damaged file is an error or a wrong answer that a checksum tells, never a panic.
#[tokio::test]
async fn damage_is_survived() {
    let truth = rows(3_000, 9);
    let mut dice = Dice(1);
    for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY] {
        let properties = WriterProperties::builder().set_compression(compression).set_dictionary_page_size_limit(9_000);
        let sound = file(&truth, properties.build());
        let mut refused = 0;
        for _ in 0..1_500 {
            let mut bytes = sound.clone();
            for _ in 0..=dice.up_to(2) {
                let at = dice.up_to(bytes.len() as u64) as usize;
                bytes[at] ^= 1 << dice.up_to(8);
            }
            let (coded, file) = stored(bytes).await;
            let Ok(opened) = coded.open(&file).await else {
                refused += 1;
                continue;
            };
            if opened.can_read(&columns()) {
                refused += usize::from(read(&coded, &file).await.is_err());
            }
        }
        assert!(refused > 0);
    }
}
