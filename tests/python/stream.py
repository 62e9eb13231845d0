"""A Firehose stream `ses-events` on a moto server that writes to the bucket `raw`.

stream.py make ENDPOINT            creates both
stream.py collect ENDPOINT FOLDER  downloads what was delivered, and prints how many records that are, and their digest
stream.py count FOLDER             prints the same of a dump that holds one record per line
"""

import hashlib
import json
import os
import sys

import boto3


def client(service):
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(service, endpoint_url=sys.argv[2], region_name="us-east-1", **keys)


def make():
    client("s3").create_bucket(Bucket="raw")
    destination = {"RoleARN": "arn:aws:iam::123456789012:role/r", "BucketARN": "arn:aws:s3:::raw", "Prefix": "ses/"}
    destination["CompressionFormat"] = "UNCOMPRESSED"
    client("firehose").create_delivery_stream(DeliveryStreamName="ses-events", ExtendedS3DestinationConfiguration=destination)
    return {}


def collect(folder):
    bucket, lines = client("s3"), []
    for page in bucket.get_paginator("list_objects_v2").paginate(Bucket="raw"):
        for item in page.get("Contents", []):
            body = bucket.get_object(Bucket="raw", Key=item["Key"])["Body"].read()
            path = os.path.join(folder, item["Key"])
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(body)
            lines += body.decode().splitlines()
    return {"records": len(lines), "digest": digest(lines)}


def digest(lines):
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def count(folder):
    lines = []
    for parent, _, names in os.walk(folder):
        for name in names:
            if name != "truth.json":
                with open(os.path.join(parent, name), encoding="utf-8") as file:
                    lines += file.read().splitlines()
    return {"records": len(lines), "digest": digest(lines)}


if sys.argv[1] == "make":
    print(json.dumps(make()))
elif sys.argv[1] == "collect":
    print(json.dumps(collect(sys.argv[3])))
else:
    print(json.dumps(count(sys.argv[2])))
