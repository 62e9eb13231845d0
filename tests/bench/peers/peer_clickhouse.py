"""ClickHouse (chdb): JSONEachRow with explicit tuples, inserted into one Parquet file per date."""

import chdb

import peer

STRUCTURE = """
eventType String,
mail Tuple(timestamp DateTime64(3, 'UTC'), source String, sendingAccountId String, messageId String,
  destination Array(String), tags Map(String, Array(String))),
bounce Tuple(bounceType Nullable(String), bounceSubType Nullable(String), bouncedRecipients Array(Tuple(
  emailAddress String, status Nullable(String), diagnosticCode Nullable(String))),
  timestamp Nullable(DateTime64(3, 'UTC'))),
complaint Tuple(complaintFeedbackType Nullable(String), userAgent Nullable(String),
  complainedRecipients Array(Tuple(emailAddress String)), timestamp Nullable(DateTime64(3, 'UTC'))),
delivery Tuple(timestamp Nullable(DateTime64(3, 'UTC')), processingTimeMillis Nullable(Int64), recipients Array(String),
  smtpResponse Nullable(String)),
deliveryDelay Tuple(timestamp Nullable(DateTime64(3, 'UTC')), delayedRecipients Array(Tuple(
  emailAddress String, status Nullable(String), diagnosticCode Nullable(String)))),
open Tuple(timestamp Nullable(DateTime64(3, 'UTC')), ipAddress Nullable(String), userAgent Nullable(String)),
click Tuple(timestamp Nullable(DateTime64(3, 'UTC')), ipAddress Nullable(String), userAgent Nullable(String),
  link Nullable(String)),
subscription Tuple(timestamp Nullable(DateTime64(3, 'UTC')))
"""

FLATTEN = """
INSERT INTO FUNCTION file('{output}/event_date={{_partition_id}}/data.parquet', 'Parquet')
PARTITION BY event_date
SELECT
  assumeNotNull(coalesce(bounce.timestamp, complaint.timestamp, delivery.timestamp, deliveryDelay.timestamp,
    open.timestamp, click.timestamp, subscription.timestamp, mail.timestamp)) AS event_time,
  toDate(event_time) AS event_date,
  mail.timestamp AS sent_time,
  eventType AS event_type,
  multiIf(
    notEmpty(bounce.bouncedRecipients), bounce.bouncedRecipients[1].emailAddress,
    notEmpty(complaint.complainedRecipients), complaint.complainedRecipients[1].emailAddress,
    notEmpty(delivery.recipients), delivery.recipients[1],
    notEmpty(deliveryDelay.delayedRecipients), deliveryDelay.delayedRecipients[1].emailAddress,
    mail.destination[1]) AS recipient,
  mail.messageId AS message_id,
  mail.source AS source,
  mail.tags['ses:from-domain'][1] AS from_domain,
  mail.sendingAccountId AS account_id,
  mail.tags['ses:configuration-set'][1] AS configuration_set,
  nullIf(mail.tags['campaign'][1], '') AS campaign,
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
FROM file('{objects}/*/*/*/*/*', 'JSONEachRow', $structure${structure}$structure$, '{compression}')
SETTINGS
  max_threads = {threads},
  max_insert_threads = {threads},
  date_time_input_format = 'best_effort',
  input_format_skip_unknown_fields = 1,
  output_format_parquet_compression_method = 'zstd',
  output_format_parquet_write_bloom_filter = 0
"""


def main():
    options = peer.arguments()
    compression = "gzip" if options.framing == "gzip" else "none"
    chdb.query(
        FLATTEN.format(
            output=options.output.resolve(),
            objects=options.objects.resolve(),
            structure=STRUCTURE,
            compression=compression,
            threads=options.threads,
        )
    )


main()
