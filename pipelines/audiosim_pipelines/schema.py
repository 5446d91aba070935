"""Nested values, of a TOML file say, as dataclasses whose annotations say what each value must be."""

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from audiosim.errors import SettingsError

# TOML has no null.
NONE = "none"


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Values over others, table by table; neither is changed.

    Examples
    --------
    >>> merge({"dtw": {"normalize": True, "keep_c0": False}}, {"dtw": {"keep_c0": True}})
    {'dtw': {'normalize': True, 'keep_c0': True}}
    """
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same values as TOML can hold them.

    Examples
    --------
    >>> without_none({"dtw": {"band_fraction": None}})
    {'dtw': {'band_fraction': 'none'}}
    """
    return {
        key: without_none(value) if isinstance(value, Mapping) else NONE if value is None else value
        for key, value in values.items()
    }


def build(cls: type, values: Mapping[str, Any], source: str, where: tuple[str, ...] = ()) -> Any:  # noqa: ANN401 - generic
    """A dataclass of nested values.

    Parameters
    ----------
    cls : type
        A dataclass; its fields may be dataclasses.
    values : Mapping
        By the names of fields; what is not there has its default.
    source : str
        Where the values come from, for errors.
    where : tuple of str
        Keys that lead to these values.

    Raises
    ------
    SettingsError
        A key is unknown, or a value is not what its annotation or its dataclass accepts.
    """
    hints = get_type_hints(cls)
    known = [f.name for f in fields(cls)]
    if unknown := sorted(set(values) - set(known)):
        key = ".".join((*where, unknown[0]))
        raise SettingsError(f"{source}: unknown key {key!r}; known here: {', '.join(known)}")
    arguments: dict[str, Any] = {}
    for key, value in values.items():
        place = (*where, key)
        if is_dataclass(hints[key]):
            if not isinstance(value, Mapping):
                raise SettingsError(f"{source}: {'.'.join(place)} must be a table, got {value!r}")
            arguments[key] = build(hints[key], value, source, place)
        else:
            arguments[key] = _checked(value, hints[key], source, ".".join(place))
    try:
        return cls(**arguments)
    except ValueError as error:  # a section's own bounds
        raise SettingsError(f"{source}: {'.'.join((*where, str(error)))}") from error


def _checked(value: Any, hint: Any, source: str, place: str) -> Any:  # noqa: ANN401 - any TOML value
    choices = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    for choice in choices:
        matched, result = _matches(value, choice)
        if matched:
            return result
    raise SettingsError(f"{source}: {place} must be {_describe(hint)}, got {value!r}")


def _matches(value: Any, hint: Any) -> tuple[bool, Any]:  # noqa: ANN401 - any TOML value
    """Whether a value is of a type, and the value as that type has it."""
    if hint is type(None):
        return value is None or value == NONE, None
    if get_origin(hint) is Literal:
        return value in get_args(hint), value
    if get_origin(hint) is tuple:
        is_list = isinstance(value, list | tuple) and all(_matches(item, get_args(hint)[0])[0] for item in value)
        return is_list, tuple(value) if is_list else None
    if hint in (int, float):  # of which bool is one, for Python
        is_number = isinstance(value, (int, hint)) and not isinstance(value, bool)
        return is_number, hint(value) if is_number else None
    return isinstance(value, hint), value


def _describe(hint: Any) -> str:  # noqa: ANN401 - any annotation
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(_describe(choice) for choice in get_args(hint))
    if hint is type(None):
        return repr(NONE)
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(map(repr, get_args(hint)))
    if get_origin(hint) is tuple:
        return f"a list of {_describe(get_args(hint)[0])}"
    return {int: "a whole number", float: "a number", str: "text", bool: "true or false"}.get(hint, str(hint))
