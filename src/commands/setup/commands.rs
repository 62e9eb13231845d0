//! AWS CLI commands that make what the template makes.

use serde_json::{Value, json};

use crate::cli::SetupArgs;

/// Where buckets need no location.
const FIRST_REGION: &str = "us-east-1";

/// A shell script, from the template's resources without functions.
pub(super) fn script(resources: &Value, args: &SetupArgs) -> String {
    let properties = |resource: &str| &resources[resource]["Properties"];
    let steps = [
        ("The bucket", bucket(&properties, args)),
        ("Queues: of new objects, and of those that could not be imported", queues(&properties)),
        ("The bucket tells the queue of new objects", vec![notification(&properties, args)]),
        ("Firehose's log of what it cannot deliver", logs(&properties)),
        ("Firehose may write to the bucket", role(properties("StreamRole"))),
        ("The stream; a new role may take a minute until it can be used: try again then", vec![stream(&properties)]),
        ("SES may put onto the stream", role(properties("PublishRole"))),
        ("SES publishes events of the configuration set", events(&properties, args)),
        ("What repute needs: attach it to the user or role that runs it", vec![policy(properties("ReaderPolicy"))]),
    ];
    let head = format!(
        "#!/bin/sh\n# Sets up SES events for repute in account {}, region {}.\nset -eu\nexport AWS_REGION={}\n",
        args.account, args.region, args.region
    );
    let steps = steps.iter().map(|(title, commands)| {
        let lines = commands.iter().map(|command| shell(command)).collect::<Vec<_>>();
        format!("\n# {title}\n{}\n", lines.join("\n"))
    });
    head + &steps.collect::<String>()
}

fn command(words: &[&str]) -> Vec<String> {
    std::iter::once("aws").chain(words.iter().copied()).map(str::to_owned).collect()
}

/// The words as a shell takes them: in quotes, unless nothing in them means something to it.
fn shell(words: &[String]) -> String {
    let is_plain =
        |word: &str| word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/' | b'='));
    let quoted = |word: &String| {
        if !word.is_empty() && is_plain(word) { word.clone() } else { format!("'{}'", word.replace('\'', r"'\''")) }
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn bucket<'a>(properties: &impl Fn(&str) -> &'a Value, args: &SetupArgs) -> Vec<Vec<String>> {
    let mut create = command(&["s3api", "create-bucket", "--bucket", &args.bucket]);
    if args.region != FIRST_REGION {
        create.push("--create-bucket-configuration".to_owned());
        create.push(json!({"LocationConstraint": args.region}).to_string());
    }
    let access = properties("Bucket")["PublicAccessBlockConfiguration"].to_string();
    let policy = properties("BucketPolicy")["PolicyDocument"].to_string();
    vec![
        create,
        command(&[
            "s3api",
            "put-public-access-block",
            "--bucket",
            &args.bucket,
            "--public-access-block-configuration",
            &access,
        ]),
        command(&["s3api", "put-bucket-policy", "--bucket", &args.bucket, "--policy", &policy]),
    ]
}

fn queues<'a>(properties: &impl Fn(&str) -> &'a Value) -> Vec<Vec<String>> {
    // The API takes texts only, also for numbers and documents.
    let as_text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let create = |queue: &Value, policy: Option<&Value>| {
        let all = queue.as_object().into_iter().flatten().filter(|(name, _)| *name != "QueueName");
        let mut attributes: serde_json::Map<String, Value> =
            all.map(|(name, value)| (name.clone(), as_text(value).into())).collect();
        attributes.extend(policy.map(|policy| ("Policy".to_owned(), policy.to_string().into())));
        let attributes = Value::from(attributes).to_string();
        command(&["sqs", "create-queue", "--queue-name", text(&queue["QueueName"]), "--attributes", &attributes])
    };
    let policy = &properties("QueuePolicy")["PolicyDocument"];
    vec![create(properties("DeadLetterQueue"), None), create(properties("Queue"), Some(policy))]
}

