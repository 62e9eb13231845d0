"""Prints the rows of the events table of each lake as JSON, read with deltalake, ordered by recipient and time."""

import datetime
import sys

from deltalake import DeltaTable, QueryBuilder
from answer import answer


def plain(value):
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, datetime.date):
        return value.isoformat()
    return dict(value) if isinstance(value, list) else value


def rows(lake):
    query = QueryBuilder().register("events", DeltaTable(f"{lake}/events"))
    answer = query.execute("SELECT * FROM events ORDER BY recipient, event_time").read_all()
    names = answer.schema.names
    columns = [[plain(value.as_py()) for value in answer.column(name)] for name in names]
    return [dict(zip(names, row)) for row in zip(*columns)]


answer([rows(lake) for lake in sys.argv[1:]])
