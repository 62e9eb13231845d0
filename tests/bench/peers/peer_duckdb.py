"""DuckDB: `read_json` with explicit columns, and one partitioned COPY."""

import duckdb

import peer

COLUMNS = {
    "eventType": "VARCHAR",
    "mail": 'STRUCT("timestamp" TIMESTAMP, source VARCHAR, sendingAccountId VARCHAR, messageId VARCHAR,'
    " destination VARCHAR[], tags MAP(VARCHAR, VARCHAR[]))",
    "bounce": "STRUCT(bounceType VARCHAR, bounceSubType VARCHAR, bouncedRecipients STRUCT(emailAddress VARCHAR,"
    ' status VARCHAR, diagnosticCode VARCHAR)[], "timestamp" TIMESTAMP)',
    "complaint": "STRUCT(complaintFeedbackType VARCHAR, userAgent VARCHAR,"
    ' complainedRecipients STRUCT(emailAddress VARCHAR)[], "timestamp" TIMESTAMP)',
    "delivery": 'STRUCT("timestamp" TIMESTAMP, processingTimeMillis BIGINT, recipients VARCHAR[],'
    " smtpResponse VARCHAR)",
    "deliveryDelay": 'STRUCT("timestamp" TIMESTAMP, delayedRecipients STRUCT(emailAddress VARCHAR, status VARCHAR,'
    " diagnosticCode VARCHAR)[])",
    "open": 'STRUCT("timestamp" TIMESTAMP, ipAddress VARCHAR, userAgent VARCHAR)',
    "click": 'STRUCT("timestamp" TIMESTAMP, ipAddress VARCHAR, userAgent VARCHAR, link VARCHAR)',
    "subscription": 'STRUCT("timestamp" TIMESTAMP)',
}

FLATTEN = """
SELECT
  coalesce(bounce.timestamp, complaint.timestamp, delivery.timestamp, deliveryDelay.timestamp, open.timestamp,
           click.timestamp, subscription.timestamp, mail.timestamp) AS event_time,
  event_time::DATE AS event_date,
  mail.timestamp AS sent_time,
  eventType AS event_type,
  coalesce(bounce.bouncedRecipients[1].emailAddress, complaint.complainedRecipients[1].emailAddress,
           delivery.recipients[1], deliveryDelay.delayedRecipients[1].emailAddress, mail.destination[1]) AS recipient,
  mail.messageId AS message_id,
  mail.source AS source,
  mail.tags['ses:from-domain'][1] AS from_domain,
  mail.sendingAccountId AS account_id,
  mail.tags['ses:configuration-set'][1] AS configuration_set,
  mail.tags['campaign'][1] AS campaign,
  bounce.bounceType AS bounce_type,
  bounce.bounceSubType AS bounce_subtype,
  coalesce(bounce.bouncedRecipients[1].status, deliveryDelay.delayedRecipients[1].status) AS status,
  coalesce(bounce.bouncedRecipients[1].diagnosticCode, deliveryDelay.delayedRecipients[1].diagnosticCode)
    AS diagnostic_code,
  complaint.complaintFeedbackType AS complaint_feedback_type,
  delivery.smtpResponse AS smtp_response,
  delivery.processingTimeMillis AS processing_ms,
  coalesce(open.ipAddress, click.ipAddress) AS ip_address,
  coalesce(open.userAgent, click.userAgent, complaint.userAgent) AS user_agent,
  click.link AS link,
  mail.tags AS tags
FROM read_json($objects, format = $format, columns = {columns}, compression = $compression,
               timestampformat = '%Y-%m-%dT%H:%M:%S.%gZ')
"""


def main():
    options = peer.arguments()
    connection = duckdb.connect(config={"threads": options.threads})
    connection.execute("SET preserve_insertion_order = false")
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items())
    flatten = FLATTEN.format(columns="{" + columns + "}")
    connection.execute(
        f"COPY ({flatten}) TO '{options.output}'"
        " (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, PARTITION_BY (event_date))",
        {
            "objects": peer.paths(options.objects),
            "format": "unstructured" if options.framing == "concatenated" else "newline_delimited",
            "compression": "gzip" if options.framing == "gzip" else "uncompressed",
        },
    )


main()
