"""books.py LAKE: what the tables of a lake hold and how long its objects took, as DuckDB has it from the files that are in force."""

import json
import os
import sys

import duckdb
from deltalake import DeltaTable

lake = sys.argv[1]
told = {"tables": {}}
for name in ["events", "quarantine", "objects"]:
    table = DeltaTable(f"{lake}/{name}")
    files = [os.path.join(lake, name, f.split(f"/{name}/", 1)[1]) for f in table.file_uris()]
    rows = duckdb.sql(f"SELECT count(*) FROM read_parquet({files!r})").fetchone()[0] if files else 0
    told["tables"][name] = {"rows": rows, "files": len(files), "bytes": sum(map(os.path.getsize, files))}
    if name == "events":
        dates = duckdb.sql(
            f"SELECT CAST(CAST(event_time AT TIME ZONE 'UTC' AS DATE) AS VARCHAR) AS date, count(*), count(DISTINCT filename) "
            f"FROM read_parquet({files!r}, filename=true) GROUP BY 1 ORDER BY 1"
        ).fetchall()
        told["dates"] = [list(row) for row in dates]
    if name == "objects":
        for key, column in [("oldest_event_seconds", "first_event"), ("newest_event_seconds", "last_event")]:
            lags = duckdb.sql(
                f"SELECT epoch_us(imported_at) - epoch_us({column}) AS lag FROM read_parquet({files!r}) "
                f"WHERE first_event IS NOT NULL ORDER BY 1"
            ).fetchall()
            lags = [lag for (lag,) in lags]
            rank = lambda percent: lags[-(-len(lags) * percent // 100) - 1] / 1e6
            told[key] = {"p50": rank(50), "p95": rank(95), "max": lags[-1] / 1e6}
            told["objects"] = len(lags)
print(json.dumps(told))
