"""PyArrow: one JSON reader per object in a pool of threads, written as a partitioned data set.

Tags are a struct of the tag names that generated dumps hold, since the JSON reader knows no maps of any names.
"""

import collections
import concurrent.futures
import os

import pyarrow
import pyarrow.compute as compute
import pyarrow.dataset
import pyarrow.json

import peer

TAGS = [
    "ses:operation",
    "ses:configuration-set",
    "campaign",
    "template",
    "team",
    "ses:source-tls-version",
    "ses:source-ip",
    "ses:from-domain",
    "ses:caller-identity",
    "ses:tenant-name",
    "ses:outgoing-tls-version",
    "ses:outgoing-ip",
]

BLOCK = 8 << 20

TEXT, TIME, TEXTS = pyarrow.string(), pyarrow.timestamp("ms"), pyarrow.list_(pyarrow.string())


def record(**fields):
    return pyarrow.struct(list(fields.items()))


FAILED_RECIPIENTS = pyarrow.list_(record(emailAddress=TEXT, status=TEXT, diagnosticCode=TEXT))

SCHEMA = pyarrow.schema({
    "eventType": TEXT,
    "mail": record(
        timestamp=TIME,
        source=TEXT,
        sendingAccountId=TEXT,
        messageId=TEXT,
        destination=TEXTS,
        tags=record(**{name: TEXTS for name in TAGS}),
    ),
    "bounce": record(bounceType=TEXT, bounceSubType=TEXT, bouncedRecipients=FAILED_RECIPIENTS, timestamp=TIME),
    "complaint": record(
        complaintFeedbackType=TEXT,
        userAgent=TEXT,
        complainedRecipients=pyarrow.list_(record(emailAddress=TEXT)),
        timestamp=TIME,
    ),
    "delivery": record(timestamp=TIME, processingTimeMillis=pyarrow.int64(), recipients=TEXTS, smtpResponse=TEXT),
    "deliveryDelay": record(timestamp=TIME, delayedRecipients=FAILED_RECIPIENTS),
    "open": record(timestamp=TIME, ipAddress=TEXT, userAgent=TEXT),
    "click": record(timestamp=TIME, ipAddress=TEXT, userAgent=TEXT, link=TEXT),
    "subscription": record(timestamp=TIME),
})

TIMED = ["bounce", "complaint", "delivery", "deliveryDelay", "open", "click", "subscription", "mail"]


def first(lists):
    """The first element of each list, null where there is none (`list_element` fails at an empty list)."""
    filled = compute.greater(compute.list_value_length(lists), 0)
    positions = compute.if_else(filled, lists.offsets[:-1], None)
    return lists.values.take(positions)


def flatten(batch):
    def field(*path):
        return compute.struct_field(batch.column(path[0]), list(path[1:]))

    def tag(name):
        return first(field("mail", "tags", name))

    bounced = first(field("bounce", "bouncedRecipients"))
    delayed = first(field("deliveryDelay", "delayedRecipients"))
    complained = first(field("complaint", "complainedRecipients"))
    event_time = compute.coalesce(*(field(parent, "timestamp") for parent in TIMED))
    columns = {
        "event_date": event_time.cast(pyarrow.date32()),
        "event_time": event_time,
        "sent_time": field("mail", "timestamp"),
        "event_type": batch.column("eventType"),
        "recipient": compute.coalesce(
            compute.struct_field(bounced, "emailAddress"),
            compute.struct_field(complained, "emailAddress"),
            first(field("delivery", "recipients")),
            compute.struct_field(delayed, "emailAddress"),
            first(field("mail", "destination")),
        ),
        "message_id": field("mail", "messageId"),
        "source": field("mail", "source"),
        "from_domain": tag("ses:from-domain"),
        "account_id": field("mail", "sendingAccountId"),
        "configuration_set": tag("ses:configuration-set"),
        "campaign": tag("campaign"),
        "bounce_type": field("bounce", "bounceType"),
        "bounce_subtype": field("bounce", "bounceSubType"),
        "status": compute.coalesce(compute.struct_field(bounced, "status"), compute.struct_field(delayed, "status")),
        "diagnostic_code": compute.coalesce(
            compute.struct_field(bounced, "diagnosticCode"), compute.struct_field(delayed, "diagnosticCode")
        ),
        "complaint_feedback_type": field("complaint", "complaintFeedbackType"),
        "smtp_response": field("delivery", "smtpResponse"),
        "processing_ms": field("delivery", "processingTimeMillis"),
        "ip_address": compute.coalesce(field("open", "ipAddress"), field("click", "ipAddress")),
        "user_agent": compute.coalesce(
            field("open", "userAgent"), field("click", "userAgent"), field("complaint", "userAgent")
        ),
        "link": field("click", "link"),
        "tags": field("mail", "tags"),
    }
    return pyarrow.record_batch(columns)


def read(path, framing):
    """The flattened batches of one object. Its name says whether it is compressed.

    Blocks end at a line's end, so that records without line ends between them must all be in one block.
    """
    block = os.path.getsize(path) + 1 if framing == "concatenated" else BLOCK
    table = pyarrow.json.read_json(
        path,
        pyarrow.json.ReadOptions(use_threads=False, block_size=block),
        pyarrow.json.ParseOptions(explicit_schema=SCHEMA, unexpected_field_behavior="ignore"),
    )
    return [flatten(batch) for batch in table.to_batches()]


def read_all(paths, framing, threads):
    """The batches of all objects in order, with a few objects read ahead."""
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        ahead = collections.deque()
        for path in paths:
            ahead.append(pool.submit(read, path, framing))
            if len(ahead) > 2 * threads:
                yield from ahead.popleft().result()
        for future in ahead:
            yield from future.result()


def main():
    options = peer.arguments()
    pyarrow.set_cpu_count(options.threads)
    schema = flatten(pyarrow.RecordBatch.from_pylist([], SCHEMA)).schema
    parquet = pyarrow.dataset.ParquetFileFormat()
    pyarrow.dataset.write_dataset(
        read_all(peer.paths(options.objects), options.framing, options.threads),
        options.output,
        schema=schema,
        format=parquet,
        file_options=parquet.make_write_options(compression="zstd", compression_level=1),
        min_rows_per_group=100_000,
        max_rows_per_group=1_000_000,
        partitioning=pyarrow.dataset.partitioning(pyarrow.schema({"event_date": pyarrow.date32()}), flavor="hive"),
    )


main()
