"""Buckets, topics, queues and rules of a moto server, step by step: queues.py ENDPOINT STEPS prints what each step gave.

STEPS is a JSON list of lists, the first word of each of which is a function below. Queues are made with a dead-letter queue
NAME-dead if a step says how often a message may be received.
"""

import json
import sys
import time

import boto3
from answer import answer

ACCOUNT, REGION, BUCKET = "123456789012", "us-east-1", "raw"


def client(service):
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(service, endpoint_url=sys.argv[1], region_name=REGION, **keys)


s3, sqs, sns, events = client("s3"), client("sqs"), client("sns"), client("events")


def arn(name, service="sqs"):
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{name}"


def url(name):
    return sqs.get_queue_url(QueueName=name)["QueueUrl"]


def queue(name, times=None):
    attributes = {}
    if times:
        sqs.create_queue(QueueName=f"{name}-dead")
        redrive = {"deadLetterTargetArn": arn(f"{name}-dead"), "maxReceiveCount": times}
        attributes["RedrivePolicy"] = json.dumps(redrive)
    return sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]


def topic(name, queue_name, raw):
    """A topic whose messages go to a queue."""
    sns.create_topic(Name=name)
    attributes = {"RawMessageDelivery": "true"} if raw else {}
    sns.subscribe(TopicArn=arn(name, "sns"), Protocol="sqs", Endpoint=arn(queue_name), Attributes=attributes)


def bucket(name, region):
    """Another bucket."""
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})


def notify(queue_name=None, topic_name=None, bridge=False):
    """The bucket tells these of what is put into it."""
    wanted = {"Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}
    settings = {}
    if queue_name:
        settings["QueueConfigurations"] = [{"QueueArn": arn(queue_name), **wanted}]
    if topic_name:
        settings["TopicConfigurations"] = [{"TopicArn": arn(topic_name, "sns"), **wanted}]
    if bridge:
        settings["EventBridgeConfiguration"] = {}
    s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration=settings)


def rule(name, source, queue_name):
    """What comes from a source goes to a queue."""
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [source]}))
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn(queue_name)}])


def put(key, text, to=BUCKET):
    """The time just before the object is written."""
    at = time.time()
    s3.put_object(Bucket=to, Key=key, Body=text.encode())
    return at


def remove(key):
    s3.delete_object(Bucket=BUCKET, Key=key)


def send(queue_name, *bodies):
    for start in range(0, len(bodies), 10):
        batch = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies[start : start + 10])]
        assert not sqs.send_message_batch(QueueUrl=url(queue_name), Entries=batch).get("Failed")


def publish(topic_name, *bodies):
    for body in bodies:
        sns.publish(TopicArn=arn(topic_name, "sns"), Message=body, Subject="Amazon SES Email Event Notification")


def emit(*details):
    """Events of SES as EventBridge has them."""
    entries = [{"Source": "aws.ses", "DetailType": "Email Sent", "Detail": detail} for detail in details]
    for start in range(0, len(entries), 10):
        assert events.put_events(Entries=entries[start : start + 10])["FailedEntryCount"] == 0


def left(queue_name):
    """Messages of a queue: those to be received, and those that were and are not deleted."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs.get_queue_attributes(QueueUrl=url(queue_name), AttributeNames=names)["Attributes"]
    return [int(found[name]) for name in names]


def bodies(queue_name):
    found, batch = [], True
    while batch:
        batch = sqs.receive_message(QueueUrl=url(queue_name), MaxNumberOfMessages=10).get("Messages", [])
        found += [message["Body"] for message in batch]
    return sorted(found)


answer([globals()[step[0]](*step[1:]) for step in json.loads(sys.argv[2])])
