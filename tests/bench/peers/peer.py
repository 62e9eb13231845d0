"""What every peer shares: its command line and the objects of a dump.

A peer is run as `python peer_NAME.py OBJECTS OUTPUT --framing FRAMING --threads N`. It flattens the same 22 columns of
every record into zstd Parquet files below `OUTPUT/event_date=YYYY-MM-DD/`, and leaves headers out of its schema:

    event_date, event_time, sent_time, event_type, recipient, message_id, source, from_domain, account_id,
    configuration_set, campaign, bounce_type, bounce_subtype, status, diagnostic_code, complaint_feedback_type,
    smtp_response, processing_ms, ip_address, user_agent, link, tags
"""

import argparse
from pathlib import Path


def arguments():
    parser = argparse.ArgumentParser(description="flattens a dump of SES events into Parquet, for tests/bench/import")
    parser.add_argument("objects", type=Path, help="folder laid out as Firehose does: YYYY/MM/DD/HH/object")
    parser.add_argument("output", type=Path, help="empty folder for the Parquet files")
    parser.add_argument("--framing", choices=["ndjson", "concatenated", "gzip"], default="ndjson")
    parser.add_argument("--threads", type=int, required=True)
    return parser.parse_args()


def paths(objects):
    """All objects in name order, which is the order of arrival."""
    return sorted(str(path) for path in objects.glob("*/*/*/*/*"))
