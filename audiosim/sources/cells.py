"""Tables of text: how their cells are told apart, and that none is taken for a formula by a spreadsheet."""

import csv
import io

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


def separator_of(text: str) -> str:
    r"""What stands between the cells of a table: the one of comma, semicolon and tab that its first line has most of.

    Examples
    --------
    >>> separator_of("artist;title\nAC,DC;T.N.T.")
    ';'
    """
    return max(",;\t", key=text.partition("\n")[0].count)


def rows_of(text: str) -> list[list[str]]:
    """Cells of a table row by row, without empty rows.

    Raises
    ------
    ValueError
        Quotation marks are not closed, or a cell is longer than 131 072 letters.
    """
    try:
        cells = csv.reader(io.StringIO(text, newline=""), delimiter=separator_of(text), strict=True)
        return [row for row in cells if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise ValueError(f"it is no CSV: {error}") from error
