//! AWS clients, set up as the AWS tools are: environment, profiles, and the roles of instances and containers.

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_s3::config::{
    ConfigBag, Intercept, RequestChecksumCalculation, ResponseChecksumValidation, RuntimeComponents,
};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

/// So often a request is made before it has failed, unless `AWS_MAX_ATTEMPTS` says otherwise; with the pauses between them that is
/// about half a minute. A later import makes good what is left.
const ATTEMPTS: u32 = 6;

/// Where no region is set.
const REGION: &str = "us-east-1";

/// A client for Firehose, at another endpoint than AWS's if given.
pub(crate) async fn firehose(endpoint: Option<&str>) -> aws_sdk_firehose::Client {
    let loader = patient(aws_config::defaults(BehaviorVersion::latest()));
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

/// What the SDK says, behind what could not be done.
pub(crate) fn failed<E, R>(error: &SdkError<E, R>, what: &str) -> anyhow::Error
where
    SdkError<E, R>: std::error::Error + ProvideErrorMetadata,
{
    anyhow::anyhow!("{what}: {}", repute_ingest::said(error))
}

/// How buckets are reached.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reach {
    /// Another endpoint than that of the settings.
    pub(crate) endpoint: Option<String>,
    /// Another region than that of the settings.
    pub(crate) region: Option<String>,
    /// Whether we pay for requests and transfer.
    pub(crate) requester_pays: bool,
}

/// A client for S3.
pub(crate) async fn s3() -> aws_sdk_s3::Client {
    s3_at(&Reach::default()).await
}

/// The same, reached in this way.
pub(crate) async fn s3_at(reach: &Reach) -> aws_sdk_s3::Client {
    let config = patient(aws_config::defaults(BehaviorVersion::latest())).load().await;
    let given = reach.region.clone().map(Region::new);
    let region = given.or_else(|| config.region().cloned()).unwrap_or(Region::from_static(REGION));
    let mut settings = aws_sdk_s3::config::Builder::from(&config)
        .region(region)
        // Servers other than AWS's know buckets by path, and not all of them know checksums.
        .force_path_style(reach.endpoint.is_some() || has_endpoint(&config))
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    if let Some(endpoint) = &reach.endpoint {
        settings = settings.endpoint_url(endpoint);
    }
    if reach.requester_pays {
        settings = settings.interceptor(RequesterPays);
    }
    aws_sdk_s3::Client::from_conf(settings.build())
}

/// Says with every request that we pay for it.
#[derive(Debug)]
struct RequesterPays;

impl Intercept for RequesterPays {
    fn name(&self) -> &'static str {
        "RequesterPays"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        context.request_mut().headers_mut().insert("x-amz-request-payer", "requester");
        Ok(())
    }
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
