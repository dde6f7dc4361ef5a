"""The gallery, made again: every command of gallery.toml, run as written beside the examples.

python docs/gallery/gallery.py           tells what came out with other bytes; exit 1 if any did
python docs/gallery/gallery.py --renew   writes pictures, hashes and the page

One thread, so that the bytes are the same on any machine with the pinned torch that computes in the
same numbers: hashes.json holds those of float32, which is what processors without bfloat16 use.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from importlib.resources import files
from pathlib import Path

HERE = Path(__file__).parent
HASHES, PAGE = HERE / "hashes.json", HERE / "README.md"
EXAMPLES = Path(str(files("kineograph") / "studio" / "page" / "examples"))
HEAD = """# Gallery

Every picture here was made by the command above it, on a processor, from what ships in the
package. `make gallery` makes all of them again and tells whether the bytes are the same;
`kineograph show FILE` prints what each file says of itself.
"""


def pictures() -> list[dict[str, str]]:
    """Title, command and file of every picture."""
    listed = tomllib.loads((HERE / "gallery.toml").read_text("utf-8"))["picture"]
    return [one | {"file": output(one["command"])} for one in listed]


def output(command: str) -> str:
    """The file that a command writes."""
    words = shlex.split(command)
    return words[words.index("-o") + 1]


def page() -> str:
    """The gallery as Markdown."""
    parts = [HEAD]
    for one in pictures():
        shown = f"![{one['title']}]({one['file']})"
        if one["file"].endswith(".txt"):
            shown = "> " + (HERE / one["file"]).read_text("utf-8").strip().replace("\n", "\n> ")
        parts.append(f"## {one['title']}\n\n```sh\n{one['command']}\n```\n\n{shown}\n")
    return "\n".join(parts)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def made(folder: Path, command: str) -> Path:
    """Run one command in a folder; the file it wrote."""
    words = [sys.executable, "-m", "kineograph", *shlex.split(command)[1:]]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    ran = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True)
    if ran.returncode:
        raise SystemExit(f"{command}\n{ran.stderr}")
    return folder / output(command)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--renew", action="store_true", help="Write pictures, hashes and page.")
    asked = parser.parse_args()
    known = json.loads(HASHES.read_text("utf-8")) if HASHES.exists() else {}
    found, differs = {}, 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(shutil.copytree(EXAMPLES, Path(name) / "gallery"))
        for one in pictures():
            begun = time.perf_counter()
            path = made(folder, one["command"])
            digest = found[one["file"]] = sha256(path)
            same = known.get(one["file"]) == digest
            differs += not same
            told = "same bytes" if same else "OTHER BYTES"
            print(f"{told:12} {one['file']}  ({time.perf_counter() - begun:.1f} s)", flush=True)
            if asked.renew:
                shutil.copy(path, HERE / one["file"])
    if asked.renew:
        HASHES.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
        PAGE.write_text(page(), "utf-8")
        return 0
    return 1 if differs else 0


if __name__ == "__main__":
    sys.exit(main())