fn notification<'a>(properties: &impl Fn(&str) -> &'a Value, args: &SetupArgs) -> Vec<String> {
    let all = properties("Bucket")["NotificationConfiguration"]["QueueConfigurations"].as_array();
    let queues: Vec<Value> = all
        .into_iter()
        .flatten()
        .map(|queue| {
            json!({
                "QueueArn": queue["Queue"],
                "Events": [queue["Event"]],
                "Filter": {"Key": {"FilterRules": queue["Filter"]["S3Key"]["Rules"]}},
            })
        })
        .collect();
    let notification = json!({"QueueConfigurations": queues}).to_string();
    command(&[
        "s3api",
        "put-bucket-notification-configuration",
        "--bucket",
        &args.bucket,
        "--notification-configuration",
        &notification,
    ])
}

fn logs<'a>(properties: &impl Fn(&str) -> &'a Value) -> Vec<Vec<String>> {
    let group = text(&properties("LogGroup")["LogGroupName"]);
    let days = properties("LogGroup")["RetentionInDays"].to_string();
    let stream = text(&properties("LogStream")["LogStreamName"]);
    vec![
        command(&["logs", "create-log-group", "--log-group-name", group]),
        command(&["logs", "put-retention-policy", "--log-group-name", group, "--retention-in-days", &days]),
        command(&["logs", "create-log-stream", "--log-group-name", group, "--log-stream-name", stream]),
    ]
}

fn role(role: &Value) -> Vec<Vec<String>> {
    let (name, trust) = (text(&role["RoleName"]), role["AssumeRolePolicyDocument"].to_string());
    let policies = role["Policies"].as_array().into_iter().flatten().map(|policy| {
        let document = policy["PolicyDocument"].to_string();
        let policy = text(&policy["PolicyName"]);
        command(&[
            "iam",
            "put-role-policy",
            "--role-name",
            name,
            "--policy-name",
            policy,
            "--policy-document",
            &document,
        ])
    });
    let create = command(&["iam", "create-role", "--role-name", name, "--assume-role-policy-document", &trust]);
    std::iter::once(create).chain(policies).collect()
}

fn stream<'a>(properties: &impl Fn(&str) -> &'a Value) -> Vec<String> {
    let stream = properties("Stream");
    command(&[
        "firehose",
        "create-delivery-stream",
        "--delivery-stream-name",
        text(&stream["DeliveryStreamName"]),
        "--delivery-stream-type",
        text(&stream["DeliveryStreamType"]),
        "--extended-s3-destination-configuration",
        &stream["ExtendedS3DestinationConfiguration"].to_string(),
    ])
}

fn events<'a>(properties: &impl Fn(&str) -> &'a Value, args: &SetupArgs) -> Vec<Vec<String>> {
    let destination = &properties("EventDestination")["EventDestination"];
    // CloudFormation has `deliveryDelay` where the API has `DELIVERY_DELAY`.
    let spelled = |name: &Value| {
        let parts = text(name).chars().flat_map(|c| c.is_ascii_uppercase().then_some('_').into_iter().chain([c]));
        parts.collect::<String>().to_ascii_uppercase()
    };
    let types: Vec<String> = destination["MatchingEventTypes"].as_array().into_iter().flatten().map(spelled).collect();
    let firehose = &destination["KinesisFirehoseDestination"];
    let destined = json!({
        "Enabled": destination["Enabled"],
        "MatchingEventTypes": types,
        "KinesisFirehoseDestination": {
            "IamRoleArn": firehose["IAMRoleARN"],
            "DeliveryStreamArn": firehose["DeliveryStreamARN"],
        },
    });
    let publish = command(&[
        "sesv2",
        "create-configuration-set-event-destination",
        "--configuration-set-name",
        &args.configuration_set,
        "--event-destination-name",
        text(&destination["Name"]),
        "--event-destination",
        &destined.to_string(),
    ]);
    let create = command(&["sesv2", "create-configuration-set", "--configuration-set-name", &args.configuration_set]);
    if args.existing_configuration_set { vec![publish] } else { vec![create, publish] }
}

fn policy(policy: &Value) -> Vec<String> {
    command(&[
        "iam",
        "create-policy",
        "--policy-name",
        text(&policy["ManagedPolicyName"]),
        "--description",
        text(&policy["Description"]),
        "--policy-document",
        &policy["PolicyDocument"].to_string(),
    ])
}
