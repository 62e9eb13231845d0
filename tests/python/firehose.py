"""A Firehose that delivers as AWS's does, since no emulator writes what it writes: it buffers, names keys by the stream's
prefixes, compresses with `Content-Encoding`, and writes error records.

firehose.py ENDPOINT make FILE          creates the buckets and streams of FILE: {"buckets": [...], "streams": [arguments of
                                        CreateDeliveryStream, ...], "objects": {"bucket/key": text, ...}}
firehose.py ENDPOINT deliver STREAM FOLDER RECORDS EVERY
                                        writes the records of a dump to the bucket of a stream as it is set up: so many
                                        records to an object, every so-manyth record as an error record (0: none). Records
                                        arrive when the names of their objects say. Prints the keys, each with its arrival in
                                        UTC and whether it holds error records.
firehose.py ENDPOINT noted LAKE         the names of the objects that the ledger of the lake on disk holds, and its events
"""

import base64
import gzip
import json
import os
import re
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import boto3

from answer import answer

ENDPOINT = sys.argv[1]
STAMP = re.compile(r"-(\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d)-")
FORMS = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}


def client(service):
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(service, endpoint_url=ENDPOINT, region_name="us-east-1", **keys)


def make(file):
    with open(file, encoding="utf-8") as text:
        wanted = json.load(text)
    for bucket in wanted.get("buckets", []):
        client("s3").create_bucket(Bucket=bucket)
    for stream in wanted.get("streams", []):
        client("firehose").create_delivery_stream(**stream)
    for place, body in wanted.get("objects", {}).items():
        bucket, key = place.split("/", 1)
        client("s3").put_object(Bucket=bucket, Key=key, Body=body.encode())
    return {}


def records(folder):
    """The records of a dump, each with the time in the name of its object."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            stamp = STAMP.search(name)
            if stamp:
                arrival = datetime.strptime(stamp[1], "%Y-%m-%d-%H-%M-%S").replace(tzinfo=timezone.utc)
                with open(os.path.join(parent, name), encoding="utf-8") as file:
                    yield arrival, file.read().splitlines()


def evaluated(prefix, time, error, line):
    """A prefix with its expressions worked out."""

    def expression(match):
        namespace, _, value = match[1].partition(":")
        if namespace == "timestamp":
            form = re.sub("|".join(FORMS), lambda letters: FORMS[letters[0]], value)
            return time.strftime(form.replace("'", ""))
        if value == "error-output-type":
            return error
        if value == "random-string":
            return uuid.uuid4().hex[:11]
        tags = json.loads(line)["mail"].get("tags", {})
        return tags.get("ses:configuration-set", ["none"])[0]

    text = re.sub(r"!\{([^}]*)\}", expression, prefix)
    return text if "!{timestamp:" in prefix else text + time.strftime("%Y/%m/%d/%H/")


def wrapped(line, arrival):
    """An error record: what Firehose writes of a record that its Lambda function could not process."""
    at = int(arrival.timestamp() * 1000)
    return json.dumps({
        "attemptsMade": 4,
        "arrivalTimestamp": at,
        "errorCode": "Lambda.FunctionError",
        "errorMessage": "The Lambda function was successfully invoked but it returned an error result.",
        "attemptEndingTimestamp": at + 90_000,
        "rawData": base64.b64encode((line + "\n").encode()).decode(),
        "lambdaArn": "arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST",
    })


def deliver(stream, folder, size, every):
    description = client("firehose").describe_delivery_stream(DeliveryStreamName=stream)["DeliveryStreamDescription"]
    to = description["Destinations"][0]["ExtendedS3DestinationDescription"]
    bucket, packs = to["BucketARN"].rsplit(":", 1)[1], to.get("CompressionFormat", "UNCOMPRESSED") == "GZIP"
    zone, count, written = ZoneInfo(to.get("CustomTimeZone", "UTC")), 0, []
    store, puts = client("s3"), ThreadPoolExecutor(4)
    errors = to.get("ErrorOutputPrefix") or f"{to.get('Prefix', '')}!{{firehose:error-output-type}}/"
    for arrival, lines in records(folder):
        buffers = {}
        for line in lines:
            count += 1
            is_error = int(every) > 0 and count % int(every) == 0
            prefix = errors if is_error else to.get("Prefix", "")
            place = evaluated(prefix, arrival.astimezone(zone), "processing-failed", line)
            buffers.setdefault((place, is_error), []).append(wrapped(line, arrival) if is_error else line)
        for (place, is_error), kept in buffers.items():
            for start in range(0, len(kept), int(size)):
                stamp = arrival.astimezone(zone).strftime("%Y-%m-%d-%H-%M-%S")
                key = f"{place}{stream}-1-{stamp}-{uuid.uuid4()}{'.gz' if packs else ''}"
                body = "".join(line + "\n" for line in kept[start : start + int(size)]).encode()
                how = {"ContentType": "application/octet-stream"}
                if packs:
                    body, how["ContentEncoding"] = gzip.compress(body), "gzip"
                put = puts.submit(store.put_object, Bucket=bucket, Key=key, Body=body, **how)
                written.append({"key": key, "arrival": arrival.isoformat(), "error": is_error, "put": put})
    # One that failed says so here.
    [one.pop("put").result() for one in written]
    return {"records": count, "objects": written}


def noted(lake):
    import deltalake

    names = deltalake.DeltaTable(f"{lake}/objects").to_pyarrow_table(columns=["name", "events"])
    return {"names": sorted(names["name"].to_pylist()), "events": sum(names["events"].to_pylist())}


answer(globals()[sys.argv[2]](*sys.argv[3:]))
