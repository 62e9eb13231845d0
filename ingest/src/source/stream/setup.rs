//! What DescribeDeliveryStream tells, as far as it matters to whoever reads what the stream wrote.

use aws_sdk_firehose::types::{
    BufferingHints, CloudWatchLoggingOptions, CompressionFormat, DeliveryStreamDescription, DestinationDescription,
    EncryptionConfiguration, ExtendedS3DestinationDescription, FailureDescription, OutputFormatConfiguration,
    ProcessingConfiguration, S3BackupMode, S3DestinationDescription,
};

/// A Firehose stream as it is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamSetup {
    /// Its name.
    pub name: String,
    /// `ACTIVE`, `CREATING`, ...
    pub status: String,
    /// Why it has this status.
    pub trouble: Option<String>,
    /// Where it delivers to.
    pub destination: Destination,
    /// Where in S3 its records lie: its destination, or its backup.
    pub place: Option<S3Place>,
    /// What is kept in S3 beside, or instead of, what is delivered.
    pub backup: Backup,
    /// The format into which records are converted: `Parquet`, `ORC`.
    pub conversion: Option<&'static str>,
    /// Whether records go to folders by their content.
    pub is_partitioned: bool,
    /// What is done to records before: `Lambda`, `AppendDelimiterToRecord`, ...
    pub processors: Vec<String>,
    /// The time zone of the dates in keys, unless it is UTC.
    pub zone: Option<String>,
    /// How records lie encrypted in the stream itself.
    pub encryption: Encryption,
    /// Whether Firehose tells CloudWatch Logs of what it cannot deliver.
    pub is_logged: bool,
}

/// A bucket and how objects are written to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct S3Place {
    /// Name of the bucket.
    pub bucket: String,
    /// Before the names of objects, with expressions.
    pub prefix: Option<String>,
    /// The same of objects with error records.
    pub error_prefix: Option<String>,
    /// `GZIP`, `UNCOMPRESSED`, ...
    pub compression: String,
    /// An object is written when so many MiB have come, or
    pub buffer_mib: Option<i32>,
    /// when the first record is so many seconds old.
    pub buffer_seconds: Option<i32>,
    /// The key of KMS with which objects are encrypted.
    pub kms_key: Option<String>,
}

/// What a stream delivers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// A bucket.
    S3,
    /// Redshift, by way of a bucket.
    Redshift,
    /// OpenSearch or Elasticsearch.
    OpenSearch,
    /// Splunk.
    Splunk,
    /// An HTTP endpoint, which may be `repute serve`.
    HttpEndpoint,
    /// Snowflake.
    Snowflake,
    /// Iceberg tables.
    Iceberg,
    /// Something newer.
    Other,
}

impl Destination {
    /// The name for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::S3 => "S3",
            Self::Redshift => "Redshift",
            Self::OpenSearch => "OpenSearch",
            Self::Splunk => "Splunk",
            Self::HttpEndpoint => "an HTTP endpoint",
            Self::Snowflake => "Snowflake",
            Self::Iceberg => "Iceberg tables",
            Self::Other => "something that is not known here",
        }
    }
}

/// What S3 keeps of the records before they were processed or delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backup {
    /// Nothing.
    Off,
    /// Those that could not be delivered.
    FailedOnly,
    /// All.
    All,
}

/// Server-side encryption of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// None.
    Off,
    /// With a key of AWS's.
    AwsKey,
    /// With a key of one's own.
    OwnKey(String),
    /// It could not be switched on or off.
    Failed(String),
}

impl StreamSetup {
    /// Whether all records lie in its bucket, and not only those that could not be delivered: Redshift copies from there.
    pub fn keeps_all(&self) -> bool {
        matches!(self.destination, Destination::S3 | Destination::Redshift) || self.backup == Backup::All
    }

