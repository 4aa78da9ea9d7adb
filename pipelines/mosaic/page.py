"""A deep-zoom pyramid as one HTML page beside it, which any browser shows from a folder, without a network."""

from __future__ import annotations

import json
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from urllib.parse import quote

from pipelines.imaging import large

_PAGE = Template("""\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="connect-src 'none'; form-action 'none'; base-uri 'none'">
<title>$title</title>
<style>
html, body { height: 100%; margin: 0; background: #222; color: #eee; font: 15px/1.4 system-ui, sans-serif }
body { display: flex; flex-direction: column }
header { display: flex; gap: .75rem; align-items: center; padding: .5rem 1rem }
h1 { font-size: 1rem; margin: 0; flex: 1; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
small { color: #aaa; white-space: nowrap }
button { font: inherit; min-width: 2.5rem; padding: .2rem .6rem; color: inherit; background: #444; border: 0 }
#view { flex: 1; min-height: 0 }
</style>
<header><h1>$title</h1><small>$width × $height px</small>
<button id="in" title="Zoom in">+</button><button id="out" title="Zoom out">−</button>
<button id="fit" title="All of it">Fit</button></header>
<div id="view" role="img" aria-label="$title"></div>
<script>
/* OpenSeadragon:
$licence*/
$viewer
</script>
<script>
const viewer = OpenSeadragon({
  id: "view", tileSources: $source, showNavigationControl: false, showNavigator: true, maxZoomPixelRatio: 4,
  drawer: "canvas",  // WebGL may not show pictures out of a folder
});
document.getElementById("in").onclick = () => viewer.viewport.zoomBy(2).applyConstraints();
document.getElementById("out").onclick = () => viewer.viewport.zoomBy(.5).applyConstraints();
document.getElementById("fit").onclick = () => viewer.viewport.goHome();
</script>
</html>
""")


def html(title: str, pyramid: Path, width: int, height: int) -> str:
    """Return the page that shows a pyramid (NAME.dzi) of a size in pixels, and must lie in the same folder."""
    viewer = files("pipelines.mosaic") / "viewer"
    return _PAGE.substitute(
        title=escape(title),
        width=f"{width:,}",
        height=f"{height:,}",
        licence=(viewer / "LICENSE.txt").read_text("utf-8"),
        viewer=(viewer / "openseadragon.min.js").read_text("utf-8"),
        source=_source(pyramid, width, height),
    )


def _source(pyramid: Path, width: int, height: int) -> str:
    """Return what NAME.dzi says, as JSON: a browser reads no file out of a folder, and shows pictures out of it."""
    said = {
        "xmlns": "http://schemas.microsoft.com/deepzoom/2008",
        "Url": f"{quote(large.tiles_of(pyramid).name)}/",
        "Format": large.TILE_FORMAT,
        "Overlap": str(large.OVERLAP),
        "TileSize": str(large.TILE),
        "Size": {"Width": str(width), "Height": str(height)},
    }
    return json.dumps({"Image": said}).replace("<", "\\u003c")
