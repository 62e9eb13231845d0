//! What the AWS SDK says of a request that failed, for people.

use std::error::Error;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

/// The service's code and message, or whatever kept the request from it.
pub fn said<E, R>(error: &SdkError<E, R>) -> String
where
    SdkError<E, R>: Error + ProvideErrorMetadata,
{
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        _ => {
            let text = chain(error);
            let remedy = remedy(error, &text);
            format!("{}{remedy}", text.trim_end_matches('.'))
        }
    }
}

/// What helps against what kept a request from the service.
fn remedy<E, R>(error: &SdkError<E, R>, text: &str) -> &'static str {
    // The SDK has no kinds for these: "missing signing region", "invalid value for field: `region`".
    match error {
        SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) if text.contains("region") => NO_REGION,
        // Requests that are not even begun, for reasons that are neither the network's nor time's, mostly lack credentials.
        SdkError::DispatchFailure(failure) if failure.is_other() => NO_CREDENTIALS,
        SdkError::DispatchFailure(failure) if failure.is_io() => NO_NETWORK,
        _ => "",
    }
}

const NO_REGION: &str = "; set AWS_REGION, as in AWS_REGION=eu-central-1, or a region in the profile";

const NO_NETWORK: &str = "; look at the network, and at AWS_REGION and AWS_ENDPOINT_URL if they are set";

const NO_CREDENTIALS: &str = "; if there are no credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or sign in (aws sso login)";

/// An error and its causes, in their own words.
fn chain(error: &dyn Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(next) = cause {
        text += ": ";
        text += &next.to_string();
        cause = next.source();
    }
    text
}
