"""What can be set when the interface is served without the page."""

from __future__ import annotations

from typing import ClassVar

from kineograph.values.settings import Settings, setting


class Serving(Settings):
    """The studio's interface, for programs."""

    verb: ClassVar[str] = "serve"
    about: ClassVar[str] = "the interface without the page"
    forms: ClassVar[tuple[str, ...]] = ()
    drawn: ClassVar[bool] = False

    host: str = setting("127.0.0.1", "Address to listen on; any but loopback wants a token file.")
    port: int = setting(8124, "Port; 0 takes a free one.", least=0, most=65535)
    token_file: str = setting("", "File that holds the token of those who may ask.")
    home: str = setting("~/.kineograph/serve", "Folder of the queue, uploads and results.")
    workers: int = setting(0, "Processes that make; 0 is one a device.", least=0, most=256)
    most: int = setting(200, "Requests that wait before more are refused.", least=1, most=100_000)
