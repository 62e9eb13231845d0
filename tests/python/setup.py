"""What `repute setup` prints, judged by others: cfn-lint, the AWS SDK's models, and moto.

setup.py lint FILE                    what cfn-lint says of a template, with its exit code
setup.py same YAML JSON               whether both are the same template
setup.py compare SCRIPT JSON REGION ACCOUNT
                                      takes the script apart with shlex, checks every command against botocore's model of its
                                      operation, and compares its documents with the template's; prints the operations
setup.py make ENDPOINT SCRIPT BUCKET FILE
                                      carries the script out on moto, puts FILE where the stream would, makes a user with the
                                      reader's policy only, and from then on has every request checked; prints the user's
                                      keys, and commands that moto lacks
"""

import json
import os
import re
import shlex
import subprocess
import sys
import urllib.request

from answer import answer


def lint(file):
    program = os.path.join(os.path.dirname(sys.executable), "cfn-lint")
    run = subprocess.run([program, file], capture_output=True, text=True)
    return {"code": run.returncode, "said": run.stdout + run.stderr}


def load(file):
    with open(file, encoding="utf-8") as text:
        return json.load(text)


def same(yaml_file, json_file):
    import yaml

    with open(yaml_file, encoding="utf-8") as text:
        return yaml.safe_load(text) == load(json_file)


