//! Topics and addresses; signatures are tested with real ones, made by other programs, through the server.

use super::*;

fn topic(arn: &str) -> Topic {
    arn.parse().unwrap()
}

#[test]
fn topics_are_arns() {
    let read = topic("arn:aws:sns:eu-west-1:123456789012:ses_events-1");
    assert_eq!((read.region(), read.domain()), ("eu-west-1", "amazonaws.com"));
    assert_eq!(topic("arn:aws-cn:sns:cn-north-1:123456789012:a").domain(), "amazonaws.com.cn");
    for wrong in [
        "",
        "arn:aws:sqs:eu-west-1:123456789012:a",
        "arn:aws:sns:eu-west-1:12345678901:a",
        "arn:aws:sns:eu-west-1:123456789012:a:b",
        "arn:aws:sns:eu-west-1:123456789012:",
        "arn:aws:sns:evil.example/:123456789012:a",
        "arn:other:sns:eu-west-1:123456789012:a",
    ] {
        assert!(wrong.parse::<Topic>().is_err(), "{wrong}");
    }
}

#[test]
fn only_sns_s_own_addresses_are_fetched_from() {
    let topic = topic("arn:aws:sns:us-east-1:123456789012:a");
    for good in ["/SimpleNotificationService.pem", "/SimpleNotificationService-9c6465fa7f48f5cacd23014631ec1136.pem"] {
        let url = format!("https://sns.us-east-1.amazonaws.com{good}");
        let address = CertificateAddress::parse(&url, &topic).unwrap();
        assert_eq!((address.host(), address.path()), ("sns.us-east-1.amazonaws.com", good));
    }
    for bad in [
        "http://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.evil.com/SimpleNotificationService-1.pem",
        "https://sns.us-east-1.amazonaws.com.evil.com/SimpleNotificationService-1.pem",
        "https://sns.us-east-1.amazonaws.com.cn/SimpleNotificationService-1.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://s3.amazonaws.com/x/SimpleNotificationService-1.pem",
        "https://user@sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.us-east-1.amazonaws.com@evil.com/SimpleNotificationService-1.pem",
        "https://sns.us-east-1.amazonaws.com:443/SimpleNotificationService-1.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem?x",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem#x",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.crt",
        "https://sns.us-east-1.amazonaws.com/x/SimpleNotificationService-1.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-../../x.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-%2e.pem",
        "https://sns.us-east-1.amazonaws.com//SimpleNotificationService-1.pem",
        "https://SNS.us-east-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.us-east-1.amazonaws.com./SimpleNotificationService-1.pem",
        "https://snѕ.us-east-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https:\\\\sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem",
        " https://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-.pem",
    ] {
        assert_eq!(CertificateAddress::parse(bad, &topic), None, "{bad}");
    }
}
