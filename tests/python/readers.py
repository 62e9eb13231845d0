"""Reads the events table of a lake with three Delta readers and prints what each sees, and the table's shape, as JSON."""

import glob
import os
import sys

import duckdb
import duckdb_extension_delta
import polars
from deltalake import DeltaTable, QueryBuilder
from answer import answer

path = f"{sys.argv[1]}/events"
table = DeltaTable(path)

COUNTS = "SELECT event_type, CAST(event_date AS VARCHAR), count(*), sum(processing_ms) FROM {} GROUP BY event_type, event_date"


def summary(rows):
    rows = list(rows)
    return {
        "rows": sum(row[2] for row in rows),
        "milliseconds": sum(row[3] or 0 for row in rows),
        "by": {f"{row[0]} {row[1]}": row[2] for row in rows},
    }


def ask(sql):
    answer = QueryBuilder().register("events", table).execute(sql).read_all()
    columns = [[value.as_py() for value in answer.column(name)] for name in answer.schema.names]
    return list(zip(*columns))


def duckdb_rows():
    folder = os.path.dirname(duckdb_extension_delta.__file__)
    (extension,) = glob.glob(f"{folder}/extensions/*/delta.duckdb_extension")
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    connection.execute(f"LOAD '{extension}'")
    tags = connection.execute(f"SELECT count(*) FROM delta_scan('{path}') WHERE tags['ses:operation'] IS NOT NULL").fetchone()
    return connection.execute(COUNTS.format(f"delta_scan('{path}')")).fetchall(), tags[0]


def polars_rows():
    frame = polars.scan_delta(path).group_by("event_type", "event_date")
    frame = frame.agg(polars.len(), polars.col("processing_ms").sum()).collect()
    return [(kind, date.isoformat(), rows, total) for kind, date, rows, total in frame.rows()]


files = table.file_uris()
in_duckdb, tags_in_duckdb = duckdb_rows()
answer({
    "readers": {"deltalake": summary(ask(COUNTS.format("events"))), "duckdb": summary(in_duckdb), "polars": summary(polars_rows())},
    "columns": [field.name for field in table.schema().fields],
    "partition_columns": table.metadata().partition_columns,
    "repeated_keys": len(ask("SELECT 1 FROM events GROUP BY event_time, event_id HAVING count(*) > 1")),
    "tagged": [tags_in_duckdb, ask("SELECT count(*) FROM events WHERE tags['ses:operation'] IS NOT NULL")[0][0]],
    "unsorted_files": [f for f in files if not polars.read_parquet(f)["event_time"].is_sorted()],
    "statistics": len([a for a in table.get_add_actions(flatten=True).column("num_records") if a.as_py()]),
    "files": len(files),
    "stray_files": sorted(set(glob.glob(f"{path}/event_date=*/*")) - {os.path.join(path, f.split("/events/", 1)[1]) for f in files}),
})
