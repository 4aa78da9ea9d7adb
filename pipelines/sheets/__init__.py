"""Contact sheets: a piece, its colours, what resembles it and what goes with it, to look at. Makes no table."""

from pathlib import Path

from pipelines.lake.errors import CannotRun
from pipelines.lake.store import Store
from pipelines.sheets.content import read
from pipelines.sheets.page import html
from pipelines.sheets.picture import png
from warehouse.connection import connect


def draw(store: Store, piece: str, viewer: str | None, folder: Path) -> tuple[Path, Path]:
    """Write a piece's sheet as PNG and as HTML; return where. Raises CannotRun."""
    with connect() as release:
        sheet = read(release, store, piece, viewer)
    name = piece if piece.isdecimal() else sheet.piece.image_id[:12]
    picture, page = (folder / f"{name}.{kind}" for kind in ("png", "html"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        picture.write_bytes(png(sheet))
        page.write_text(html(sheet), encoding="utf-8")
    except OSError as error:
        raise CannotRun(f"the sheet cannot be written to {folder}: {error.strerror}. Give another --folder.") from error
    return picture, page
