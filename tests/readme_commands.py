"""`make readme`: every command of the README's shell blocks, run as written in a fresh folder.

Not part of `make test`, which only checks that they exist: together they take some minutes. What
installs, fetches data or trains is left out, and said.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
LEFT_OUT = ("make ", "source ", "kineograph data", "kineograph train", "kineograph distill")


def commands() -> list[str]:
    """The lines of all shell blocks, without their remarks."""
    text = (ROOT / "README.md").read_text("utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.S)
    lines = [re.split(r"\s{2,}#|\s# ", line)[0].strip() for b in blocks for line in b.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def main() -> int:
    """Run them one after the other; the number that failed."""
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in ("docs", "examples"):
            shutil.copytree(ROOT / name, Path(folder) / name)
        shutil.copy(ROOT / "README.md", folder)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        for line in commands():
            if line.startswith(LEFT_OUT) or "my-pictures" in line:
                print(f"left out  {line}")
                continue
            started = time.perf_counter()
            env = os.environ | {"PATH": path}
            ran = subprocess.run(line, shell=True, cwd=folder, env=env, capture_output=True)
            seconds = time.perf_counter() - started
            print(f"{'ok' if not ran.returncode else 'FAILED':9} {line}  ({seconds:.1f} s)")
            if ran.returncode:
                failed += 1
                print(ran.stderr.decode(errors="replace"))
    return failed


if __name__ == "__main__":
    sys.exit(main())
