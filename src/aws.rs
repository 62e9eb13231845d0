//! AWS clients, set up as the AWS tools are: environment, profiles, and the roles of instances and containers.

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

/// So often a request is made before it has failed, unless `AWS_MAX_ATTEMPTS` says otherwise; with the pauses between them that is
/// about half a minute. A later import makes good what is left.
const ATTEMPTS: u32 = 6;

/// Where no region is set.
const REGION: &str = "us-east-1";

/// A client for Firehose, at another endpoint than AWS's if given.
pub(crate) async fn firehose(endpoint: Option<&str>) -> aws_sdk_firehose::Client {
    let loader = aws_config::defaults(BehaviorVersion::latest());
    let loader = match endpoint {
        Some(url) => loader.endpoint_url(url),
        None => loader,
    };
    aws_sdk_firehose::Client::new(&loader.load().await)
}

/// A client for SNS in this region, or in that of the settings.
pub(crate) async fn sns(region: Option<&str>) -> aws_sdk_sns::Client {
    let loader = aws_config::defaults(BehaviorVersion::latest());
    let loader = match region {
        Some(region) => loader.region(Region::new(region.to_owned())),
        None => loader,
    };
    aws_sdk_sns::Client::new(&loader.load().await)
}

/// A client for SQS in this region, or in that of the settings.
pub(crate) async fn sqs(region: Option<&str>) -> aws_sdk_sqs::Client {
    let loader = aws_config::defaults(BehaviorVersion::latest());
    let loader = match region {
        Some(region) => loader.region(Region::new(region.to_owned())),
        None => loader,
    };
    aws_sdk_sqs::Client::new(&loader.load().await)
}

/// What the SDK says in an error's place, with all causes.
pub(crate) fn failed<E, R>(error: &SdkError<E, R>, what: &str) -> anyhow::Error
where
    SdkError<E, R>: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let said = match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        _ => DisplayErrorContext(error).to_string(),
    };
    anyhow::anyhow!("{what}: {said}")
}

/// A client for S3.
pub(crate) async fn s3() -> aws_sdk_s3::Client {
    let config = patient(aws_config::defaults(BehaviorVersion::latest())).load().await;
    let region = config.region().cloned().unwrap_or(Region::from_static(REGION));
    let settings = aws_sdk_s3::config::Builder::from(&config)
        .region(region)
        // Servers other than AWS's know buckets by path, and not all of them know checksums.
        .force_path_style(has_endpoint(&config))
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    aws_sdk_s3::Client::from_conf(settings.build())
}

fn patient(loader: ConfigLoader) -> ConfigLoader {
    if std::env::var_os("AWS_MAX_ATTEMPTS").is_some() {
        return loader;
    }
    loader.retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
}

fn has_endpoint(config: &SdkConfig) -> bool {
    config.endpoint_url().is_some() || std::env::var_os("AWS_ENDPOINT_URL_S3").is_some()
}
