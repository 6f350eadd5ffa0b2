"""Text that a terminal shows and does not obey, whatever stands in it."""

import re

_COMMANDS = re.compile("[\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What JSON leaves as it is and terminals obey: the control characters above ASCII, and marks that turn the writing."""


def printable(text: str) -> str:
    """``text`` with escapes in the place of all that is not to be seen, so that it cannot move a terminal's cursor."""
    return text if text.isprintable() else "".join(map(_escaped, text))


def json_text(content: str) -> str:
    """JSON that means the same, and that a terminal only shows."""
    return _COMMANDS.sub(lambda found: f"\\u{ord(found[0]):04x}", content)


def _escaped(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()
