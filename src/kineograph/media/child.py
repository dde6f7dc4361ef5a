"""A process that may hang, die or grow: the one way a decoder or an encoder is run.

Reading and writing wait at most a set time for the other side; memory, processor time and what it
writes to disk are limited by the system where the system can. `close` always ends it. Ctrl-C in the
terminal reaches only us.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from kineograph.media.formats import StrPath
from kineograph.media.sniff import past, refused
from kineograph.values.errors import KineographError, LimitError, MissingError, is_memory

MAX_COMPLAINT = 64_000  # bytes of its stderr that are kept
MAX_CPU = 600  # seconds of processor time


class ChildError(Exception):
    """The process failed; the text says how, in the process's own words or ours."""


@contextlib.contextmanager
def decoding(path: StrPath) -> Iterator[None]:
    """A decoder's failure is the file's: it becomes an InputError that says what to do."""
    try:
        yield
    except ChildError as error:
        words = str(error)
    else:
        return
    again = "save it again with another program"
    if "matches no streams" in words or "does not contain any stream" in words:
        raise refused(path, "has no video stream", "give a picture or a video")
    if "Cannot allocate memory" in words or words.startswith("needs more memory"):
        raise past(path, "needs more memory than the decoder may take", "make it smaller")
    if words.startswith("is cut short"):
        raise refused(path, words, "copy or download it again")
    if words.startswith("cannot be decoded"):
        raise refused(path, words, again)
    last = _last(words)
    raise refused(path, f"could not be decoded (the decoder said: {last})", again)


@contextlib.contextmanager
def encoding() -> Iterator[None]:
    """An encoder's failure is the run's, or the disk's."""
    try:
        yield
    except ChildError as error:
        words = str(error)
    else:
        return
    if "No space left" in words or "File too large" in words:
        raise LimitError("no space left on the disk; free some or choose another folder")
    raise KineographError(f"the video encoder failed: {_last(words)}")


def _not_started(program: str, error: OSError) -> KineographError:
    """What a person is told of a program that the system does not start."""
    name = os.path.basename(program)  # noqa: PTH119 (as the command names it)
    if is_memory(error):
        return LimitError(f"too little memory to start '{name}'; ask for less or free some")
    return MissingError(
        f"'{name}' cannot be started ({error.strerror}); run `pip install imageio-ffmpeg`,"
        " or use .webp or .apng"
    )


def _last(words: str) -> str:
    """The last line of a complaint that ffmpeg calls an error, or the last line."""
    lines = words.strip().splitlines()
    errors = [line for line in lines if "[error]" in line or "[fatal]" in line]
    return (errors or lines)[-1][-200:]


def _ready(descriptor: int, event: int, wait: float) -> bool:
    """Whether a pipe can be read or written, or is closed, within so many seconds."""
    poll = select.poll()
    poll.register(descriptor, event)
    return bool(poll.poll(1000 * wait))


