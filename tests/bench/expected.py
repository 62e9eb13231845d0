"""What everyone must have found in a dump, from its truth and from a count of its bytes.

Peers keep duplicates, so their rows by event type are the records. Repute drops them and writes one row per recipient:
its events by type are the distinct records, and its rows by type are the truth's.
"""

import dumps

KINDS = {
    "send": "Send",
    "delivery": "Delivery",
    "hard_bounce": "Bounce",
    "soft_bounce": "Bounce",
    "undetermined_bounce": "Bounce",
    "complaint": "Complaint",
    "reject": "Reject",
    "delivery_delay": "DeliveryDelay",
    "open": "Open",
    "click": "Click",
    "rendering_failure": "Rendering Failure",
    "subscription": "Subscription",
}
"""The event type of each kind of row in the truth."""


class Expected:
    """Compares what was found with what is expected, and adds what differs to a list of sentences."""

    def __init__(self, dump, differences):
        self.name = dump.name
        self.truth = dumps.truth(dump)
        self.counts = dumps.counts(dump)
        self.differences = differences
        self.first = None
        self.expect("the bytes", "records", sum(self.counts["records"].values()), self.truth["records"])
        self.expect("the bytes", "distinct records", sum(self.counts["distinct"].values()), self.truth["events"])

    def expect(self, who, what, found, wanted):
        sentence = f"{self.name}: {who}: {what}: found {found}, expected {wanted}"
        if found != wanted and sentence not in self.differences:
            self.differences.append(sentence)

    def expect_by_type(self, who, what, found, wanted):
        for event_type in sorted(found.keys() | wanted.keys()):
            self.expect(who, f"{what} of {event_type}", found.get(event_type, 0), wanted.get(event_type, 0))

    def check_summary(self, who, summary):
        """What repute says of an import into an empty lake."""
        for part, name, wanted in [
            ("records", "read", self.truth["records"]),
            ("records", "events", self.truth["events"]),
            ("records", "duplicates", self.truth["duplicates"]),
            ("records", "quarantined", 0),
            ("records", "ignored", 0),
            ("objects", "imported", self.truth["objects"]),
            ("objects", "failed", 0),
        ]:
            self.expect(who, f"{part}.{name}", summary[part][name], wanted)
        self.expect(who, "rows", summary["rows"], self.truth["rows"])

    def check_lake(self, who, lake):
        """What `checks/read_lake.py` found."""
        rows = dict.fromkeys(KINDS.values(), 0)
        for kind, count in self.truth["totals"].items():
            rows[KINDS[kind]] += count
        self.expect_by_type(who, "rows in the lake", lake["rows"], rows)
        self.expect_by_type(who, "events in the lake", lake["events"], self.counts["distinct"])

    def check_parquet(self, who, parquet):
        """What `checks/read_parquet.py` found: rows by type, and in every column what the first peer has."""
        self.expect_by_type(who, "rows", parquet["rows"], self.counts["records"])
        self.first = self.first or (who, parquet["columns"])
        first, columns = self.first
        names = sorted(columns.keys() | parquet["columns"].keys())
        differing = [name for name in names if parquet["columns"].get(name) != columns.get(name)]
        self.expect(who, f"columns that are not as {first} has them", differing, [])
