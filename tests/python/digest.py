"""What a lake's events are, in few numbers: rows and a digest of their columns by event type."""

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
columns = """event_id, event_time, sent_time, configuration_set, recipient, from_domain, message_id, campaign, template, bounce_type,
    bounce_subtype, status, diagnostic_code, smtp_response, processing_ms, delay_type, ip_address, user_agent, link, reason, subject,
    CAST(tags AS VARCHAR), CAST(link_tags AS VARCHAR)"""
rows = connection.execute(
    f"SELECT event_type, count(*), CAST(bit_xor(hash({columns})) AS VARCHAR) FROM delta_scan('{sys.argv[1]}/events') GROUP BY 1 ORDER BY 1"
).fetchall()
answer({row[0]: [row[1], row[2]] for row in rows})
