"""The records of a dump in other objects: one, many tiny ones, halves. Made once and kept beside the dump."""

import json
import multiprocessing
import os
import shutil
import zlib

import dumps
from program import Failed, say

GZIP = 31
"""The window of `zlib` that writes a gzip header and trailer."""


def kept(folder, make):
    """The folder, filled by `make` if it is not there.

    That runs in a process of its own, since the memory of this one counts as that of the programs it measures.
    """
    if not folder.exists():
        say(f"making {folder}")
        partial = folder.with_name(folder.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        process = multiprocessing.get_context("fork").Process(target=make, args=[partial])
        process.start()
        process.join()
        if process.exitcode != 0:
            raise Failed(f"{folder} could not be made: is there room on the disk?")
        partial.rename(folder)
    return folder


def one_object(dump, bytes_wanted, gzipped):
    """A folder with the first objects of an NDJSON dump as one of at least so many bytes, and its number of records."""
    shape = kept(
        dump / f"one-{bytes_wanted}{'-gzip' if gzipped else ''}",
        lambda folder: write_one_object(dump, bytes_wanted, gzipped, folder),
    )
    return shape / "objects", json.loads((shape / "records.json").read_text())


def write_one_object(dump, bytes_wanted, gzipped, folder):
    (folder / "objects").mkdir()
    encoder = zlib.compressobj(1, zlib.DEFLATED, GZIP) if gzipped else None
    written = records = 0
    with (folder / "objects" / "ses-events").open("wb") as out:
        for path in dumps.objects(dump / "objects"):
            data = path.read_bytes()
            out.write(encoder.compress(data) if encoder else data)
            written += len(data)
            records += data.count(b"\n")
            if written >= bytes_wanted:
                break
        out.write(encoder.flush() if encoder else b"")
    if written < bytes_wanted:
        raise ValueError(f"{dump} holds only {written} of {bytes_wanted} bytes")
    (folder / "records.json").write_text(json.dumps(records))


def tiny_objects(dump, records_each):
    """A folder with the records of an NDJSON dump in objects of so many, in the dump's folders and order."""
    return kept(dump / f"tiny-{records_each}", lambda folder: write_tiny_objects(dump, records_each, folder))


def write_tiny_objects(dump, records_each, folder):
    for path in dumps.objects(dump / "objects"):
        place = folder / path.parent.relative_to(dump / "objects")
        place.mkdir(parents=True, exist_ok=True)
        lines = path.read_bytes().splitlines(keepends=True)
        for start in range(0, len(lines), records_each):
            (place / f"{path.name}-{start:06}").write_bytes(b"".join(lines[start : start + records_each]))


def halves(dump):
    """Three folders: the first half of a dump's bytes, the second, and both with the first under other names."""
    shape = kept(dump / "halves", lambda folder: link_halves(dump, folder))
    return shape / "first", shape / "second", shape / "mixed"


def link_halves(dump, folder):
    half, before = dumps.size(dump / "objects") // 2, 0
    for path in dumps.objects(dump / "objects"):
        place = path.parent.relative_to(dump / "objects")
        before += path.stat().st_size
        if before <= half:
            link(path, folder / "first" / place / path.name)
            link(path, folder / "mixed" / place / f"{path.name}-again")
        else:
            link(path, folder / "second" / place / path.name)
            link(path, folder / "mixed" / place / path.name)


def link(path, name):
    name.parent.mkdir(parents=True, exist_ok=True)
    os.link(path, name)
