"""Packs every object of a dump of NDJSON in another way, into another folder with the same layout, by libraries other than the importer's."""

import io
import json
import struct
import sys
import zipfile
from pathlib import Path

import cramjam
import pyarrow
import pyarrow.parquet
from answer import answer

source, target, packing = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]


class Pipe(io.RawIOBase):
    """What cannot be sought, so that an archive's sizes stand behind its entries, as Java's streams write them."""

    def __init__(self):
        self.written = bytearray()

    def writable(self):
        return True

    def write(self, data):
        self.written += data
        return len(data)


def archive(text):
    lines = text.splitlines(keepends=True)
    halves = [lines[: len(lines) // 2], lines[len(lines) // 2 :]]
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as entries:
        for number, half in enumerate(halves):
            entries.writestr(f"part-{number}", b"".join(half))
    return bytes(pipe.written)


def blocks(text):
    """Hadoop's BlockCompressorStream: 256 KiB of text a block, 64 KiB a chunk."""
    packed = bytearray()
    for start in range(0, len(text), 262_144):
        block = text[start : start + 262_144]
        packed += struct.pack(">I", len(block))
        for at in range(0, len(block), 65_536):
            chunk = pyarrow.compress(block[at : at + 65_536], codec="snappy", asbytes=True)
            packed += struct.pack(">I", len(chunk)) + chunk
    return bytes(packed)


STRUCTS = [
    "bounce", "complaint", "delivery", "send", "reject", "open", "click", "failure", "deliverydelay", "subscription",
]
TAGS = pyarrow.map_(pyarrow.string(), pyarrow.list_(pyarrow.string()))


def lower(value, name=""):
    """A value with the lower-case names that a Glue table has; tags are a map, as the table says."""
    if name in ("tags", "linktags"):
        return list(value.items()) if value is not None else None
    if isinstance(value, dict):
        return {key.lower(): lower(inner, key.lower()) for key, inner in value.items()}
    if isinstance(value, list):
        return [lower(inner) for inner in value]
    return value


def with_maps(kind, name=""):
    """The type that Arrow infers, with the tags as a map."""
    if name in ("tags", "linktags"):
        return TAGS
    if pyarrow.types.is_struct(kind):
        return pyarrow.struct([(field.name, with_maps(field.type, field.name)) for field in kind])
    if pyarrow.types.is_list(kind):
        return pyarrow.list_(with_maps(kind.value_type))
    return kind


def table(text):
    rows = [lower(json.loads(line)) for line in text.splitlines() if line.strip()]
    for row in rows:
        # Parquet has no struct without fields.
        for name in STRUCTS:
            if row.get(name) == {}:
                del row[name]
    guess = pyarrow.infer_type([strip(row) for row in rows])
    kind = with_maps_added(with_maps(guess))
    columns = pyarrow.array(rows, type=kind).flatten()
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns, names=[field.name for field in kind]), sink, compression="snappy")
    return sink.getvalue()


def strip(value):
    """Without tags, whose type is known and cannot be inferred."""
    if isinstance(value, dict):
        return {key: strip(inner) for key, inner in value.items() if key not in ("tags", "linktags")}
    if isinstance(value, list):
        return [strip(inner) for inner in value]
    return value


def with_maps_added(kind):
    fields = []
    for field in kind:
        inner = field.type
        if field.name in ("mail", "click"):
            inner = pyarrow.struct([*inner, ("tags" if field.name == "mail" else "linktags", TAGS)])
        fields.append((field.name, inner))
    return pyarrow.struct(fields)


PACKINGS = {
    "zstd": lambda text: pyarrow.compress(text, codec="zstd", asbytes=True),
    "zip": archive,
    "snappy": lambda text: bytes(cramjam.snappy.compress(text)),
    "raw-snappy": lambda text: pyarrow.compress(text, codec="snappy", asbytes=True),
    "hadoop-snappy": blocks,
    "parquet": table,
}

count = 0
for path in sorted(source.rglob("*")):
    if path.is_file() and path.name != "truth.json":
        packed = target / path.relative_to(source)
        packed.parent.mkdir(parents=True, exist_ok=True)
        packed.write_bytes(PACKINGS[packing](path.read_bytes()))
        count += 1
answer({"objects": count})
