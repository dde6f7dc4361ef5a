"""What a request reads: files by name, or a value in memory, known by its hash.

A record names a source by its file name and SHA-256, never by its path. This file opens nothing
but to hash it; `media` and the families read.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Annotated, Any

from kineograph.files import sequence_of, sha256_of
from kineograph.values.errors import InputError

LONGEST = 4096  # letters of a path


class Source:
    """A file, a folder, a sequence of files, or a value in memory (a Clip, an array, a text).

    path: where it lies, or a pattern of files (`frame_%04d.png`); None for a value. value: what it
    is; None for a file. name: what a record calls it.

        >>> kg.Source("pictures/brick.png").name
        'brick.png'
    """

    __slots__ = ("_sha256", "name", "path", "value")

    def __init__(
        self, path: str | os.PathLike[str] | None = None, *, value: Any = None, name: str = ""
    ) -> None:
        if (path is None) == (value is None):
            raise InputError("source", "is neither a file nor a value", "give one of them")
        self.path = None if path is None else Path(path)
        self.value = value
        self.name = name or ("memory" if self.path is None else self.path.name or str(path))
        self._sha256 = ""

    @classmethod
    def of(cls, given: Any) -> Source:
        """A source from what a person gives: itself, a path, or any other value."""
        if isinstance(given, cls):
            return given
        if isinstance(given, str | os.PathLike):
            if not 0 < len(os.fspath(given)) <= LONGEST or "\0" in str(given):
                raise InputError("source", "is no file name", "name a file")
            return cls(given)
        if given is None or isinstance(given, bool | int | float | dict | list | tuple):
            raise InputError("source", f"{given!r} is no file name", "name a file")
        return cls(value=given)

    @property
    def stem(self) -> str:
        """The file's name without its suffix; "" for a value in memory and for standard input."""
        if self.path is None or self.name == "-":
            return ""
        return self.name.rpartition(".")[0] or self.name

    def there(self, field: str) -> Path:
        """The path, once something lies there.

        Raises InputError, naming the field, when nothing does, or when this is a value in memory.
        """
        if self.path is None:
            raise InputError(field, "is a value in memory", "give a file")
        if not self.path.exists() and not sequence_of(self.path):
            raise InputError(field, f"'{self.path}' is not there", "check its name")
        return self.path

    def sha256(self) -> str:
        """64 hexadecimal digits: of a file's bytes, of a folder's names and files, of a value."""
        if not self._sha256:
            self._sha256 = self._hashed()
        return self._sha256

    def _hashed(self) -> str:
        if self.path is None:
            return hashed_value(self.value)
        path = self.there("source")
        if path.is_file():
            return sha256_of(path)
        whole = hashlib.sha256()
        folder = path if path.is_dir() else path.parent
        for file in sequence_of(path) or sorted(p for p in path.rglob("*") if p.is_file()):
            whole.update(f"{file.relative_to(folder).as_posix()}\0{sha256_of(file)}\n".encode())
        return whole.hexdigest()

    def __repr__(self) -> str:
        return f"Source({self.name!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Source):
            return NotImplemented
        return self.path == other.path and self.value is other.value

    def __hash__(self) -> int:
        return hash((self.path, id(self.value)))

    @classmethod
    def __get_pydantic_core_schema__(cls, kind: Any, handler: Any) -> Any:
        from pydantic_core import PydanticCustomError, core_schema

        def checked(given: Any) -> Source:
            """A refusal goes through pydantic, which knows the field."""
            try:
                return cls.of(given)
            except InputError as error:
                raise PydanticCustomError("source", "{error}", {"error": error}) from None

        return core_schema.no_info_plain_validator_function(
            checked, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        return {"type": "string", "format": "path"}


class Kind:
    """What a source holds, for a door to choose its control: clip, picture, text, …"""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        made: dict[str, Any] = handler(schema)
        return made | {"holds": self.name}


ClipSource = Annotated[Source, Kind("clip")]
PictureSource = Annotated[Source, Kind("picture")]
SoundSource = Annotated[Source, Kind("sound")]
TextSource = Annotated[Source, Kind("text")]
TableSource = Annotated[Source, Kind("table")]
FolderSource = Annotated[Source, Kind("folder")]


def hashed_value(value: Any) -> str:
    """The sha256 of a value: a text's UTF-8, an array's type, shape and bytes, a clip's frames."""
    if isinstance(value, str):
        return hashlib.sha256(value.encode()).hexdigest()
    if isinstance(value, bytes):
        return hashlib.sha256(value).hexdigest()
    whole = hashlib.sha256()
    if hasattr(value, "frames") and hasattr(value, "fps"):
        whole.update(f"fps {value.fps!r} ".encode())
        value = value.frames
    import numpy as np

    array = np.ascontiguousarray(value)
    whole.update(f"{array.dtype} {array.shape} ".encode())
    whole.update(array.tobytes())
    return whole.hexdigest()
