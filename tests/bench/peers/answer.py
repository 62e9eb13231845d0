"""Answers questions about Parquet files with one of the peers: lines of JSON in, lines of JSON out.

The first line names the files; each further one has `since`, `by` and perhaps `window` (of an hour). An answer holds the seconds it took
until all its rows were there, and counts (sends, hard bounces, complaints) by window and group.
"""

import datetime
import json
import os
import sys
import time


def column(by, tag):
    """The expression of what is grouped by."""
    return tag(by.removeprefix("tag:")) if by.startswith("tag:") else by


COUNTS = """sum(case when event_type = 'Send' then 1 else 0 end) as sends,
    sum(case when event_type = 'Bounce' and bounce_type = 'Permanent' then 1 else 0 end) as hard,
    sum(case when event_type = 'Complaint' then 1 else 0 end) as complaints"""


def question(asked, table, hour, tag, literal):
    """SQL that all of them understand but for an hour, a tag and a time."""
    window = hour if "window" in asked else "0"
    return (
        f"select {window} as w, {column(asked['by'], tag)} as g, {COUNTS} from {table} "
        f"where event_time >= {literal(asked['since'])} group by 1, 2"
    )


def duckdb(files):
    import duckdb

    database = duckdb.connect(config={"threads": len(os.sched_getaffinity(0))})
    database.execute("set timezone = 'UTC'")
    table = f"read_parquet({json.dumps(files).replace(chr(34), chr(39))})"
    database.execute(f"create view events as select * from {table}")
    hour = "epoch(date_trunc('hour', event_time))::bigint"
    tag = lambda name: f"tags['{name}']"
    literal = lambda text: f"timestamptz '{text.replace('Z', '+00')}'"
    return lambda asked: database.execute(question(asked, "events", hour, tag, literal)).fetchall()


def clickhouse(files):
    from chdb import session

    folder = os.path.dirname(os.path.dirname(files[0]))
    opened = session.Session()
    table = f"file('{folder}/event_date=*/*.parquet', Parquet)"
    hour = "toUnixTimestamp(toStartOfHour(event_time))"
    tag = lambda name: f"if(mapContains(tags, '{name}'), tags['{name}'], null)"
    literal = lambda text: f"parseDateTime64BestEffort('{text}', 6, 'UTC')"

    def answer(asked):
        text = question(asked, table, hour, tag, literal).replace("sum(case when", "countIf(").replace(" then 1 else 0 end)", ")")
        rows = opened.query(text, "JSONCompact")
        return [(int(w), g, int(a), int(b), int(c)) for w, g, a, b, c in json.loads(str(rows))["data"]]

    return answer


def datafusion(files):
    from datafusion import SessionConfig, SessionContext

    folder = os.path.dirname(os.path.dirname(files[0]))
    context = SessionContext(SessionConfig().with_target_partitions(len(os.sched_getaffinity(0))))
    context.register_listing_table("events", folder + "/", table_partition_cols=[], file_extension=".zstd.parquet")
    hour = "cast(date_part('epoch', date_trunc('hour', event_time)) as bigint)"
    tag = lambda name: f"tags['{name}']"
    literal = lambda text: f"to_timestamp_micros('{text}')"

    def answer(asked):
        found = context.sql(question(asked, "events", hour, tag, literal)).collect()
        return [tuple(row.values()) for batch in found for row in batch.to_pylist()]

    return answer


def polars(files):
    import polars as pl

    events = pl.scan_parquet(files)

    def answer(asked):
        since = datetime.datetime.fromisoformat(asked["since"])
        by = asked["by"]
        group = pl.col("tags").map.get(by.removeprefix("tag:")) if by.startswith("tag:") else pl.col(by)
        hour = pl.col("event_time").dt.truncate("1h").dt.epoch("s") if "window" in asked else pl.lit(0)
        kind = pl.col("event_type")
        found = (
            events.filter(pl.col("event_time") >= since)
            .group_by(hour.alias("w"), group.alias("g"))
            .agg(
                (kind == "Send").sum().alias("sends"),
                ((kind == "Bounce") & (pl.col("bounce_type") == "Permanent")).sum().alias("hard"),
                (kind == "Complaint").sum().alias("complaints"),
            )
        )
        return found.collect().rows()

    return answer


def main():
    files = json.loads(sys.stdin.readline())["files"]
    answer = {"duckdb": duckdb, "clickhouse": clickhouse, "datafusion": datafusion, "polars": polars}[sys.argv[1]](files)
    print("{}", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        start = time.perf_counter()
        rows = answer(asked)
        seconds = time.perf_counter() - start
        counts = {}
        for window, group, *numbers in rows:
            moment = datetime.datetime.fromtimestamp(window, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            counts[f"{moment if 'window' in asked else ''}|{group}"] = [int(number) for number in numbers]
        print(json.dumps({"seconds": seconds, "counts": counts}), flush=True)
    # Some of them abort in their own threads when the interpreter ends.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
