"""Makes text safe to print: control characters in it must not command the terminal."""

import re

_COMMANDS = re.compile("[\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters that JSON does not escape, and marks that change the direction of writing."""


def printable(text: str) -> str:
    """``text`` with everything that is not printable escaped."""
    return text if text.isprintable() else "".join(map(_escaped, text))


def json_text(content: str) -> str:
    """JSON of the same meaning that is safe to print."""
    return _COMMANDS.sub(lambda found: f"\\u{ord(found[0]):04x}", content)


def _escaped(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()
