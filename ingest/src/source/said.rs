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
        _ => chain(error) + if is_without_credentials(error) { NO_CREDENTIALS } else { "" },
    }
}

const NO_CREDENTIALS: &str = "; if there are no credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or sign in (aws sso login)";

/// Requests that are not even begun, for reasons that are neither the network's nor time's, mostly lack credentials.
fn is_without_credentials<E, R>(error: &SdkError<E, R>) -> bool {
    match error {
        SdkError::DispatchFailure(failure) => failure.is_other(),
        _ => false,
    }
}

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
