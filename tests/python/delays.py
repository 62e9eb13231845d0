"""Finds the ranks of delivery times in a lake with DuckDB, and what became of delayed mail, and prints that as JSON."""

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
connection.execute(
    f"""CREATE TABLE events AS SELECT event_type, event_time, message_id, lower(recipient) AS recipient, recipient_domain, processing_ms,
    delay_type FROM delta_scan('{sys.argv[1]}/events') WHERE event_type IN ('Delivery', 'Bounce', 'DeliveryDelay')"""
)


def ranks(where):
    rows = connection.execute(
        f"""SELECT {where}, count(*), quantile_disc(processing_ms, 0.5), quantile_disc(processing_ms, 0.95),
        quantile_disc(processing_ms, 0.99), max(processing_ms) FROM events WHERE event_type = 'Delivery' AND processing_ms IS NOT NULL
        GROUP BY 1 ORDER BY 1"""
    ).fetchall()
    return {row[0]: list(row[1:]) for row in rows}


fates = connection.execute(
    """
WITH delayed AS (SELECT message_id, recipient, min(event_time) AS first FROM events WHERE event_type = 'DeliveryDelay' GROUP BY ALL),
outcomes AS (
  SELECT d.message_id, d.recipient, arg_min(e.event_type, e.event_time) AS outcome FROM delayed d JOIN events e
  ON e.message_id = d.message_id AND e.recipient = d.recipient AND e.event_time >= d.first AND e.event_type <> 'DeliveryDelay' GROUP BY ALL)
SELECT (SELECT count(*) FROM delayed), count(*) FILTER (WHERE outcome = 'Delivery'), count(*) FILTER (WHERE outcome = 'Bounce'),
  (SELECT count(*) FROM delayed) - count(*) FROM outcomes
"""
).fetchone()
answer(
    {
        "all": ranks("'all'")["all"],
        "domains": ranks("recipient_domain"),
        "days": ranks("strftime(event_time, '%Y-%m-%d')"),
        "types": dict(
            connection.execute("SELECT delay_type, count(*) FROM events WHERE event_type = 'DeliveryDelay' GROUP BY 1 ORDER BY 1").fetchall()
        ),
        "fates": list(fates),
    }
)
