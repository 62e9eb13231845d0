"""Dumps of events: generated once, kept in the work folder, counted without any of the programs that are measured.

A dump is a folder with `objects/`, laid out as Firehose lays out a bucket, and beside it `truth.json`, which the
generator wrote, and `counts.json`, which `checks/count_records.py` made.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from program import Failed, ask, clean_environment, say

HERE = Path(__file__).resolve().parent

FRAMINGS = {"ndjson": [], "concatenated": ["--framing", "concatenated"], "gzip": ["--gzip"]}
"""Options of `repute generate` by framing; gzip is NDJSON, compressed."""


def generate(repute, work, events, seed, framing, end=None):
    """The folder of a dump, generated if it is not there."""
    name = f"{framing}-{events}-{seed}" + (f"-{end[:10]}" if end else "")
    dump = work / "dumps" / name
    if dump.exists():
        return dump
    say(f"generating {dump}")
    partial = dump.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    command = [repute, "generate", "--quiet", "--events", str(events), "--seed", str(seed)]
    command += ["--out", partial / "objects"] + FRAMINGS[framing] + (["--end", end] if end else [])
    done = subprocess.run(command, cwd=work, env=clean_environment(), stdout=subprocess.DEVNULL)
    if done.returncode != 0:
        raise Failed(f"`repute generate` ended with {done.returncode}: is there room in {work}?")
    (partial / "objects" / "truth.json").rename(partial / "truth.json")
    partial.rename(dump)
    return dump


TOTALS = "import json, sys; print(json.dumps({k: v for k, v in json.load(sys.stdin).items() if k != 'cells'}))"


def truth(dump):
    """What the generator knows of a dump, but for its windows.

    Those take much memory to read, and that of this process counts as that of the programs it measures.
    """
    with (dump / "truth.json").open() as file:
        return json.loads(subprocess.check_output([sys.executable, "-c", TOTALS], stdin=file))


def counts(dump):
    """Records and distinct records by event type, counted in the bytes of the dump."""
    path = dump / "counts.json"
    if not path.exists():
        say(f"counting {dump}")
        path.write_text(json.dumps(ask([sys.executable, HERE / "checks" / "count_records.py", dump / "objects"])))
    return json.loads(path.read_text())


def objects(folder):
    """The objects of a dump in name order, which is the order of arrival."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def size(folder, suffix=""):
    """Bytes of all files below a folder whose names end so."""
    return sum(path.stat().st_size for path in folder.rglob(f"*{suffix}") if path.is_file())


def warm(folder):
    """Reads all files once, so that they are in the page cache as far as it holds them."""
    buffer = memoryview(bytearray(1 << 20))
    for path in objects(folder):
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass
