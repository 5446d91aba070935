"""File names made of texts that others chose."""

import re
import unicodedata

_LONGEST = 180  # bytes, so that a suffix and a draft's fit into the 255 of most file systems
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f]')
# Devices of Windows, whatever follows the first dot.
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE | re.ASCII)


def safe_name(text: str, *, longest: int = _LONGEST) -> str:
    r"""Make one name of a text that is valid on every system and never leads out of the folder that it is put in.

    Parameters
    ----------
    text : str
        Whatever there is: a title, or something out of a file that somebody else made.
    longest : int
        Most bytes of the name in UTF-8, at least 1.

    Returns
    -------
    str
        A single component of a path, neither empty nor hidden nor ".."; "_" stands for what cannot be in it.

    Examples
    --------
    >>> safe_name("../../AC/DC: Live?"), safe_name("..."), safe_name("nul.mp3")
    ('_.._AC_DC_ Live_', '_', '_nul.mp3')
    """
    plain = _FORBIDDEN.sub("_", unicodedata.normalize("NFC", text))
    kept = "".join(c for c in plain if unicodedata.category(c) not in {"Cc", "Cs", "Zl", "Zp"})
    name = kept.strip(" .")
    if _DEVICE.match(name):
        name = f"_{name}"
    # What is cut off may leave a space or a dot at the end.
    return name.encode()[:longest].decode(errors="ignore").strip(" .") or "_"
