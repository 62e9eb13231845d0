"""Reads a peer's Parquet files with DuckDB and prints as JSON the rows by event type, and for each column how many
values it holds and the sum of their hashes, so that peers can be shown to have written the same.

Tags are compared by their number, since some peers write them as a map and some as a struct.
"""

import json
import sys

import duckdb


def number_of_tags(kind):
    if kind.id == "map":
        return "cardinality(tags)"
    return "(" + " + ".join(f"""(tags."{name}" IS NOT NULL)::INTEGER""" for name, _ in kind.children) + ")"


def compared(name, kind):
    """What is hashed of a column."""
    if name == "tags":
        return number_of_tags(kind)
    return f"epoch_ms({name})" if name.endswith("_time") else name


def fingerprint(value):
    return f"[count({value}), sum(hash({value}::VARCHAR)) FILTER ({value} IS NOT NULL)]::VARCHAR"


def main():
    connection = duckdb.connect()
    files = f"FROM read_parquet('{sys.argv[1]}/event_date=*/*.parquet', hive_partitioning = true)"
    by_type = connection.execute(f"SELECT event_type, count(*) {files} GROUP BY event_type").fetchall()
    description = connection.execute(f"SELECT * {files} LIMIT 0").description
    names = [name for name, *_ in description]
    fingerprints = ", ".join(fingerprint(compared(name, kind)) for name, kind, *_ in description)
    values = connection.execute(f"SELECT {fingerprints} {files}").fetchone()
    print(json.dumps({"rows": dict(by_type), "columns": dict(zip(names, values, strict=True))}))


main()
