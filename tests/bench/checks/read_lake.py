"""Reads the active files of a lake's events table with DuckDB and prints as JSON the rows and events by event type.

The Delta log, read by deltalake, says which files are active. The table has one row per event and recipient; rows of
one event agree in everything that does not belong to a single recipient.
"""

import json
import sys

import duckdb
from deltalake import DeltaTable

COUNT = """
SELECT event_type, count(*), count(DISTINCT (event_time, message_id, feedback_id, smtp_response, reporting_mta,
                                             remote_mta_ip, delay_type, ip_address, user_agent, link))
FROM read_parquet(?) GROUP BY event_type
"""


def main():
    files = DeltaTable(f"{sys.argv[1]}/events").file_uris()
    found = duckdb.connect().execute(COUNT, [files]).fetchall()
    print(json.dumps({
        "rows": {event_type: rows for event_type, rows, _ in found},
        "events": {event_type: events for event_type, _, events in found},
    }))


main()
