"""Deletes the rows of a recipient domain from a lake's events with another Delta writer, and prints how many rows are left by event type and
date."""

import sys

from answer import answer
from deltalake import DeltaTable, QueryBuilder

lake, domain = sys.argv[1:]
deleted = DeltaTable(f"{lake}/events").delete(f"recipient_domain = '{domain}'")["num_deleted_rows"]
counts = "SELECT event_type AS kind, cast(event_date AS varchar) AS date, count(*) AS number FROM t GROUP BY 1, 2"
left = QueryBuilder().register("t", DeltaTable(f"{lake}/events")).execute(counts).read_all()
rows = zip(*([value.as_py() for value in left.column(name)] for name in ("kind", "date", "number")), strict=True)
answer({"deleted": deleted, "left": {f"{kind} {date}": number for kind, date, number in rows}})