    pub(super) fn of(stream: &DeliveryStreamDescription) -> Self {
        let reason = |failure: &FailureDescription| format!("{}: {}", failure.r#type.as_str(), failure.details);
        let setup = Self {
            name: stream.delivery_stream_name.clone(),
            status: stream.delivery_stream_status.as_str().to_owned(),
            trouble: stream.failure_description.as_ref().map(reason),
            destination: Destination::Other,
            place: None,
            backup: Backup::Off,
            conversion: None,
            is_partitioned: false,
            processors: Vec::new(),
            zone: None,
            encryption: encryption(stream),
            is_logged: false,
        };
        match stream.destinations.first() {
            Some(destination) => setup.with(destination),
            None => setup,
        }
    }

    fn with(self, to: &DestinationDescription) -> Self {
        if let Some(s3) = &to.extended_s3_destination_description {
            return self.with_s3(s3);
        }
        let place = |place: &Option<S3DestinationDescription>| place.as_ref().map(S3Place::of);
        macro_rules! first_of {
            ($($field:ident => $destination:expr),* $(,)?) => {$(
                if let Some(to) = &to.$field {
                    return Self {
                        destination: $destination,
                        place: place(&to.s3_destination_description),
                        backup: backup(to.s3_backup_mode.as_ref().map(|mode| mode.as_str())),
                        processors: processors(to.processing_configuration.as_ref()),
                        is_logged: is_logged(to.cloud_watch_logging_options.as_ref()),
                        ..self
                    };
                }
            )*};
        }
        first_of! {
            redshift_destination_description => Destination::Redshift,
            amazonopensearchservice_destination_description => Destination::OpenSearch,
            amazon_open_search_serverless_destination_description => Destination::OpenSearch,
            elasticsearch_destination_description => Destination::OpenSearch,
            splunk_destination_description => Destination::Splunk,
            http_endpoint_destination_description => Destination::HttpEndpoint,
            snowflake_destination_description => Destination::Snowflake,
            iceberg_destination_description => Destination::Iceberg,
        }
        match &to.s3_destination_description {
            Some(s3) => Self {
                destination: Destination::S3,
                place: Some(S3Place::of(s3)),
                is_logged: is_logged(s3.cloud_watch_logging_options.as_ref()),
                ..self
            },
            None => self,
        }
    }

    fn with_s3(self, s3: &ExtendedS3DestinationDescription) -> Self {
        let conversion = s3.data_format_conversion_configuration.as_ref();
        let conversion = conversion.filter(|conversion| conversion.enabled != Some(false));
        let place = S3Place::new(&s3.bucket_arn, &s3.compression_format, s3.buffering_hints.as_ref());
        Self {
            destination: Destination::S3,
            place: Some(S3Place {
                prefix: s3.prefix.clone(),
                error_prefix: s3.error_output_prefix.clone(),
                kms_key: kms_key(s3.encryption_configuration.as_ref()),
                ..place
            }),
            backup: if s3.s3_backup_mode == Some(S3BackupMode::Enabled) { Backup::All } else { Backup::Off },
            conversion: conversion.map(|conversion| format(conversion.output_format_configuration.as_ref())),
            is_partitioned: s3.dynamic_partitioning_configuration.as_ref().is_some_and(|to| to.enabled == Some(true)),
            processors: processors(s3.processing_configuration.as_ref()),
            zone: s3.custom_time_zone.clone().filter(|zone| zone != "UTC"),
            is_logged: is_logged(s3.cloud_watch_logging_options.as_ref()),
            ..self
        }
    }
}

impl S3Place {
    fn new(bucket: &str, compression: &CompressionFormat, buffer: Option<&BufferingHints>) -> Self {
        Self {
            // `arn:aws:s3:::bucket`
            bucket: bucket.rsplit(':').next().unwrap_or_default().to_owned(),
            compression: compression.as_str().to_owned(),
            buffer_mib: buffer.and_then(|buffer| buffer.size_in_mbs),
            buffer_seconds: buffer.and_then(|buffer| buffer.interval_in_seconds),
            ..Self::default()
        }
    }

    fn of(s3: &S3DestinationDescription) -> Self {
        Self {
            prefix: s3.prefix.clone(),
            error_prefix: s3.error_output_prefix.clone(),
            kms_key: kms_key(s3.encryption_configuration.as_ref()),
            ..Self::new(&s3.bucket_arn, &s3.compression_format, s3.buffering_hints.as_ref())
        }
    }
}

fn encryption(stream: &DeliveryStreamDescription) -> Encryption {
    let Some(encryption) = &stream.delivery_stream_encryption_configuration else { return Encryption::Off };
    let status = encryption.status.as_ref().map_or("", |status| status.as_str());
    match (status, &encryption.key_arn) {
        ("ENABLING_FAILED" | "DISABLING_FAILED", _) => {
            let why = encryption.failure_description.as_ref().map_or(status, |failure| failure.details.as_str());
            Encryption::Failed(why.to_owned())
        }
        ("ENABLED" | "ENABLING", Some(key)) => Encryption::OwnKey(key.clone()),
        ("ENABLED" | "ENABLING", None) => Encryption::AwsKey,
        _ => Encryption::Off,
    }
}

fn kms_key(encryption: Option<&EncryptionConfiguration>) -> Option<String> {
    Some(encryption?.kms_encryption_config.as_ref()?.awskms_key_arn.clone())
}

/// The names of the modes differ from destination to destination.
fn backup(mode: Option<&str>) -> Backup {
    match mode {
        Some("AllData" | "AllDocuments" | "AllEvents" | "Enabled") => Backup::All,
        Some(mode) if mode.starts_with("Failed") => Backup::FailedOnly,
        _ => Backup::Off,
    }
}

fn processors(processing: Option<&ProcessingConfiguration>) -> Vec<String> {
    let processing = processing.filter(|processing| processing.enabled == Some(true));
    let all = processing.and_then(|processing| processing.processors.as_deref()).unwrap_or_default();
    all.iter().map(|processor| processor.r#type.as_str().to_owned()).collect()
}

fn format(output: Option<&OutputFormatConfiguration>) -> &'static str {
    let serializer = output.and_then(|output| output.serializer.as_ref());
    match serializer {
        Some(serializer) if serializer.orc_ser_de.is_some() => "ORC",
        _ => "Parquet",
    }
}

fn is_logged(logging: Option<&CloudWatchLoggingOptions>) -> bool {
    logging.is_some_and(|logging| logging.enabled == Some(true))
}
