"""Audio similarity of a music library: what sounds like this, and why.

>>> import audiosim
>>> audiosim.Library  # doctest: +ELLIPSIS
<class 'audiosim.library.Library'>
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audiosim.library import Library

__all__ = ["Library", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Import `Library` when it is first asked for, so that `import audiosim` stays instant."""
    if name == "Library":
        from audiosim.library import Library  # noqa: PLC0415 - lazy by design

        return Library
    raise AttributeError(f"module 'audiosim' has no attribute {name!r}")
