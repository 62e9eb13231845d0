"""Counts the records of a dump by event type, and how many of them are distinct, in its bytes: no JSON is parsed.

Generated records begin with `{"eventType":"`, and no text inside a record can hold that after a `}`, since its quotes
would be escaped. Distinct records are told apart by a 64-bit hash of their bytes.
"""

import collections
import gzip
import json
import re
import sys
from pathlib import Path

BOUNDARY = re.compile(rb'}\s*{"eventType":"')
BEGINNING = b'{"eventType":"'


def records(path):
    """The records of one object from the event type on."""
    data = path.read_bytes()
    if data.startswith(b"\x1f\x8b"):
        data = gzip.decompress(data)
    if not data.startswith(BEGINNING):
        raise SystemExit(f"{path} does not begin with {BEGINNING.decode()}")
    return BOUNDARY.split(data.rstrip()[len(BEGINNING) : -1])


def main():
    counted, seen = collections.Counter(), collections.defaultdict(set)
    for path in sorted(path for path in Path(sys.argv[1]).rglob("*") if path.is_file()):
        for record in records(path):
            event_type = record[: record.index(b'"')].decode()
            counted[event_type] += 1
            seen[event_type].add(hash(record))
    distinct = {event_type: len(hashes) for event_type, hashes in seen.items()}
    print(json.dumps({"records": counted, "distinct": distinct}))


main()
