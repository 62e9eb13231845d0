"""Appends bad records to the quarantine of a lake, as the object and version of its first row had left them: keep.py LAKE RECORDS.json"""

import datetime
import json
import sys

import polars
from deltalake import DeltaTable, write_deltalake
from answer import answer

path = f"{sys.argv[1]}/quarantine"
first = polars.read_delta(path).row(0, named=True)
with open(sys.argv[2], encoding="utf-8") as file:
    records = json.load(file)
rows = [
    {
        "object": first["object"],
        "etag": first["etag"],
        "byte_offset": record["offset"],
        "line": record["line"],
        "part": record["part"],
        "class": record["class"],
        "message": "an older version could not read it",
        "raw": record["raw"].encode(),
        "quarantined_at": datetime.datetime(2026, 10, 1, tzinfo=datetime.timezone.utc),
    }
    for record in records
]
schema = polars.read_delta(path).schema
write_deltalake(path, polars.DataFrame(rows, schema=schema), mode="append")
answer({"version": DeltaTable(path).version()})
