"""Polars: `scan_ndjson` with an explicit schema, streamed into partitioned Parquet.

Tags are a struct of the tag names that generated dumps hold: a map of any names costs several times as much.
"""

import polars

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


def schema():
    text, struct, listed = polars.String, polars.Struct, polars.List
    failed = listed(struct({"emailAddress": text, "status": text, "diagnosticCode": text}))
    return {
        "eventType": text,
        "mail": struct({
            "timestamp": text,
            "source": text,
            "sendingAccountId": text,
            "messageId": text,
            "destination": listed(text),
            "tags": struct({name: listed(text) for name in TAGS}),
        }),
        "bounce": struct({"bounceType": text, "bounceSubType": text, "bouncedRecipients": failed, "timestamp": text}),
        "complaint": struct({
            "complaintFeedbackType": text,
            "userAgent": text,
            "complainedRecipients": listed(struct({"emailAddress": text})),
            "timestamp": text,
        }),
        "delivery": struct({
            "timestamp": text,
            "processingTimeMillis": polars.Int64,
            "recipients": listed(text),
            "smtpResponse": text,
        }),
        "deliveryDelay": struct({"timestamp": text, "delayedRecipients": failed}),
        "open": struct({"timestamp": text, "ipAddress": text, "userAgent": text}),
        "click": struct({"timestamp": text, "ipAddress": text, "userAgent": text, "link": text}),
        "subscription": struct({"timestamp": text}),
    }


def columns():
    def field(parent, name):
        return polars.col(parent).struct.field(name)

    def first(expression):
        return expression.list.get(0, null_on_oob=True)

    def tag(name):
        return first(field("mail", "tags").struct.field(name))

    def time(expression):
        return expression.str.to_datetime("%Y-%m-%dT%H:%M:%S%.3fZ", time_unit="ms", time_zone="UTC")

    bounced, delayed = (
        first(field(parent, name))
        for parent, name in [("bounce", "bouncedRecipients"), ("deliveryDelay", "delayedRecipients")]
    )
    timed = ["bounce", "complaint", "delivery", "deliveryDelay", "open", "click", "subscription", "mail"]
    return {
        "event_time": time(polars.coalesce([field(parent, "timestamp") for parent in timed])),
        "sent_time": time(field("mail", "timestamp")),
        "event_type": polars.col("eventType"),
        "recipient": polars.coalesce(
            bounced.struct.field("emailAddress"),
            first(field("complaint", "complainedRecipients")).struct.field("emailAddress"),
            first(field("delivery", "recipients")),
            delayed.struct.field("emailAddress"),
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
        "status": polars.coalesce(bounced.struct.field("status"), delayed.struct.field("status")),
        "diagnostic_code": polars.coalesce(
            bounced.struct.field("diagnosticCode"), delayed.struct.field("diagnosticCode")
        ),
        "complaint_feedback_type": field("complaint", "complaintFeedbackType"),
        "smtp_response": field("delivery", "smtpResponse"),
        "processing_ms": field("delivery", "processingTimeMillis"),
        "ip_address": polars.coalesce(field("open", "ipAddress"), field("click", "ipAddress")),
        "user_agent": polars.coalesce(
            field("open", "userAgent"), field("click", "userAgent"), field("complaint", "userAgent")
        ),
        "link": field("click", "link"),
        "tags": field("mail", "tags"),
    }


def main():
    options = peer.arguments()
    if polars.thread_pool_size() != options.threads:
        raise SystemExit(f"set POLARS_MAX_THREADS={options.threads}: Polars reads it when it is loaded")
    records = polars.scan_ndjson(peer.paths(options.objects), schema=schema())
    rows = records.select(**columns()).with_columns(event_date=polars.col("event_time").dt.date())
    partitions = polars.PartitionBy(options.output, key="event_date", include_key=False)
    rows.sink_parquet(partitions, compression="zstd", compression_level=1, maintain_order=False, mkdir=True)


main()
