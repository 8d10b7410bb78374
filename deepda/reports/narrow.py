"""Maps side by side, one below the other for a narrow screen: cut from the finished picture."""

from __future__ import annotations

import io

from matplotlib.figure import Figure
from PIL import Image

OVER = 0.02  # of a column, by which its text may reach into the next


def columns_of(figure: Figure) -> int:
    """Columns of equal panels that a picture can be cut into; 1 where it must stay whole."""
    places = [axes.get_subplotspec() for axes in figure.axes]
    grids = {id(place.get_gridspec()): place.get_gridspec() for place in places if place is not None}
    if len(grids) != 1 or figure.get_suptitle():
        return 1
    columns = int(next(iter(grids.values())).ncols)
    width = figure.bbox.width / columns
    for axes in figure.axes:
        box = axes.get_tightbbox()
        if box is None:
            continue
        column = int((box.x0 + box.x1) / 2 / width)
        over = max(column * width - box.x0, box.x1 - (column + 1) * width)
        if over > OVER * width:
            return 1
    return columns


def stacked(picture: bytes, columns: int, panels: int) -> bytes:
    """The panels of a PNG of `columns` columns below each other, row by row.

    Args:
        columns: of equal width.
        panels: how many there are; the last row may have fewer.
    """
    whole = Image.open(io.BytesIO(picture))
    rows = -(-panels // columns)
    width, height = whole.width // columns, whole.height // rows
    made = Image.new(whole.mode, (width, height * panels))
    if whole.mode == "P":
        made.putpalette(whole.getpalette() or [])
    for panel in range(panels):
        row, column = divmod(panel, columns)
        left, top = column * width, row * height
        made.paste(whole.crop((left, top, left + width, top + height)), (0, panel * height))
    held = io.BytesIO()
    made.save(held, "png")
    return held.getvalue()
