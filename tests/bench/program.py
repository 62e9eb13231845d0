"""Runs programs and measures them: wall time, CPU time and peak memory, each of one process with all its threads."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Cost:
    """What one run of a program took."""

    wall: float
    """Seconds from start to end."""
    cpu: float
    """User and system seconds of all threads."""
    peak: float
    """Most resident memory, MiB. Never below that of the script that started it, so that must stay small."""
    others: float
    """Cores that everything else kept busy meanwhile; much of it spoils the wall time."""


class Failed(Exception):
    """A program could not do its work; the text says what to do about it."""


def cache_folder():
    """Where everything is kept that can be made again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "repute"


def find_repute(named):
    """The executable that was named, or else the release build, or else the installed one."""
    if named:
        if not os.access(named, os.X_OK):
            raise Failed(f"`{named}` is no executable: build it with `cargo build --release --locked`")
        return str(Path(named).resolve())
    target = Path(os.environ.get("CARGO_TARGET_DIR") or cache_folder() / "target")
    built = target / "release" / "repute"
    found = str(built) if os.access(built, os.X_OK) else shutil.which("repute")
    if not found:
        raise Failed(f"no repute at {built} nor on PATH: `cargo build --release --locked`, or name it with --repute")
    return found


def clean_environment(**more):
    """The environment without settings of repute, which would change what is measured."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REPUTE_")}
    return kept | more


def measure(command, folder, environment=None):
    """Runs a command in a folder and returns its cost and its standard output; a failed one raises `Failed`."""
    output, errors = folder / "stdout", folder / "stderr"
    with output.open("wb") as stdout, errors.open("wb") as stderr:
        start, busy = time.perf_counter(), busy_seconds()
        process = subprocess.Popen(
            command, stdout=stdout, stderr=stderr, cwd=folder, env=environment or clean_environment()
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        wall, busy = time.perf_counter() - start, busy_seconds() - busy
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        text = errors.read_text(errors="replace").strip()[-2_000:]
        raise Failed(f"`{' '.join(map(str, command))}` ended with {process.returncode}:\n{text}")
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(wall, cpu, usage.ru_maxrss / 1024, max(0.0, busy - cpu) / wall), output.read_text()


def busy_seconds():
    """Seconds that all cores together were not idle since the machine started."""
    user, nice, system, _idle, _waiting, *interrupts_and_stolen = Path("/proc/stat").read_text().split()[1:9]
    ticks = map(int, [user, nice, system, *interrupts_and_stolen])
    return sum(ticks) / os.sysconf("SC_CLK_TCK")


def ask(command):
    """What a command prints as JSON."""
    answer = subprocess.run(command, stdout=subprocess.PIPE, env=clean_environment(PYTHONDONTWRITEBYTECODE="1"))
    if answer.returncode != 0:
        raise Failed(f"`{' '.join(map(str, command))}` ended with {answer.returncode}")
    return json.loads(answer.stdout)


def say(text):
    """Talk and progress, apart from the results on standard output."""
    print(text, file=sys.stderr, flush=True)


def empty(folder):
    """Makes a folder anew, once what was written before is on disk, so that no run pays for the one before it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.sync()
    return folder
