"""How a block reads configuration keys without knowing the block that owns them."""

from typing import Protocol


class KeyReader(Protocol):
    """Values of OCPP configuration keys by their full name; a name that does not exist is a programming error."""

    def text(self, name: str) -> str: ...

    def whole(self, name: str) -> int: ...

    def boolean(self, name: str) -> bool: ...

    def members(self, name: str) -> tuple[str, ...]: ...
