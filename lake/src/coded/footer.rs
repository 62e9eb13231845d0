//! Where the columns of a file lie, and what its footer says of them.

use std::ops::Range;
use std::sync::Arc;

use object_store::ObjectStore;
use parquet::basic::{ConvertedType, Encoding, LogicalType, TimeUnit, Type};
use parquet::errors::Result;
use parquet::file::metadata::{
    ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader, ParquetStatisticsPolicy,
};
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnDescriptor;

use super::{Coding, GroupFacts, wrong};
use crate::reader::StoredFile;
use crate::schema::column;
use crate::table::DataFile;

/// Leaves of the time columns in the files that this crate writes; of others nothing is known in advance.
const TIMES: [usize; 2] = [0, 1];

/// Bytes read from a file's end at first: more than any footer of this crate's files has.
const FOOTER_BYTES: usize = 48 * 1024;

/// The footer of one file.
#[derive(Debug)]
pub(super) struct Footer(Arc<ParquetMetaData>);

/// Where a column chunk lies.
#[derive(Debug, Clone)]
pub(super) struct ChunkPlace {
    metadata: Arc<ParquetMetaData>,
    group: usize,
    leaf: usize,
}

impl Footer {
    pub(super) async fn read(store: &Arc<dyn ObjectStore>, file: &DataFile) -> Result<Self> {
        let options = ParquetMetaDataOptions::new()
            .with_column_stats_policy(ParquetStatisticsPolicy::skip_except(&TIMES))
            .with_encoding_stats_policy(ParquetStatisticsPolicy::SkipAll)
            .with_size_stats_policy(ParquetStatisticsPolicy::SkipAll);
        let reader =
            ParquetMetaDataReader::new().with_metadata_options(Some(options)).with_prefetch_hint(Some(FOOTER_BYTES));
        let metadata = reader.load_and_finish(&mut StoredFile::of(store, file), file.size).await?;
        for chunk in metadata.row_groups().iter().flat_map(|group| group.columns()) {
            let first = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
            if first < 0 || chunk.compressed_size() < 0 {
                return Err(wrong("a column lies at a negative place"));
            }
        }
        if metadata.row_groups().iter().any(|group| u32::try_from(group.num_rows()).is_err()) {
            return Err(wrong("a row group of more rows than can be numbered"));
        }
        Ok(Self(Arc::new(metadata)))
    }

    pub(super) fn groups(&self) -> usize {
        self.0.num_row_groups()
    }

    /// How many column chunks there are.
    pub(super) fn chunks(&self) -> usize {
        self.0.row_groups().iter().map(|group| group.num_columns()).sum()
    }

    pub(super) fn facts(&self, group: usize) -> GroupFacts {
        let Some(of_group) = self.0.row_groups().get(group) else { return GroupFacts::default() };
        let statistics = |name: &str| {
            let [leaf] = self.leaves(name)[..] else { return None };
            of_group.column(leaf).statistics()
        };
        let sent = statistics(column::SENT_TIME);
        GroupFacts {
            rows: usize::try_from(of_group.num_rows()).unwrap_or_default(),
            event_time: statistics(column::EVENT_TIME).and_then(range),
            sent_time: sent.and_then(range),
            sent_time_nulls: sent.and_then(Statistics::null_count_opt),
        }
    }

    pub(super) fn can_read(&self, name: &str, coding: Coding) -> bool {
        let leaves = self.leaves(name);
        let schema = self.0.file_metadata().schema_descr();
        let descriptions: Vec<_> = leaves.iter().map(|leaf| schema.column(*leaf)).collect();
        let is_known = match (coding, descriptions.as_slice()) {
            // Without these nothing can be counted, and the engine says so.
            (_, []) => ![column::EVENT_TYPE, column::EVENT_TIME].contains(&name),
            (Coding::Text, [text]) => is_flat(text) && text.physical_type() == Type::BYTE_ARRAY,
            (Coding::Time, [time]) => is_flat(time) && is_microseconds(time),
            (Coding::Number, [number]) => is_flat(number) && is_whole(number),
            (Coding::Map, [key, value]) => {
                let is_text = |d: &ColumnDescriptor| d.max_rep_level() == 1 && d.physical_type() == Type::BYTE_ARRAY;
                // An entry is one level above an empty map; only its value may be null.
                let deeper = value.max_def_level() - key.max_def_level();
                is_text(key) && is_text(value) && key.max_def_level() > 0 && (0..=1).contains(&deeper)
            }
            _ => false,
        };
        let chunks = || self.0.row_groups().iter().flat_map(|group| leaves.iter().map(|leaf| group.column(*leaf)));
        is_known && chunks().all(|chunk| is_encoded_plainly(chunk, coding))
    }

    pub(super) fn places(&self, group: usize, name: &str) -> Vec<ChunkPlace> {
        let place = |leaf| ChunkPlace { metadata: Arc::clone(&self.0), group, leaf };
        self.leaves(name).into_iter().map(place).collect()
    }

    fn leaves(&self, name: &str) -> Vec<usize> {
        let columns = self.0.file_metadata().schema_descr().columns();
        let is_of = |column: &ColumnDescriptor| column.path().parts().first().is_some_and(|root| root == name);
        columns.iter().enumerate().filter(|(_, column)| is_of(column)).map(|(leaf, _)| leaf).collect()
    }
}

impl ChunkPlace {
    pub(super) fn metadata(&self) -> &ColumnChunkMetaData {
        self.metadata.row_group(self.group).column(self.leaf)
    }

    pub(super) fn range(&self) -> Range<u64> {
        let (start, length) = self.metadata().byte_range();
        start..start.saturating_add(length)
    }
}

fn is_flat(column: &ColumnDescriptor) -> bool {
    column.path().parts().len() == 1 && column.max_rep_level() == 0 && column.max_def_level() <= 1
}

fn is_microseconds(column: &ColumnDescriptor) -> bool {
    let is_logical =
        matches!(column.logical_type_ref(), Some(LogicalType::Timestamp(of)) if of.unit == TimeUnit::MICROS);
    column.physical_type() == Type::INT64 && (is_logical || column.converted_type() == ConvertedType::TIMESTAMP_MICROS)
}

fn is_whole(column: &ColumnDescriptor) -> bool {
    let is_signed = match column.logical_type_ref() {
        None => matches!(column.converted_type(), ConvertedType::NONE | ConvertedType::INT_64),
        Some(logical) => matches!(logical, LogicalType::Integer(of) if of.is_signed),
    };
    column.physical_type() == Type::INT64 && is_signed
}

fn is_encoded_plainly(chunk: &ColumnChunkMetaData, coding: Coding) -> bool {
    chunk.encodings().all(|encoding| match encoding {
        // Some writers name the old encoding of levels, of which there are none then; a page says what it really has.
        Encoding::PLAIN | Encoding::RLE | Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY => true,
        #[expect(deprecated, reason = "files name it")]
        Encoding::BIT_PACKED => true,
        _ => matches!(coding, Coding::Time | Coding::Number),
    })
}

fn range(statistics: &Statistics) -> Option<(i64, i64)> {
    match statistics {
        Statistics::Int64(values) => values.min_opt().copied().zip(values.max_opt().copied()),
        _ => None,
    }
}