class Child:
    """A running program.

    `write` feeds its stdin; `until`, `exactly` and `lines` read its stdout; `end` waits for
    success. stdin: an open file it reads itself, or None for a pipe. memory: bytes it may map, 0
    for any. wait: seconds that one read, write or `end` may take. keep: descriptors it inherits.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        stdin: BinaryIO | None = None,
        memory: int = 0,
        wait: float,
        keep: Sequence[int] = (),
    ) -> None:
        self.wait = wait
        self._complaint = tempfile.TemporaryFile()  # noqa: SIM115 (closed by close)
        self._buffer = bytearray()
        self._heard = 0  # bytes of its complaint that `told` gave
        if stdin is not None:
            os.lseek(stdin.fileno(), 0, os.SEEK_SET)
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if stdin is None else stdin,
                stdout=subprocess.PIPE,
                stderr=self._complaint,
                start_new_session=True,
                pass_fds=tuple(keep),
                bufsize=0,
            )
        except OSError as error:
            self._complaint.close()
            raise _not_started(command[0], error) from error
        if memory:
            self._limit(memory)
        if self._process.stdin is not None:
            os.set_blocking(self._process.stdin.fileno(), False)

    def _limit(self, memory: int) -> None:
        """Set from outside, before its first input; only Linux can, others have the time limits."""
        import resource

        if not hasattr(resource, "prlimit"):
            return
        rows = (
            (resource.RLIMIT_AS, memory),
            (resource.RLIMIT_CPU, MAX_CPU),
            (resource.RLIMIT_FSIZE, 2**26),  # a decoder writes to its pipe and complains to a file
            (resource.RLIMIT_CORE, 0),
        )
        for what, most in rows:
            with contextlib.suppress(OSError, ValueError):
                resource.prlimit(self._process.pid, what, (most, most))

    # -- its output ----------------------------------------------------------------------------

    def _more(self, into: memoryview | None = None) -> int:
        """Read what is there, into the buffer or the given memory; 0 at the end of its output."""
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        if not _ready(descriptor, select.POLLIN, self.wait):
            raise ChildError(f"made no progress for {self.wait:g} seconds and was stopped")
        if into is not None:
            return os.readv(descriptor, [into])
        data = os.read(descriptor, 2**16)
        self._buffer += data
        return len(data)

    def until(self, mark: bytes, most: int) -> bytes:
        """Its output up to and with `mark`, which comes within `most` bytes; b"" at a clean end."""
        while (at := self._buffer.find(mark)) < 0:
            if len(self._buffer) > most:
                raise ChildError("answered in a form that was not asked for")
            if not self._more():
                if self._buffer:
                    raise ChildError("stopped in the middle of an answer")
                return b""
        at += len(mark)
        head = bytes(self._buffer[:at])
        del self._buffer[:at]
        return head

    def exactly(self, count: int) -> NDArray[np.uint8]:
        """The next `count` bytes of its output."""
        data = np.empty(count, np.uint8)
        kept = min(count, len(self._buffer))
        data[:kept] = np.frombuffer(bytes(self._buffer[:kept]), np.uint8)
        del self._buffer[:kept]
        view = data.data
        while kept < count:
            read = self._more(view[kept:])
            if not read:
                raise ChildError("stopped in the middle of a frame")
            kept += read
        return data

    def rest(self, most: int) -> NDArray[np.uint8]:
        """The rest of its output, to a clean end within `most` bytes."""
        while self._more():
            if len(self._buffer) > most:
                raise ChildError("answered in a form that was not asked for")
        self.end()
        data = np.frombuffer(bytes(self._buffer), np.uint8)
        self._buffer.clear()
        return data

    def lines(self) -> Iterator[bytes]:
        """Its output line by line, to a clean end."""
        while line := self.until(b"\n", 2**21):
            yield line
        self.end()

    # -- its input, its end --------------------------------------------------------------------

    def write(self, data: Any) -> None:
        """Feed bytes or a C-contiguous array."""
        assert self._process.stdin is not None
        descriptor = self._process.stdin.fileno()
        view = memoryview(data).cast("B")
        while len(view):
            if not _ready(descriptor, select.POLLOUT, self.wait):
                raise ChildError(f"took no frame for {self.wait:g} seconds and was stopped")
            try:
                view = view[os.write(descriptor, view) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                self.end()
                raise ChildError("stopped before the last frame") from None

    def end(self) -> None:
        """Wait for success. Raises ChildError with its complaint otherwise."""
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        try:
            code = self._process.wait(self.wait)
        except subprocess.TimeoutExpired:
            raise ChildError(f"did not end within {self.wait:g} seconds and was stopped") from None
        if code:
            complaint = self.complaint()
            died = f"died (signal {-code}) " if code < 0 else ""
            raise ChildError(died + complaint or f"failed with code {code}")

    def complaint(self) -> str:
        """The end of what it wrote to stderr."""
        size = self._complaint.seek(0, os.SEEK_END)
        self._complaint.seek(max(0, size - MAX_COMPLAINT))
        return self._complaint.read().decode("utf-8", "replace").strip()

    def told(self) -> Iterator[bytes]:
        """The whole lines it has written to stderr since the last call."""
        # not by seeking: it shares the place in the file with us
        data = os.pread(self._complaint.fileno(), 2**22, self._heard)
        end = data.rfind(b"\n") + 1
        self._heard += end
        yield from data[:end].splitlines()

    def close(self) -> None:
        """End it now, whatever it is doing; safe to call twice."""
        if self._process.poll() is None:
            self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process.wait()
        self._complaint.close()
