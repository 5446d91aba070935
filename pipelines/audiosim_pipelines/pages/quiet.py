"""Keeping off the screen what libraries that draw have to say, already while they are loaded."""

import contextlib
import logging
import warnings
from collections.abc import Generator


@contextlib.contextmanager
def quiet() -> Generator[None]:
    """Keep off the screen what matplotlib says of fonts and caches, and librosa of empty mel bands."""
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
