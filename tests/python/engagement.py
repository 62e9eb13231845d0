"""Counts the opens and clicks of a lake with DuckDB, by the rules as docs/engagement.md has them, and prints that as JSON."""

import glob
import os
import sys

import duckdb
import duckdb_extension_delta
from answer import answer

folder = os.path.dirname(duckdb_extension_delta.__file__)
(extension,) = glob.glob(f"{folder}/extensions/*/delta.duckdb_extension")
connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
connection.execute(f"LOAD '{extension}'")
connection.execute("SET TimeZone = 'UTC'")
events = f"delta_scan('{sys.argv[1]}/events')"
WAITS = [5, 30, 60, 300, 900, 3_600, 10_800, 43_200, 86_400, 259_200, 604_800, 2_592_000]

connection.execute(
    f"""
CREATE TABLE deliveries AS SELECT message_id, epoch_us(event_time) AS t, sent_time, campaign FROM {events} WHERE event_type = 'Delivery';
CREATE TABLE acts AS SELECT row_number() OVER () AS id, event_type, message_id, epoch_us(event_time) AS t, sent_time, campaign, link,
  array_to_string(list_sort(list_transform(map_entries(link_tags), e -> e.key || '=' || e.value)), '; ') AS tags, bot_likelihood,
  lower(user_agent) AS agent FROM {events} WHERE event_type IN ('Open', 'Click');
CREATE TABLE hurried AS
  WITH clicks AS (SELECT * FROM acts WHERE event_type = 'Click'),
  starts AS (
    SELECT a.message_id, a.t FROM clicks a JOIN clicks b ON a.message_id = b.message_id AND b.t BETWEEN a.t AND a.t + 10000000
    GROUP BY ALL HAVING count(DISTINCT (coalesce(b.link, ''), coalesce(b.tags, ''))) >= 3)
  SELECT DISTINCT c.id FROM clicks c JOIN starts s ON c.message_id = s.message_id AND c.t BETWEEN s.t AND s.t + 10000000;
CREATE TABLE soon AS SELECT DISTINCT a.id FROM acts a JOIN deliveries d ON a.message_id = d.message_id AND a.t - d.t BETWEEN 0 AND 5000000;
CREATE TABLE judged AS SELECT *, CASE
    WHEN bot_likelihood = 'Likely' THEN 'ses_likely'
    WHEN bot_likelihood = 'Unlikely' THEN NULL
    WHEN agent IS NULL OR agent = '' THEN 'no_agent'
    WHEN event_type = 'Open' AND agent = 'mozilla/5.0' THEN 'apple_preload'
    WHEN id IN (SELECT id FROM soon) THEN 'at_delivery'
    WHEN id IN (SELECT id FROM hurried) THEN 'every_link'
    WHEN event_type = 'Open' AND (agent LIKE '%googleimageproxy%' OR agent LIKE '%yahoomailproxy%') THEN 'image_proxy'
  END AS reason FROM acts;
"""
)


def acts(where):
    return {
        (row[0], row[1]): list(row[2:])
        for row in connection.execute(
            f"""SELECT {where} AS g, event_type, count(*), count(*) FILTER (WHERE reason IS NOT NULL AND reason <> 'image_proxy'),
            count(*) FILTER (WHERE reason = 'image_proxy'), count(DISTINCT message_id),
            count(DISTINCT message_id) FILTER (WHERE reason IS NULL OR reason = 'image_proxy') FROM judged WHERE sent_time IS NOT NULL GROUP BY ALL"""
        ).fetchall()
    }


def groups(where):
    found = acts(where)
    delivered = dict(connection.execute(f"SELECT {where}, count(*) FROM deliveries WHERE sent_time IS NOT NULL GROUP BY ALL").fetchall())
    names = {name for name, _ in found} | set(delivered)
    none = [0, 0, 0, 0, 0]
    return {
        name: [delivered.get(name, 0), found.get((name, "Open"), none), found.get((name, "Click"), none)] for name in sorted(names)
    }


def first(kind, only):
    waits = [
        row[0]
        for row in connection.execute(
            f"""SELECT greatest(0, (min(t) - min(epoch_us(sent_time))) // 1000000) FROM judged
            WHERE event_type = '{kind}' AND sent_time IS NOT NULL AND {only} GROUP BY message_id ORDER BY 1"""
        ).fetchall()
    ]
    steps = [0] * (len(WAITS) + 1)
    for wait in waits:
        steps[sum(end < wait for end in WAITS)] += 1
    median = waits[(len(waits) + 1) // 2 - 1] if waits else None
    return [len(waits), median, steps]


readers = "(reason IS NULL OR reason = 'image_proxy')"
answer(
    {
        "all": groups("'all'")["all"],
        "happened": [
            connection.execute("SELECT count(*) FROM deliveries").fetchone()[0],
            *[
                list(
                    connection.execute(
                        f"""SELECT count(*), count(*) FILTER (WHERE reason IS NOT NULL AND reason <> 'image_proxy'),
                        count(*) FILTER (WHERE reason = 'image_proxy'), count(DISTINCT message_id), count(DISTINCT message_id) FILTER (WHERE {readers})
                        FROM judged WHERE event_type = '{kind}'"""
                    ).fetchone()
                )
                for kind in ("Open", "Click")
            ],
        ],
        "campaigns": groups("coalesce(campaign, '-')"),
        "days": groups("strftime(sent_time, '%Y-%m-%d')"),
        "first": {
            name: {"all": first(kind, "true"), "without_bots": first(kind, readers)} for name, kind in (("open", "Open"), ("click", "Click"))
        },
        "reasons": {
            row[0]: list(row[1:])
            for row in connection.execute(
                """SELECT reason, count(*) FILTER (WHERE event_type = 'Open'), count(*) FILTER (WHERE event_type = 'Click') FROM judged
                WHERE reason IS NOT NULL AND sent_time IS NOT NULL GROUP BY 1 ORDER BY 1"""
            ).fetchall()
        },
        "links": sorted(
            (
                [row[0], row[1] or None, *row[2:]]
                for row in connection.execute(
                    f"""SELECT link, tags, count(*), count(DISTINCT message_id), count(DISTINCT message_id) FILTER (WHERE {readers})
                    FROM judged WHERE event_type = 'Click' AND sent_time IS NOT NULL GROUP BY ALL"""
                ).fetchall()
            ),
            key=str,
        ),
    }
)
