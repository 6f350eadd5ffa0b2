"""Nothing that stands in the data may move a terminal's cursor, colour it, or turn its writing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from cloudpulse.cli.printable import json_text, printable
from cloudpulse.cli.tables import table

HOSTILE = [
    "\x1b[2J\x1b]0;title\x07",
    "\x1b]8;;http://evil.example\x1b\\\\click\x1b]8;;\x1b\\\\",
    "\x9b31m",
    "one\r\ntwo\tthree\x00",
    "\u202egnp.exe",
    "a\u2028b\x7f",
]


def shown(rows, tmp_path):
    with (tmp_path / "out").open("w+") as file:
        Console(file=file, width=200, force_terminal=False).print(table(rows))
        return (tmp_path / "out").read_text()


@pytest.mark.parametrize("text", HOSTILE)
def test_a_table_shows_what_a_terminal_would_obey(tmp_path, text):
    out = shown([{"page": text, "properties": {"x": text}, "name": [text]}], tmp_path)
    assert set(out) - {"\n"} <= {character for character in out if character.isprintable()}
    assert printable(text) in out


@pytest.mark.parametrize("text", ["[bold]x[/bold]", "[/nothing]", "[link=http://evil.example]x[/link]", ":warning:"])
def test_markup_in_data_is_data(tmp_path, text):
    assert text in shown([{"page": text}], tmp_path)


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_any_text_is_printable_and_one_line(text):
    assert printable(text).isprintable()
    assert text != printable(text) or text.isprintable()


@given(st.text())
def test_json_for_a_terminal_means_the_same(text):
    written = json_text(json.dumps({"text": text}, ensure_ascii=False))
    assert json.loads(written) == {"text": text}
    assert not set(written) & {chr(code) for code in (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F))}
