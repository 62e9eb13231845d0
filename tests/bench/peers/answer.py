"""Answers questions about Parquet files with one of the peers: lines of JSON in, lines of JSON out.

The first line names the files; each further one has `since`, `by` and perhaps `window` (of an hour), `clock` (`sent`) and `only`. An answer
holds the seconds it took until all its rows were there, and counts (sends, hard bounces, complaints) by window and group.
"""

import datetime
import json
import os
import sys
import time


def columns(by, tag):
    """The expressions of what is grouped by."""
    return ", ".join(tag(name.removeprefix("tag:")) if name.startswith("tag:") else name for name in by)


def clock(asked):
    """The column of the time."""
    return "sent_time" if asked.get("clock") == "sent" else "event_time"


COUNTS = """sum(case when event_type = 'Send' then 1 else 0 end) as sends,
    sum(case when event_type = 'Bounce' and bounce_type = 'Permanent' then 1 else 0 end) as hard,
    sum(case when event_type = 'Complaint' then 1 else 0 end) as complaints"""


def question(asked, table, hour, tag, literal):
    """SQL that all of them understand but for an hour, a tag and a time."""
    time = clock(asked)
    window = hour(time) if "window" in asked else "0"
    only = "".join(f" and {name} = '{value}'" for name, value in asked.get("only", {}).items())
    groups = ", ".join(str(2 + number) for number in range(len(asked["by"])))
    return (
        f"select {window} as w, {columns(asked['by'], tag)}, {COUNTS} from {table} "
        f"where {time} >= {literal(asked['since'])}{only} group by 1, {groups}"
    )


def duckdb(files):
    import duckdb

    database = duckdb.connect(config={"threads": len(os.sched_getaffinity(0))})
    database.execute("set timezone = 'UTC'")
    table = f"read_parquet({json.dumps(files).replace(chr(34), chr(39))})"
    database.execute(f"create view events as select * from {table}")
    hour = lambda time: f"epoch(date_trunc('hour', {time}))::bigint"
    tag = lambda name: f"tags['{name}']"
    literal = lambda text: f"timestamptz '{text.replace('Z', '+00')}'"
    return lambda asked: database.execute(question(asked, "events", hour, tag, literal)).fetchall()


def clickhouse(files):
    from chdb import session

    folder = os.path.dirname(os.path.dirname(files[0]))
    opened = session.Session()
    table = f"file('{folder}/event_date=*/*.parquet', Parquet)"
    hour = lambda time: f"toUnixTimestamp(toStartOfHour({time}))"
    tag = lambda name: f"if(mapContains(tags, '{name}'), tags['{name}'], null)"
    literal = lambda text: f"parseDateTime64BestEffort('{text}', 6, 'UTC')"

    def answer(asked):
        text = question(asked, table, hour, tag, literal).replace("sum(case when", "countIf(").replace(" then 1 else 0 end)", ")")
        rows = opened.query(text, "JSONCompact")
        return [(int(w), *by, int(a), int(b), int(c)) for w, *by, a, b, c in json.loads(str(rows))["data"]]

    return answer


def datafusion(files):
    from datafusion import SessionConfig, SessionContext

    folder = os.path.dirname(os.path.dirname(files[0]))
    context = SessionContext(SessionConfig().with_target_partitions(len(os.sched_getaffinity(0))))
    context.register_listing_table("events", folder + "/", table_partition_cols=[], file_extension=".zstd.parquet")
    hour = lambda time: f"cast(date_part('epoch', date_trunc('hour', {time})) as bigint)"
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
        value = lambda name: (
            pl.col("tags").map.get(name.removeprefix("tag:")) if name.startswith("tag:") else pl.col(name)
        )
        groups = [value(name).alias(f"g{number}") for number, name in enumerate(asked["by"])]
        time = pl.col(clock(asked))
        hour = time.dt.truncate("1h").dt.epoch("s") if "window" in asked else pl.lit(0)
        kind = pl.col("event_type")
        only = [pl.col(name) == value for name, value in asked.get("only", {}).items()]
        found = (
            events.filter(time >= since, *only)
            .group_by(hour.alias("w"), *groups)
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
        for window, *groups, sends, hard, complaints in rows:
            moment = datetime.datetime.fromtimestamp(window, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            key = "|".join([moment if "window" in asked else "", *map(str, groups)])
            counts[key] = [int(sends), int(hard), int(complaints)]
        print(json.dumps({"seconds": seconds, "counts": counts}), flush=True)
    # Some of them abort in their own threads when the interpreter ends.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
