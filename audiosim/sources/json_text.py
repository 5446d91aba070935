"""JSON that others wrote: read strictly, whatever it holds."""

import json
from typing import Any, NoReturn


def parse_json(content: bytes) -> Any:  # noqa: ANN401 - whatever JSON can say
    """Parse JSON in UTF-8, UTF-16 or UTF-32.

    Raises
    ------
    ValueError
        It is no JSON, or holds NaN, infinity, or values nested too deeply; the text says what and where.
    """
    try:
        return json.loads(content, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("it is no JSON that can be read: values are nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"it is no JSON: {error}") from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")
