"""The formats that something can be written in."""

from collections.abc import Collection, Sequence

from audiosim.errors import SettingsError


def require_formats(wanted: Collection[str], known: Sequence[str], *, what: str) -> None:
    """Refuse formats that are not known (`SettingsError`).

    Examples
    --------
    >>> require_formats({"pdf"}, ("html", "png"), what="a report")
    Traceback (most recent call last):
    audiosim.errors.SettingsError: a report is written as html, png, not 'pdf'
    """
    if unknown := sorted(set(wanted) - set(known)):
        raise SettingsError(f"{what} is written as {', '.join(known)}, not {unknown[0]!r}")
