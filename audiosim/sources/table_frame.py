"""Tables as they lie on disk: CSV in several encodings and dialects, and Parquet."""

import codecs
import csv
import gzip
import io
import warnings
import zlib
from pathlib import Path

import pandas as pd

from audiosim.errors import FeatureTableError
from audiosim.sources.cells import separator_of

_MOST_BYTES = 2**31  # unpacked; the largest known table of features has a fifth of it
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_frame(path: Path, *, separator: str | None = None) -> tuple[pd.DataFrame, list[str]]:
    """Read a table, all cells of a CSV as text, and what had to be assumed.

    Parameters
    ----------
    path : Path
        CSV (also gzipped) or Parquet.
    separator : str, optional
        Between the columns of a CSV; by default the one of comma, semicolon and tab that its first line has most of.

    Returns
    -------
    pandas.DataFrame
    list of str
        One line for people about each thing that was assumed.

    Raises
    ------
    FeatureTableError
        The file cannot be read.
    """
    name = path.name.casefold()
    if not name.endswith((".csv", ".csv.gz", ".parquet")):
        raise FeatureTableError(f"a feature table must end in .csv, .csv.gz or .parquet, got {path.name}")
    if path.exists() and not path.is_file():  # opening a pipe would wait for its writer for ever
        raise FeatureTableError(f"{path} must be a table that can be read: it is no regular file")
    try:
        return _read_parquet(path) if name.endswith(".parquet") else _read_csv(path, separator)
    except (OSError, EOFError, zlib.error, ValueError, csv.Error, OverflowError) as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise FeatureTableError(f"{path} must be a table that can be read: {reason}") from error


def _read_parquet(path: Path) -> tuple[pd.DataFrame, list[str]]:
    try:
        return pd.read_parquet(path), []
    except (KeyError, TypeError, AttributeError, NotImplementedError) as error:
        # What pandas and Arrow say of metadata that make no sense, and of types that they lack.
        raise ValueError(f"it is no Parquet that can be read ({type(error).__name__}: {error})") from error


def _read_csv(path: Path, separator: str | None) -> tuple[pd.DataFrame, list[str]]:
    with gzip.open(path) if path.name.casefold().endswith(".gz") else path.open("rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ValueError(f"it has more than {_MOST_BYTES // 2**20} MiB")
    text, notes = _decoded(content)
    first, second, *_ = [*text.split("\n", 3), "", ""]
    separator = separator or separator_of(text)
    # The tables of the Free Music Archive name each column in three rows, the last of which counts.
    n_above = 2 if first.startswith(f"{separator}echonest") and "audio_features" in second else 0
    frame = _parsed(text, separator, n_above)
    if n_above:
        frame = frame.rename(columns={frame.columns[0]: "track_id"})
        # Below the three rows stands the name of the index, alone on its line.
        frame = frame[frame["track_id"].str.strip() != "track_id"].reset_index(drop=True)
    return frame, notes


def _parsed(text: str, separator: str, n_above: int) -> pd.DataFrame:
    try:
        with warnings.catch_warnings():
            # By default the first cells of rows that are too long become an index, and all others move by one.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(
                io.StringIO(text), sep=separator, dtype=str, keep_default_na=False, skiprows=n_above, index_col=False,
                on_bad_lines="error",
            )  # fmt: skip
    except pd.errors.ParserWarning as warning:
        raise ValueError("its rows have more cells than its header has names") from warning


def _decoded(content: bytes) -> tuple[str, list[str]]:
    if content.startswith(_UTF16):
        return content.decode("utf-16"), []
    try:
        return content.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        return content.decode("latin-1"), ["the table is no UTF-8; its letters were read as Latin-1"]
