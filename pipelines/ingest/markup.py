"""Markup: the text of an HTML fragment somebody else wrote. Nothing in it is run, fetched or kept but its words."""

from __future__ import annotations

import html
import re

from pipelines.lake.errors import Rejected

# Each alternative starts with `<` or `-` and ends at the next of its kind, so that no input costs more than its length.
_TOKEN = re.compile(r"(<!--|-->|<[^<>]*>)")
_NAME = re.compile(r"</?([A-Za-z][A-Za-z0-9]*)")
_BREAKS = {"br", "p", "div", "li", "ul", "ol", "tr", "table", "h1", "h2", "h3", "h4", "h5", "h6"}
_UNSEEN = {"script": "</script", "style": "</style"}  # what lies between these is no text
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SPACES = re.compile(r"[^\S\n]+")
_LINES = re.compile(r" *\n[ \n]*")


def plain_text(markup: str) -> str:
    """Return the words of a fragment, one line per paragraph or break. Raises Rejected.

    It is text, not safe HTML: whoever shows it on a page escapes it.
    """
    try:
        text = "".join(html.unescape(piece) for piece in _pieces(markup))
    except ValueError as error:  # a character number of thousands of digits
        raise Rejected("bad_markup", f"its markup names no character: {error}.") from error
    text = _SPACES.sub(" ", _CONTROL.sub("", text))
    return _LINES.sub("\n", text).strip()


def _pieces(markup: str) -> list[str]:
    pieces: list[str] = []
    until = ""  # the piece that ends what is not seen
    for piece in _TOKEN.split(markup):
        if until:
            until = "" if piece[:10].lower().startswith(until) else until
        elif piece == "<!--":
            until = "-->"
        elif name := _NAME.match(piece):
            until = _UNSEEN.get(name[1].lower(), "") if piece[1] != "/" else ""
            pieces.append("\n" if name[1].lower() in _BREAKS else "")
        elif not (piece.startswith("<") and piece.endswith(">")):
            pieces.append(piece)
    return pieces
