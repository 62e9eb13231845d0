"""One import under measurement, and what runs several of them in turn."""

import dataclasses
import json
import shutil
import statistics
from pathlib import Path
from typing import ClassVar

import dumps
import report
from program import Failed, empty, measure, say


@dataclasses.dataclass
class Case:
    """An import of a source, into a copy of a lake or into an empty one."""

    HEADINGS: ClassVar = ["", "wall s", "CPU s", "peak MiB", "records", "records/s", "MB/s", "others"]

    name: str
    source: Path
    also: Path | None = None
    """A second source of the same import."""
    lake: Path | None = None
    records: int | None = None
    """Records that must be read, if that is known."""
    jobs: int | None = None
    prefix: list = dataclasses.field(default_factory=list)
    """What the command begins with, as `taskset` does."""
    costs: list = dataclasses.field(default_factory=list)
    summary: dict = dataclasses.field(default_factory=dict)

    @property
    def sources(self):
        return [self.source] + ([self.also] if self.also else [])

    @property
    def events(self):
        return self.summary["records"]["events"]

    def median(self, figure):
        return statistics.median(getattr(cost, figure) for cost in self.costs)

    def row(self):
        wall, read = self.median("wall"), self.summary["records"]["read"]
        return [
            self.name,
            report.spread([cost.wall for cost in self.costs]),
            report.spread([cost.cpu for cost in self.costs]),
            report.spread([cost.peak for cost in self.costs], 0),
            f"{read:,}",
            f"{read / wall:,.0f}",
            f"{self.summary['bytes']['decoded'] / wall / 1e6:,.0f}",
            report.others(self.costs),
        ]

    def figures(self):
        return {"name": self.name, "costs": [dataclasses.asdict(cost) for cost in self.costs], "summary": self.summary}

    def accept(self, summary):
        """Refuses a summary with wrong counts."""
        records = summary["records"]
        wanted = records["read"] if self.records is None else self.records
        accounted = records["events"] + records["duplicates"]
        if records["read"] != wanted or records["read"] != accounted or summary["objects"]["failed"]:
            raise Failed(f"{self.name}: wrong counts: {json.dumps(summary)}, but {wanted} records to read, none bad")
        self.summary = summary


class Runner:
    """Runs cases in turn, so that a slower minute of the machine falls on all of them."""

    def __init__(self, repute, options):
        self.repute = repute
        self.options = options
        self.work = options.work.resolve()
        self.work.mkdir(parents=True, exist_ok=True)

    def dump(self, events, framing, end=None):
        return dumps.generate(self.repute, self.work, events, self.options.seed, framing, end)

    def base_lake(self, source):
        """A lake that holds a source, for cases to begin with."""
        lake = empty(self.work / "base") / "lake"
        self.run(Case("the lake to begin with", source), lake)
        return lake

    def measure(self, cases):
        for source in {source for case in cases for source in case.sources}:
            dumps.warm(source)
        for run in range(1, self.options.runs + 1):
            for case in cases:
                say(f"run {run} of {self.options.runs}: {case.name}")
                lake = empty(self.work / "output") / "lake"
                if case.lake:
                    shutil.copytree(case.lake, lake)
                case.costs.append(self.run(case, lake))

    def run(self, case, lake):
        command = [*case.prefix, self.repute, "import", *case.sources, "--lake", lake]
        command += ["--jobs", str(case.jobs or self.options.jobs), "--quiet", "--format", "json"]
        cost, answer = measure(command, lake.parent)
        case.accept(json.loads(answer))
        return cost
