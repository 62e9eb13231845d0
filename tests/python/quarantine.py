"""Prints the quarantine table of each lake as JSON, read with deltalake, ordered by object, place and part."""

import sys

from deltalake import DeltaTable, QueryBuilder
from answer import answer

COLUMNS = ["object", "etag", "byte_offset", "line", "part", "class", "message", "raw"]


def rows(lake):
    query = QueryBuilder().register("q", DeltaTable(f"{lake}/quarantine"))
    names = ", ".join(f'"{name}"' for name in COLUMNS)
    answer = query.execute(f"SELECT {names} FROM q ORDER BY object, byte_offset, part").read_all()
    columns = [[value.as_py() for value in answer.column(name)] for name in COLUMNS]
    return [dict(zip(COLUMNS, row)) | {"raw": row[-1].decode("latin-1")} for row in zip(*columns)]


answer([rows(lake) for lake in sys.argv[1:]])
