"""SNS and SQS of moto: sns.py ENDPOINT make prints the topic; sns.py ENDPOINT read prints what its queue was sent;
sns.py ENDPOINT topic REGION NAME makes another topic and prints it."""

import json
import sys

import boto3

endpoint, what, *more = sys.argv[1:]
common = {
    "endpoint_url": endpoint,
    "region_name": more[0] if more else "eu-west-1",
    "aws_access_key_id": "test",
    "aws_secret_access_key": "test-secret",
}
sns, sqs = boto3.client("sns", **common), boto3.client("sqs", **common)
if what == "topic":
    print(json.dumps(sns.create_topic(Name=more[1])["TopicArn"]))
elif what == "make":
    topic = sns.create_topic(Name="alerts")["TopicArn"]
    queue = sqs.create_queue(QueueName="alerts")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    print(json.dumps(topic))
else:
    queue = sqs.get_queue_url(QueueName="alerts")["QueueUrl"]
    found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    for message in found:
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    print(json.dumps([json.loads(message["Body"]) for message in found]))
