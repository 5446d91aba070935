"""Cells of tables that spreadsheets open: no text is taken for a formula."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def guarded(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would take for a formula.

    Examples
    --------
    >>> guarded("=cmd()"), guarded("Air"), guarded("'=cmd()")
    ("'=cmd()", 'Air', "''=cmd()")
    """
    return f"'{text}" if text.lstrip("'").startswith(_FORMULA) else text


def unguarded(text: str) -> str:
    """Take back what `guarded` did.

    Examples
    --------
    >>> unguarded("'=cmd()"), unguarded("'Round Midnight")
    ('=cmd()', "'Round Midnight")
    """
    return text[1:] if text.startswith("'") and text.lstrip("'").startswith(_FORMULA) else text
