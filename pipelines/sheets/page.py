"""A sheet as one HTML page that needs nothing else: pictures are in it, and each says why it is there."""

from __future__ import annotations

import base64
from html import escape
from string import Template

from pipelines.sheets.content import Piece, Recommended, Sheet
from pipelines.sheets.picture import TITLES

_PAGE = Template("""\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>$title</title>
<style>
body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem auto; max-width: 90rem; padding: 0 1rem; color: #222 }
.head { display: flex; gap: 1.5rem; flex-wrap: wrap }
.head > div { flex: 1; min-width: 18rem }
.row { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: 1rem }
figure { margin: 0 } img, .none { width: 100%; aspect-ratio: 1; background: #eee }
.head img, .head .none { width: 224px }
.strip { display: flex; height: 1rem } .head .strip { height: 2.5rem }
figcaption { font-size: 13px } .why { color: #666 } code { color: #777 }
.chip { display: inline-block; width: 1em; height: 1em; vertical-align: -.1em; border: 1px solid #ccc }
</style>
<h1>$title</h1>
<div class="head">$picture<div><code>$image_id</code>$strip<p>$names</p></div></div>
$rows
</html>
""")


def html(sheet: Sheet) -> str:
    """Return the sheet as a page."""
    piece = sheet.piece
    names = "<br>".join(
        f"{_chip(s.hex)} {s.share:.0%} {escape(s.name)} <code>#{escape(s.hex)}</code>" for s in piece.swatches
    )
    rows = "".join(_row(TITLES[kind], sheet.recommended[kind]) for kind in TITLES if sheet.recommended.get(kind))
    return _PAGE.substitute(
        title=escape(piece.title),
        picture=_picture(piece),
        image_id=escape(piece.image_id),
        strip=_strip(piece),
        names=names,
        rows=rows or "<p>Nothing is recommended beside it.</p>",
    )


def _row(title: str, recommended: tuple[Recommended, ...]) -> str:
    cells = "".join(
        f"<figure>{_picture(one.piece)}{_strip(one.piece)}<figcaption><b>{one.rank}. {escape(one.piece.title)}</b> "
        f'{_chip(one.colour) if one.colour else ""}<div class="why">{escape(one.sentence)}</div></figcaption></figure>'
        for one in recommended
    )
    return f'<h2>{escape(title)}</h2><div class="row">{cells}</div>'


def _picture(piece: Piece) -> str:
    if piece.thumbnail is None:
        return '<div class="none"></div>'
    data = base64.b64encode(piece.thumbnail).decode()
    return f'<img alt="{escape(piece.title)}" src="data:image/jpeg;base64,{data}">'


def _strip(piece: Piece) -> str:
    parts = "".join(
        f'<span style="flex: {s.share:.4f}; background: #{escape(s.hex)}" title="{escape(s.name)}"></span>'
        for s in piece.swatches
    )
    return f'<div class="strip">{parts}</div>'


def _chip(digits: str) -> str:
    return f'<span class="chip" style="background: #{escape(digits)}"></span>'
