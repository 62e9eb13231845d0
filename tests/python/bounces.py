"""Counts the bounces of a lake with DuckDB, by what SES itself says of them, and prints that as JSON."""

import glob
import os
import sys

import duckdb
import duckdb_extension_delta
from answer import answer

folder = os.path.dirname(duckdb_extension_delta.__file__)
(extension,) = glob.glob(f"{folder}/extensions/*/delta.duckdb_extension")
connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
connection.execute(f"LOAD '{extension}'")
connection.execute("SET TimeZone = 'UTC'")
bounces = f"delta_scan('{sys.argv[1]}/events') WHERE event_type = 'Bounce'"
rows = connection.execute(
    f"SELECT bounce_type, coalesce(bounce_subtype, '-'), count(*), min(epoch_us(event_time)), max(epoch_us(event_time)) FROM {bounces} GROUP BY ALL"
).fetchall()


def subtypes(*names):
    return sum(row[2] for row in rows if row[1] in names)


def moment(micros):
    return f"{duckdb.sql(f'SELECT strftime(make_timestamp({micros}), $$%Y-%m-%dT%H:%M:%S.%f$$)').fetchone()[0]}Z"


answer(
    {
        "bounces": sum(row[2] for row in rows),
        "by": {f"{row[0]} {row[1]}": row[2] for row in sorted(rows)},
        "first": moment(min(row[3] for row in rows)),
        "last": moment(max(row[4] for row in rows)),
        "suppressed": subtypes(
            "Suppressed", "OnAccountSuppressionList", "OnTenantSuppressionList", "UnsubscribedRecipient", "EmailValidationSuppressed"
        ),
        "mailbox_full": subtypes("MailboxFull"),
        "content": subtypes("MessageTooLarge", "ContentRejected", "AttachmentRejected"),
    }
)
