"""DataFusion: a JSON table with an explicit schema, and one partitioned COPY."""

import pyarrow
from datafusion import SessionConfig, SessionContext

import peer

TEXT, TIME = pyarrow.string(), pyarrow.timestamp("ms", "UTC")


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
        destination=pyarrow.list_(TEXT),
        tags=pyarrow.map_(TEXT, pyarrow.list_(TEXT)),
    ),
    "bounce": record(bounceType=TEXT, bounceSubType=TEXT, bouncedRecipients=FAILED_RECIPIENTS, timestamp=TIME),
    "complaint": record(
        complaintFeedbackType=TEXT,
        userAgent=TEXT,
        complainedRecipients=pyarrow.list_(record(emailAddress=TEXT)),
        timestamp=TIME,
    ),
    "delivery": record(
        timestamp=TIME, processingTimeMillis=pyarrow.int64(), recipients=pyarrow.list_(TEXT), smtpResponse=TEXT
    ),
    "deliveryDelay": record(timestamp=TIME, delayedRecipients=FAILED_RECIPIENTS),
    "open": record(timestamp=TIME, ipAddress=TEXT, userAgent=TEXT),
    "click": record(timestamp=TIME, ipAddress=TEXT, userAgent=TEXT, link=TEXT),
    "subscription": record(timestamp=TIME),
})

FLATTEN = """
SELECT *, CAST(event_time AS DATE) AS event_date FROM (
SELECT
  coalesce(bounce['timestamp'], complaint['timestamp'], delivery['timestamp'], "deliveryDelay"['timestamp'],
           "open"['timestamp'], click['timestamp'], subscription['timestamp'], mail['timestamp']) AS event_time,
  mail['timestamp'] AS sent_time,
  "eventType" AS event_type,
  coalesce(bounce['bouncedRecipients'][1]['emailAddress'], complaint['complainedRecipients'][1]['emailAddress'],
           delivery['recipients'][1], "deliveryDelay"['delayedRecipients'][1]['emailAddress'],
           mail['destination'][1]) AS recipient,
  mail['messageId'] AS message_id,
  mail['source'] AS source,
  mail['tags']['ses:from-domain'][1] AS from_domain,
  mail['sendingAccountId'] AS account_id,
  mail['tags']['ses:configuration-set'][1] AS configuration_set,
  mail['tags']['campaign'][1] AS campaign,
  bounce['bounceType'] AS bounce_type,
  bounce['bounceSubType'] AS bounce_subtype,
  coalesce(bounce['bouncedRecipients'][1]['status'], "deliveryDelay"['delayedRecipients'][1]['status']) AS status,
  coalesce(bounce['bouncedRecipients'][1]['diagnosticCode'],
           "deliveryDelay"['delayedRecipients'][1]['diagnosticCode']) AS diagnostic_code,
  complaint['complaintFeedbackType'] AS complaint_feedback_type,
  delivery['smtpResponse'] AS smtp_response,
  delivery['processingTimeMillis'] AS processing_ms,
  coalesce("open"['ipAddress'], click['ipAddress']) AS ip_address,
  coalesce("open"['userAgent'], click['userAgent'], complaint['userAgent']) AS user_agent,
  click['link'] AS link,
  mail['tags'] AS tags
FROM records)
"""


SETTINGS = {
    "listing_table_ignore_subdirectory": "false",
    # One thread per file is faster with a file per date.
    "parquet.allow_single_file_parallelism": "false",
}


def main():
    options = peer.arguments()
    configuration = SessionConfig().with_target_partitions(options.threads)
    for name, value in SETTINGS.items():
        configuration = configuration.set(f"datafusion.execution.{name}", value)
    context = SessionContext(configuration)
    compressed = options.framing == "gzip"
    context.register_json(
        "records",
        f"{options.objects.resolve()}/",
        schema=SCHEMA,
        file_extension=".gz" if compressed else "",
        file_compression_type="gzip" if compressed else None,
    )
    context.sql(
        f"COPY ({FLATTEN}) TO '{options.output.resolve()}/' STORED AS PARQUET PARTITIONED BY (event_date)"
        " OPTIONS ('format.compression' 'zstd(1)')"
    ).collect()


main()
