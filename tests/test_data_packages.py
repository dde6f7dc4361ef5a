"""Packages: pinned by hash, read without unpacking, placed whole or not at all."""

import hashlib
import io
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from kineograph.data import packages
from kineograph.data.packages import Package
from kineograph.values.errors import InputError, KineographError, LimitError, MissingError


def tarball(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def pinned(archive: Path, source: str = "npm") -> Package:
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    return Package("@kineograph/tiny", "1.0.0", source, digest, "MIT", "a test")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return tarball(tmp_path / "tiny.tgz", {"package/a.txt": b"one", "package/b.txt": b"two"})


def client_that_copies(archive: Path, calls: list[Package]):
    def download(package: Package, folder: Path) -> None:
        calls.append(package)
        (folder / "came.tgz").write_bytes(archive.read_bytes())

    return download


def test_every_package_is_pinned_to_one_version_and_hash():
    for name, package in packages.PACKAGES.items():
        assert package.name == name
        assert len(package.sha256) == 64 and int(package.sha256, 16)
        assert package.version[0].isdigit() and package.licence
    assert len({p.archive for p in packages.PACKAGES.values()}) == len(packages.PACKAGES)


def test_the_cache_follows_xdg_and_falls_back_to_the_home(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert packages.cache_folder() == tmp_path / "kineograph"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "me")
    assert packages.cache_folder() == tmp_path / "me" / ".cache" / "kineograph"


def test_a_package_is_fetched_once(monkeypatch, tmp_path, archive):
    calls: list[Package] = []
    monkeypatch.setattr(packages, "_download", client_that_copies(archive, calls))
    package = pinned(archive)
    first = packages.fetch(package, cache=tmp_path / "cache")
    assert packages.fetch(package, cache=tmp_path / "cache") == first
    assert first.name == "kineograph-tiny-1.0.0.tgz" and len(calls) == 1


def test_a_damaged_archive_in_the_cache_is_fetched_again(monkeypatch, tmp_path, archive):
    calls: list[Package] = []
    monkeypatch.setattr(packages, "_download", client_that_copies(archive, calls))
    package = pinned(archive)
    path = packages.fetch(package, cache=tmp_path / "cache")
    path.write_bytes(b"half of i")
    assert packages.fetch(package, cache=tmp_path / "cache").read_bytes() == archive.read_bytes()
    assert len(calls) == 2


def test_an_archive_of_another_hash_is_refused_and_leaves_nothing(monkeypatch, tmp_path, archive):
    monkeypatch.setattr(packages, "_download", client_that_copies(archive, []))
    package = Package("tiny", "1.0.0", "npm", "0" * 64, "MIT", "a test")
    with pytest.raises(KineographError, match=r"sha256 is .* pinned is 0000"):
        packages.fetch(package, cache=tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("*.*"))


def test_a_missing_npm_names_the_remedy(monkeypatch, tmp_path, archive):
    monkeypatch.setattr(packages.shutil, "which", lambda name: None)
    with pytest.raises(MissingError, match=r"install Node\.js"):
        packages.fetch(pinned(archive), cache=tmp_path)


@pytest.mark.parametrize("source", ["npm", "pypi"])
def test_a_client_without_network_names_the_remedy(monkeypatch, tmp_path, archive, source):
    def fails(command, **_):
        return subprocess.CompletedProcess(command, 1, "", "details\nno route to host")

    monkeypatch.setattr(packages.shutil, "which", lambda name: name)
    monkeypatch.setattr(packages.subprocess, "run", fails)
    with pytest.raises(MissingError, match=r"no route to host.*check the network"):
        packages.fetch(pinned(archive, source), cache=tmp_path)


def test_a_client_that_hangs_is_given_up(monkeypatch, tmp_path, archive):
    def hangs(command, **_):
        raise subprocess.TimeoutExpired(command, 1)

    monkeypatch.setattr(packages.subprocess, "run", hangs)
    with pytest.raises(MissingError, match="check the network"):
        packages.fetch(pinned(archive, "pypi"), cache=tmp_path)


@pytest.mark.parametrize(
    "name",
    ["../evil", "a/../../evil", "/etc/passwd", "C:/evil", "a\\..\\evil", "", ".", "a\0b"],
)
def test_member_names_that_lead_out_are_refused(name):
    with pytest.raises(InputError, match="leads out"):
        packages.member_path(name)


def test_an_archive_with_a_traversal_name_is_refused_even_when_the_member_is_unwanted(tmp_path):
    bad = tarball(tmp_path / "bad.tgz", {"../evil": b"x", "package/a.txt": b"one"})
    with pytest.raises(InputError, match="leads out"):
        packages.member(bad, "package/a.txt")


def test_links_are_passed_over(tmp_path):
    path = tmp_path / "link.tgz"
    with tarfile.open(path, "w:gz") as archive:
        entry = tarfile.TarInfo("package/a.txt")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(entry)
    assert list(packages.members(path, lambda name: True)) == []


def test_members_of_a_wheel_and_of_a_tarball_read_the_same(tmp_path, archive):
    wheel = tmp_path / "tiny.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("package/a.txt", b"one")
        file.writestr("package/b.txt", b"two")
    everything = [dict(packages.members(path, lambda name: True)) for path in (archive, wheel)]
    assert everything[0] == everything[1] == {"package/a.txt": b"one", "package/b.txt": b"two"}


def test_a_member_that_is_too_large_is_refused(monkeypatch, archive):
    monkeypatch.setattr(packages, "MAX_MEMBER_BYTES", 2)
    with pytest.raises(LimitError, match="the limit is 2"):
        packages.member(archive, "package/a.txt")


def test_an_absent_member_is_missing(archive):
    with pytest.raises(MissingError, match=r"package/c\.txt"):
        packages.member(archive, "package/c.txt")


def test_named_members_are_unpacked_once_under_our_names(monkeypatch, tmp_path, archive):
    calls: list[Package] = []
    monkeypatch.setattr(packages, "_download", client_that_copies(archive, calls))
    names = {"package/a.txt": "first", "package/b.txt": "second"}
    for _ in range(2):
        folder = packages.unpacked(pinned(archive), names, tmp_path / "out", cache=tmp_path)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == {"first": b"one", "second": b"two"}
    assert len(calls) == 1


def test_a_folder_is_placed_whole_and_replaces_the_old_one(tmp_path):
    target = tmp_path / "packs"
    for content in ("old", "new"):
        with packages.placed(target) as part:
            part.mkdir()
            (part / content).touch()
            assert not (target / content).exists()
    assert [p.name for p in target.iterdir()] == ["new"]
    assert [p.name for p in tmp_path.iterdir()] == ["packs"]


def test_after_an_error_the_old_folder_stays_and_nothing_else(tmp_path):
    target = tmp_path / "packs"
    target.mkdir()
    (target / "old").touch()
    with pytest.raises(ZeroDivisionError), packages.placed(target) as part:
        part.mkdir()
        (part / "new").touch()
        raise ZeroDivisionError
    assert [p.name for p in target.iterdir()] == ["old"]
    assert [p.name for p in tmp_path.iterdir()] == ["packs"]
