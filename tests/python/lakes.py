"""For each line of standard input, the path of a lake, prints one line of JSON: what a Delta reader sees in its tables, and
which files no table names. A table that has not been made yet is null; a table that does not open ends the program."""

import glob
import json
import os
import re
import sys

from deltalake import DeltaTable, QueryBuilder

FACTS = {
    "events": "SELECT count(*) AS rows, count(*) - (SELECT count(*) FROM (SELECT DISTINCT event_time, event_id FROM t)) AS repeated FROM t",
    "objects": "SELECT count(*) AS rows, count(*) - count(DISTINCT name) AS repeated, sum(records) AS records FROM t",
    "quarantine": "SELECT count(*) AS rows, count(*) - (SELECT count(*) FROM (SELECT DISTINCT object, byte_offset, part FROM t)) AS repeated FROM t",
}
LOG = re.compile(r"_delta_log/(\d{20}\.(json|checkpoint\.parquet)|_last_checkpoint)$")
STAGED = re.compile(r"#\d+$")


def look(lake):
    seen = {"stray": {"staged": 0, "data": 0, "other": []}}
    for name, facts in FACTS.items():
        path = f"{lake}/{name}"
        files = [f for f in glob.glob(f"{path}/**", recursive=True) if os.path.isfile(f)]
        named = set()
        seen[name] = None
        if os.path.exists(f"{path}/_delta_log/{0:020}.json"):
            table = DeltaTable(path)
            named = {os.path.join(path, f.split(f"/{name}/", 1)[1]) for f in table.file_uris()}
            answer = QueryBuilder().register("t", table).execute(facts).read_all()
            seen[name] = {c: answer.column(c)[0].as_py() for c in answer.schema.names} | {"version": table.version()}
            for file in named - set(files):
                raise SystemExit(f"{file} is in the log and not on the disk")
        for file in files:
            if STAGED.search(file):
                seen["stray"]["staged"] += 1
            elif file not in named and not LOG.search(file):
                if file.endswith(".zstd.parquet") and "_delta_log" not in file:
                    seen["stray"]["data"] += 1
                else:
                    seen["stray"]["other"].append(file)
    return seen


for line in sys.stdin:
    print(json.dumps(look(line.strip())), flush=True)
