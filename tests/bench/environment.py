"""The Python environment of the peers: its own, in the work folder, made anew when `requirements.txt` changes."""

import shutil
import subprocess
import sys
from pathlib import Path

from program import Failed, clean_environment, say

REQUIREMENTS = Path(__file__).resolve().parent / "requirements.txt"


def python(work):
    """The Python that has the peers, installed if need be."""
    folder = work / "python"
    installed = folder / "requirements.txt"
    if not installed.exists() or installed.read_text() != REQUIREMENTS.read_text():
        install(folder)
        shutil.copy(REQUIREMENTS, installed)
    return folder / "bin" / "python"


def install(folder):
    say(f"installing the peers into {folder} (1.4 GB)")
    run([sys.executable, "-m", "venv", "--clear", folder])
    run([folder / "bin" / "pip", "--quiet", "install", "uv"])
    # Compiled ahead, so that no peer pays for it inside its time.
    uv = [folder / "bin" / "uv", "--quiet", "pip", "install", "--compile-bytecode"]
    run([*uv, "--python", folder / "bin" / "python", "-r", REQUIREMENTS])


def tool(work, name):
    """A program of `requirements.txt` alone, without the peers."""
    line = next(line for line in REQUIREMENTS.read_text().splitlines() if line.startswith(f"{name}=="))
    folder = work / line
    program = folder / "bin" / name
    if not program.exists():
        say(f"installing {line} into {folder}")
        run([sys.executable, "-m", "venv", "--clear", folder])
        run([folder / "bin" / "pip", "--quiet", "install", line])
    return program


def run(command):
    if subprocess.run(command, env=clean_environment()).returncode != 0:
        raise Failed(f"`{' '.join(map(str, command))}` failed: it needs python3-venv and a package index")
