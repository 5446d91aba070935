"""Files that are nearly right: texts of which some words are others, as broken programs and hands leave them."""

import re

from hypothesis import strategies as st

# A text in quotation marks, a word or number, or any other character.
_TOKENS = re.compile(r'"[^"\n]*"|[\w.+-]+|.', re.DOTALL)
# What stands where something else should; all of it can be in JSON, in tables and on lines of text.
_STRAY = (
    "", "null", "true", "0", "-1", "1e999", "NaN", "3.5", "9" * 30, '""', '"x"', '"\\ud800"', '"2020-01-16 03:13"',
    "[]", "{}", "[", "}", ",", ";", "\t", '"', "'", "<", ">", "&", "\n", "\r", "\0", "=x", "..", "/", "file://", "C#",
    "\ud800", "é",
)  # fmt: skip

edits = st.lists(st.tuples(st.integers(0, 2**12), st.sampled_from(_STRAY)), min_size=1, max_size=5)


def spoil(text, edits):
    """The text, with a stray piece in the place of the token that each edit says, in bytes."""
    tokens = _TOKENS.findall(text)
    for place, piece in edits:
        tokens[place % len(tokens)] = piece
    return "".join(tokens).encode("utf-8", "surrogatepass")
