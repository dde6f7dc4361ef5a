"""Writing: a complete file or none, in constant memory, failing before any work."""

import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from kineograph import media
from kineograph.media import video
from kineograph.values.errors import InputError, KineographError, LimitError, MissingError
from media_samples import ALL, MOVING, clip_for, content, disc


@pytest.mark.parametrize("name", ALL)
def test_an_error_leaves_what_was_there(tmp_path, name):
    path = media.save(clip_for(name), tmp_path / name)
    before = content(path)
    with pytest.raises(ZeroDivisionError), media.writer(path, fps=8, size=(48, 32)) as w:
        w.add(np.zeros((32, 48, 3), np.uint8))
        assert content(path) == before
        raise ZeroDivisionError
    assert content(path) == before
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["out.mp4", "out.gif", "out"])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_killed_run_leaves_no_file_under_the_name(tmp_path, name, how):
    program = f"""
        import numpy as np
        from kineograph import media
        with media.writer({name!r}, fps=8, size=(64, 64)) as w:
            for n in range(10**9):
                w.add(np.full((64, 64, 3), n % 256, np.uint8))
                if n == 20:
                    print("going", flush=True)
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"going\n"
        run.send_signal(how)
    assert not (tmp_path / name).exists()
    if how == signal.SIGINT:
        assert not any(tmp_path.iterdir())


def test_a_folder_with_other_things_is_never_replaced(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("keep me")
    for act in (
        lambda p: media.save(disc(), p),
        lambda p: media.probe_writer(p, fps=8, size=(8, 8)),
    ):
        with pytest.raises(InputError, match="other things"):
            act(tmp_path / "home")
    media.save(disc(9), tmp_path / "frames")
    media.save(disc(2), tmp_path / "frames")
    assert len(media.read(tmp_path / "frames")) == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["frames", "home"]


@pytest.mark.slow
def test_length_does_not_cost_memory(tmp_path):
    program = """
        import resource, sys
        import numpy as np
        from kineograph import media
        y, x = np.mgrid[:64, :64]
        def run(name, frames):
            with media.writer(name, fps=24, size=(64, 64)) as w:
                for t in range(frames):
                    frame = np.stack([3 * x + t, 3 * y + 2 * t, x * y // 16], -1)
                    w.add(frame.astype(np.uint8))
            assert sum(1 for _ in media.stream(name)) == frames
            users = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
            return [resource.getrusage(user).ru_maxrss for user in users]
        short, long = run(sys.argv[1], 300), run(sys.argv[1], 2000)
        print(max(b - a for a, b in zip(short, long)))
    """
    for name in MOVING:
        command = [sys.executable, "-c", textwrap.dedent(program), name]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        # kB for 1,700 more frames of 12 kB, 21 MB in all; the encoder's own memory differs by 5 MB
        # between two equal runs
        assert int(done.stdout) < 9000, name


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (np.zeros((8, 9, 3), np.uint8), "made for"),
        (np.zeros((8, 8, 4), np.uint8), "made for"),
        (np.zeros((8, 8, 3), np.float32), "float32"),
    ],
)
def test_a_wrong_frame_is_refused(tmp_path, frame, words):
    with (
        pytest.raises(InputError, match=words),
        media.writer(tmp_path / "a.webp", fps=8, size=(8, 8)) as w,
    ):
        w.add(frame)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "fps", "size", "words"),
    [
        ("a.gif", 60, (8, 8), "fps.*50"),
        ("a.webp", 0, (8, 8), "fps"),
        ("a.mp4", float("nan"), (8, 8), "fps"),
        ("a.mp4", 8, (9, 8), "10×8"),
        ("a.png", 8, (0, 8), "size"),
        ("a.tiff", 8, (8, 8), "use .*mp4"),
        ("missing/a.mp4", 8, (8, 8), "cannot write"),
        ("missing/a.gif", 8, (8, 8), "cannot write"),
    ],
)
def test_a_bad_output_is_told_before_any_work(tmp_path, name, fps, size, words):
    with pytest.raises(InputError, match=words):
        media.probe_writer(tmp_path / name, fps=fps, size=size)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", ALL)
def test_a_good_output_is_tried_and_leaves_nothing(tmp_path, name):
    media.probe_writer(tmp_path / name, fps=8, size=(16, 16), alpha=True)
    assert not any(tmp_path.iterdir())


def test_one_picture_formats_take_one_frame_and_no_file_takes_none(tmp_path):
    with pytest.raises(InputError, match=r"one frame.*\.apng"):
        media.save(disc(2), tmp_path / "a.png")
    with (
        pytest.raises(InputError, match="none were added"),
        media.writer(tmp_path / "a.gif", fps=8, size=(8, 8)),
    ):
        pass
    assert not any(tmp_path.iterdir())


def test_a_missing_or_failing_encoder_is_told(tmp_path, monkeypatch):
    full = tmp_path / "full"
    full.write_text("#!/bin/sh\necho 'Error: No space left on device' >&2\nexit 1\n")
    full.chmod(0o700)
    monkeypatch.setattr(video, "ffmpeg", lambda: str(full))
    with pytest.raises(LimitError, match="no space left on the disk"):
        media.save(disc(), tmp_path / "a.mp4")
    full.write_text("#!/bin/sh\nexit 3\n")
    with pytest.raises(KineographError, match="encoder"):
        media.save(disc(), tmp_path / "a.mp4")
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(MissingError, match="pip install imageio-ffmpeg"):
        media.probe_writer(tmp_path / "a.webm", fps=8, size=(8, 8))
    assert [p.name for p in tmp_path.iterdir()] == ["full"]