def calls(script):
    """Every command as (service, operation, arguments), as the AWS CLI would understand it."""
    import boto3
    from botocore import xform_name
    from botocore.validate import ParamValidator

    session, found = boto3.Session(), []
    with open(script, encoding="utf-8") as text:
        lines = [shlex.split(line, comments=True) for line in text]
    for words in filter(lambda words: words and words[0] == "aws", lines):
        service, operation, rest = words[1].replace("s3api", "s3"), words[2], words[3:]
        client = session.client(service, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
        model = client.meta.service_model
        name = next(name for name in model.operation_names if xform_name(name, "-") == operation)
        shape = model.operation_model(name).input_shape
        arguments = {}
        for flag, value in zip(rest[::2], rest[1::2], strict=True):
            member = next(member for member in shape.members if "--" + xform_name(member, "-") == flag)
            kind = shape.members[member].type_name
            is_document = kind in ("structure", "map", "list")
            arguments[member] = json.loads(value) if is_document else int(value) if kind == "integer" else value
        report = ParamValidator().validate(arguments, shape)
        assert not report.has_errors(), f"{words}: {report.generate_report()}"
        found.append((service, operation, arguments))
    return found


def resolved(value, template, region, account):
    """A template's value without functions."""

    def ref(name):
        known = {"AWS::Region": region, "AWS::AccountId": account, "AWS::Partition": "aws"}
        if name in known:
            return known[name]
        if name in template["Parameters"]:
            return template["Parameters"][name]["Default"]
        own = template["Resources"][name]["Properties"]
        kinds = ["BucketName", "QueueName", "RoleName", "DeliveryStreamName", "LogStreamName", "LogGroupName", "Name"]
        return again(next(own[kind] for kind in kinds if kind in own))

    def arn(name):
        middle = {
            "AWS::S3::Bucket": "s3:::",
            "AWS::SQS::Queue": f"sqs:{region}:{account}:",
            "AWS::IAM::Role": f"iam::{account}:role/",
            "AWS::KinesisFirehose::DeliveryStream": f"firehose:{region}:{account}:deliverystream/",
        }[template["Resources"][name]["Type"]]
        return f"arn:aws:{middle}{ref(name)}"

    def again(value):
        match value:
            case {"Ref": name}:
                return ref(name)
            case {"Fn::GetAtt": [name, "Arn"]}:
                return arn(name)
            case {"Fn::Sub": text}:
                return re.sub(r"\$\{([^}]+)\}", lambda found: str(ref(found[1])), text)
            case {"Fn::If": [_, _, otherwise]}:
                return again(otherwise)
            case dict():
                return {name: again(part) for name, part in value.items()}
            case list():
                return [again(part) for part in value]
        return value

    return again(value)


def compare(script, file, region, account):
    template = load(file)
    own = {name: resolved(part["Properties"], template, region, account) for name, part in template["Resources"].items()}
    made = calls(script)

    def one(operation, **having):
        fits = [a for _, name, a in made if name == operation and having.items() <= a.items()]
        assert len(fits) == 1, (operation, having, fits)
        return fits[0]

    assert one("create-bucket")["Bucket"] == own["Bucket"]["BucketName"]
    assert one("put-public-access-block")["PublicAccessBlockConfiguration"] == own["Bucket"]["PublicAccessBlockConfiguration"]
    assert json.loads(one("put-bucket-policy")["Policy"]) == own["BucketPolicy"]["PolicyDocument"]
    for name in ["Queue", "DeadLetterQueue"]:
        queue = one("create-queue", QueueName=own[name]["QueueName"])["Attributes"]
        for attribute, value in own[name].items():
            if attribute != "QueueName":
                assert json.loads(queue[attribute]) == value, (name, attribute)
    queue = one("create-queue", QueueName=own["Queue"]["QueueName"])["Attributes"]
    assert json.loads(queue["Policy"]) == own["QueuePolicy"]["PolicyDocument"]
    notified = one("put-bucket-notification-configuration")["NotificationConfiguration"]["QueueConfigurations"]
    wanted = own["Bucket"]["NotificationConfiguration"]["QueueConfigurations"]
    assert [(n["QueueArn"], n["Events"], n["Filter"]["Key"]["FilterRules"]) for n in notified] == [
        (n["Queue"], [n["Event"]], n["Filter"]["S3Key"]["Rules"]) for n in wanted
    ]
    for name in ["StreamRole", "PublishRole"]:
        role = own[name]
        trust = one("create-role", RoleName=role["RoleName"])["AssumeRolePolicyDocument"]
        assert json.loads(trust) == role["AssumeRolePolicyDocument"]
        rights = one("put-role-policy", RoleName=role["RoleName"])
        assert [{"PolicyName": rights["PolicyName"], "PolicyDocument": json.loads(rights["PolicyDocument"])}] == role["Policies"]
    stream = one("create-delivery-stream", DeliveryStreamName=own["Stream"]["DeliveryStreamName"])
    assert stream["ExtendedS3DestinationConfiguration"] == own["Stream"]["ExtendedS3DestinationConfiguration"]
    event = own["EventDestination"]["EventDestination"]
    published = one("create-configuration-set-event-destination", EventDestinationName=event["Name"])["EventDestination"]
    plain = lambda names: [name.replace("_", "").lower() for name in names]
    assert plain(published["MatchingEventTypes"]) == plain(event["MatchingEventTypes"])
    to = {name.lower(): arn for name, arn in published["KinesisFirehoseDestination"].items()}
    assert to == {name.lower(): arn for name, arn in event["KinesisFirehoseDestination"].items()}
    reader = one("create-policy", PolicyName=own["ReaderPolicy"]["ManagedPolicyName"])
    assert json.loads(reader["PolicyDocument"]) == own["ReaderPolicy"]["PolicyDocument"]
    return [operation for _, operation, _ in made]


def make(endpoint, script, bucket, event):
    import boto3
    from botocore.exceptions import ClientError

    def client(service):
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, endpoint_url=endpoint, region_name="us-east-1", **keys)

    lacking = []
    for service, operation, arguments in calls(script):
        try:
            getattr(client(service), operation.replace("-", "_"))(**arguments)
        except ClientError as error:
            lacking.append(f"{operation}: {error}")
    # Moto speaks without TLS, which this policy forbids.
    client("s3").delete_bucket_policy(Bucket=bucket)
    with open(event, "rb") as body:
        key = "mail/2026/10/05/08/ses.orders-1-2026-10-05-08-00-00-u"
        client("s3").put_object(Bucket=bucket, Key=key, Body=body.read())
    iam = client("iam")
    iam.create_user(UserName="repute")
    # Moto knows resources of S3 only, and no conditions.
    rights = json.loads(next(a for _, name, a in calls(script) if name == "create-policy")["PolicyDocument"])
    for statement in rights["Statement"]:
        if not str(statement["Action"]).startswith("s3:"):
            statement["Resource"] = "*"
        statement.pop("Condition", None)
    iam.put_user_policy(UserName="repute", PolicyName="reads", PolicyDocument=json.dumps(rights))
    key = iam.create_access_key(UserName="repute")["AccessKey"]
    guard = urllib.request.Request(f"{endpoint}/moto-api/reset-auth", data=b"0", method="POST")
    guard.add_header("Content-Type", "text/plain")
    urllib.request.urlopen(guard)
    return {"key": key["AccessKeyId"], "secret": key["SecretAccessKey"], "lacking": lacking}


answer(globals()[sys.argv[1]](*sys.argv[2:]))
