"""Names of artists and titles, reduced to what different catalogues agree on."""

import re
import unicodedata

# Words of a bracket or a dashed suffix that tell of the edition, not of the music: one of these must be there, ...
_EDITION = frozenset(
    {"remaster", "remastered", "mono", "stereo", "deluxe", "expanded", "anniversary", "bonus", "explicit", "album"}
)
# ... and nothing but them, numbers and these, so "(Live, remastered)" stays another recording.
_EDITION_FILLERS = frozenset({"digital", "digitally", "version", "edition", "mix", "track", "in", "the", "from", "by"})
_BRACKET = re.compile(r"[(\[{]([^()\[\]{}]*)[)\]}]")
_DASH = re.compile(r"\s[-\u2013\u2014]\s+([^-\u2013\u2014]*)$")
_GUEST_BRACKET = re.compile(r"\s*(?:feat|ft|featuring|with)\b", re.ASCII)
_ORDINAL = re.compile(r"[0-9]+(?:st|nd|rd|th)?")
_GUEST = re.compile(r"^(.+?) (?:feat|ft|featuring) .+$")


def fold(artist: str, title: str) -> str:
    """Reduce artist and title to what different catalogues agree on.

    Case and accents go; so do guests ("feat. ...", "(with ...)"), editions in brackets or after a dash ("(Remastered
    2011)", "- 2011 Remaster", "[Deluxe Edition]") and punctuation; "&" is "and". What makes another recording
    ("live", "remix", "acoustic") stays. Folding a folded name changes nothing. Without an artist or a title the
    answer is "", which matches nothing.

    Examples
    --------
    >>> fold("Beyoncé & Band", "Déjà  Vu (feat. Somebody) - 2011 Remaster")
    'beyonce and band | deja vu'
    >>> fold("Band", "Song (Live)") == fold("Band", "Song")
    False
    """
    folded_artist, folded_title = fold_name(artist), fold_name(title)
    return f"{folded_artist} | {folded_title}" if folded_artist and folded_title else ""


def fold_name(text: str) -> str:
    """Reduce one name, as `fold` does with artist and title."""
    text = _plain(text)
    before = None
    while text != before:
        before = text
        text = _BRACKET.sub(
            lambda match: " " if _is_edition(match[1]) or _GUEST_BRACKET.match(match[1]) else match[0], text
        )
        text = _DASH.sub(lambda match: "" if _is_edition(match[1]) else match[0], text)
    # Accents of other scripts than ours are letters' parts: they stay.
    kept = (c if c.isalnum() or unicodedata.category(c).startswith("M") else " " for c in text)
    words = " ".join("".join(kept).split())
    # Names of punctuation alone exist ("!!!"); the bar is the separator.
    words = words or "".join(text.split()).replace("|", "")
    guest = _GUEST.match(words)
    return guest[1] if guest else words


def _plain(text: str) -> str:
    """Lower case without accents and apostrophes, "&" as a word."""
    decomposed = unicodedata.normalize("NFKD", text)
    text = "".join(c for c in decomposed if not "\u0300" <= c <= "\u036f").casefold()
    return re.sub(r"['`\u2018\u2019\u02bc]", "", text).replace("&", " and ")


def _is_edition(part: str) -> bool:
    words = re.findall(r"\w+", part)
    is_known = all(word in _EDITION or word in _EDITION_FILLERS or _ORDINAL.fullmatch(word) for word in words)
    return is_known and not _EDITION.isdisjoint(words)
