"""What is typed and printed: lists of names; aligned tables, spreads, verdicts, and the machine they hold for."""

import argparse
import datetime
import os
import platform
import statistics
from pathlib import Path


def table(headings, rows):
    """Aligned text: the first column to the left, the others to the right."""
    lines = [headings, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def spread(values, digits=2):
    """Median, and in brackets the least and the most."""
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def others(costs):
    """Most cores that everything else on the machine kept busy in any of the runs."""
    return f"{max(cost.others for cost in costs):.1f}"


def verdict(figure, value, goal, unit="", at_least=False):
    """One row of goals: figure, measured value, goal, and whether it is reached."""
    reached = value >= goal if at_least else value <= goal
    bound = "at least" if at_least else "at most"
    return [figure, f"{value:.2f}{unit}", f"{bound} {goal:g}{unit}", "reached" if reached else "NOT REACHED"]


def goals(verdicts):
    """The verdicts as a table."""
    return table(["goal", "measured", "to reach", ""], verdicts)


def machine():
    """Where and when this is measured."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory, 1),
        "system": platform.platform(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def describe(machine):
    """The machine in a few words, and what the figures are good for."""
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}\n"
        f"{machine['date']}. Figures from a shared machine are only to be compared inside one run.\n"
        "`others` is how many cores everything else kept busy; much of it spoils wall times, less so CPU times."
    )


def cpu_model():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def names(known):
    """A parser for a comma-separated list of known names."""

    def parse(text):
        for name in text.split(","):
            if name not in known:
                raise argparse.ArgumentTypeError(f"`{name}` is none of {', '.join(known)}")
        return text.split(",")

    return parse
