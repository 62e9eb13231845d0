//! The template's functions, worked out with names that were typed.

use serde_json::{Map, Value};

/// Where it is set up.
pub(super) struct Names<'a> {
    pub(super) region: &'a str,
    pub(super) account: &'a str,
}

/// The template's resources without functions: names and ARNs are what CloudFormation would give them.
pub(super) fn resources(template: &Value, names: &Names<'_>) -> Value {
    resolved(&template["Resources"], template, names)
}

fn resolved(value: &Value, template: &Value, names: &Names<'_>) -> Value {
    let again = |value: &Value| resolved(value, template, names);
    match value {
        Value::Array(items) => items.iter().map(again).collect(),
        Value::Object(fields) => match fields.iter().next().filter(|_| fields.len() == 1) {
            Some((name, Value::String(of))) if name == "Ref" => reference(of, template, names),
            Some((name, Value::String(text))) if name == "Fn::Sub" => substituted(text, template, names).into(),
            Some((name, Value::Array(of))) if name == "Fn::GetAtt" => {
                arn(of.first().and_then(Value::as_str).unwrap_or_default(), template, names).into()
            }
            // Both ways name the same configuration set.
            Some((name, Value::Array(of))) if name == "Fn::If" => of.last().map(again).unwrap_or_default(),
            _ => fields.iter().map(|(name, value)| (name.clone(), again(value))).collect::<Map<_, _>>().into(),
        },
        other => other.clone(),
    }
}

/// A parameter's value, a fact of the account, or a resource's name.
fn reference(of: &str, template: &Value, names: &Names<'_>) -> Value {
    match of {
        "AWS::Region" => names.region.into(),
        "AWS::AccountId" => names.account.into(),
        "AWS::Partition" => partition(names.region).into(),
        parameter if !template["Parameters"][parameter].is_null() => {
            template["Parameters"][parameter]["Default"].clone()
        }
        resource => {
            let properties = &template["Resources"][resource]["Properties"];
            let name =
                ["BucketName", "QueueName", "LogStreamName", "LogGroupName", "RoleName", "DeliveryStreamName", "Name"]
                    .into_iter()
                    .find(|name| !properties[name].is_null());
            name.map_or(Value::Null, |name| resolved(&properties[name], template, names))
        }
    }
}

fn substituted(text: &str, template: &Value, names: &Names<'_>) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, (name, after))) =
        rest.split_once("${").and_then(|(before, behind)| Some((before, behind.split_once('}')?)))
    {
        out.push_str(before);
        let value = reference(name, template, names);
        out.push_str(value.as_str().unwrap_or_default());
        rest = after;
    }
    out + rest
}

fn arn(resource: &str, template: &Value, names: &Names<'_>) -> String {
    let Names { region, account } = names;
    let (partition, name) = (partition(region), reference(resource, template, names));
    let name = name.as_str().unwrap_or_default();
    match template["Resources"][resource]["Type"].as_str().unwrap_or_default() {
        "AWS::S3::Bucket" => format!("arn:{partition}:s3:::{name}"),
        "AWS::SQS::Queue" => format!("arn:{partition}:sqs:{region}:{account}:{name}"),
        "AWS::IAM::Role" => format!("arn:{partition}:iam::{account}:role/{name}"),
        _ => format!("arn:{partition}:firehose:{region}:{account}:deliverystream/{name}"),
    }
}

fn partition(region: &str) -> &'static str {
    match region {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}
