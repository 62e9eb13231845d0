"""The buckets of an S3 server, seen by other programs than ours.

s3.py ENDPOINT wait                   returns when the bucket `raw` can be listed
s3.py ENDPOINT upload FOLDER PREFIX   copies a dump into the bucket `raw`
s3.py ENDPOINT put FILE               puts objects into the bucket `raw`: FILE is a JSON object of keys and texts; prints the
                                      keys that are there, and those that the server does not take
s3.py ENDPOINT noted LAKE             the names of the objects that the ledger of the lake on disk holds
s3.py ENDPOINT remove KEY             removes an object of the bucket `lake`
s3.py ENDPOINT flip KEY               turns over one bit in the middle of an object of the bucket `lake`
s3.py ENDPOINT empty KEY              leaves nothing of an object of the bucket `lake`
s3.py ENDPOINT rows URL               rows by event type of the Delta table at URL, and its number of files
s3.py ENDPOINT keys PREFIX            the keys of the bucket `lake` below a prefix
s3.py ENDPOINT addresses PREFIX       signed addresses of the objects of the bucket `raw` below a prefix
"""

import json
import os
import sys
import time

import boto3
from botocore.config import Config
from answer import answer

ENDPOINT = sys.argv[1]
KEYS = {"aws_access_key_id": "owner", "aws_secret_access_key": "owner-secret"}


def bucket():
    settings = Config(retries={"max_attempts": 1}, connect_timeout=2, read_timeout=20)
    return boto3.client("s3", endpoint_url=ENDPOINT, region_name="us-east-1", config=settings, **KEYS)


def wait():
    client, last = bucket(), time.monotonic() + 30
    while True:
        try:
            for name in ["raw", "lake"]:
                client.list_objects_v2(Bucket=name)
                # It listens before it can take anything.
                client.put_object(Bucket=name, Key="ready", Body=b"")
                client.delete_object(Bucket=name, Key="ready")
            return {}
        except Exception:
            if time.monotonic() > last:
                raise
            time.sleep(0.1)


def upload(folder, prefix):
    client, count = bucket(), 0
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            client.upload_file(path, "raw", f"{prefix}/{os.path.relpath(path, folder)}")
            count += 1
    return {"objects": count}


def put(file):
    from concurrent.futures import ThreadPoolExecutor

    client, refused = bucket(), []

    def put_one(item):
        try:
            client.put_object(Bucket="raw", Key=item[0], Body=item[1].encode())
        except client.exceptions.ClientError:
            refused.append(item[0])

    with open(file, encoding="utf-8") as texts, ThreadPoolExecutor(4) as threads:
        list(threads.map(put_one, json.load(texts).items()))
    pages = client.get_paginator("list_objects_v2").paginate(Bucket="raw")
    return {"keys": [item["Key"] for page in pages for item in page.get("Contents", [])], "refused": refused}


def addresses(prefix):
    client = bucket()
    pages = client.get_paginator("list_objects_v2").paginate(Bucket="raw", Prefix=prefix)
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    return {"addresses": [client.generate_presigned_url("get_object", {"Bucket": "raw", "Key": key}) for key in keys]}


def noted(lake):
    import deltalake

    return deltalake.DeltaTable(f"{lake}/objects").to_pyarrow_table(columns=["name"])["name"].to_pylist()


def remove(key):
    bucket().delete_object(Bucket="lake", Key=key)
    return {}


def flip(key):
    client = bucket()
    body = bytearray(client.get_object(Bucket="lake", Key=key)["Body"].read())
    body[len(body) // 2] ^= 1
    client.put_object(Bucket="lake", Key=key, Body=bytes(body))
    return {}


def empty(key):
    bucket().put_object(Bucket="lake", Key=key, Body=b"")
    return {}


def rows(url):
    import deltalake

    options = {"AWS_ENDPOINT_URL": ENDPOINT, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1"}
    options |= {"AWS_ACCESS_KEY_ID": "owner", "AWS_SECRET_ACCESS_KEY": "owner-secret"}
    table = deltalake.DeltaTable(url, storage_options=options)
    types = table.to_pyarrow_table(columns=["event_type"])["event_type"].value_counts().to_pylist()
    return {"rows": {item["values"]: item["counts"] for item in types}, "files": len(table.file_uris())}


def keys(prefix):
    pages = bucket().get_paginator("list_objects_v2").paginate(Bucket="lake", Prefix=prefix)
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


answer(globals()[sys.argv[2]](*sys.argv[3:]))
