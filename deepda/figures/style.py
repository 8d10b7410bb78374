"""How figures look: one palette for light and one for dark paper, sizes, saving."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from itertools import cycle
from pathlib import Path
from typing import Any

import cmocean
import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import Collection
from matplotlib.colors import ListedColormap, to_hex
from matplotlib.figure import Figure
from PIL import Image

from deepda.base.files import write_whole

WIDTH = 5.0  # inches: 9 pt text on it is still 9 px on a phone
DPI = 200
ON_DARK = ("balance", "balance_r", "amp", "dense")  # pale near zero: of inverted lightness on dark paper
LAND_MESH = "land"  # gid of the mesh whose two colours are land and missing


@dataclass(frozen=True)
class Theme:
    """Colours of one kind of paper. Every value is used once in both, so that one maps to the other.

    `methods` are Okabe and Ito's, safe for colour-blind readers; on dark paper they are lighter.
    """

    paper: str
    ink: str
    faint: str
    land: str
    coast: str
    blue: str
    orange: str
    green: str
    vermilion: str
    purple: str
    sky: str
    grey: str
    over: str  # marks on fields


LIGHT = Theme(
    paper="#ffffff",
    ink="#1b2430",
    faint="#d5dae0",
    land="#8f8d7e",
    coast="#55524b",
    blue="#0072b2",
    orange="#e69f00",
    green="#009e73",
    vermilion="#d55e00",
    purple="#b8609a",
    sky="#56b4e9",
    grey="#8a8f98",
    over="#000000",
)
DARK = Theme(
    paper="#151b23",
    ink="#e4e8ee",
    faint="#39424e",
    land="#6f6d62",
    coast="#9aa0a9",
    blue="#4aa8e0",
    orange="#f5b83d",
    green="#2fc79b",
    vermilion="#ff8a47",
    purple="#e08fc4",
    sky="#8fd0f7",
    grey="#a3a9b3",
    over="#fdfdfd",
)

# One look a method, the same in every figure: colour, dashes, marker.
METHODS: Mapping[str, tuple[str, str, str]] = {
    "truth": (LIGHT.ink, "-", ""),
    "kalman": (LIGHT.ink, "--", "D"),
    "analysis": (LIGHT.blue, "-", "o"),
    "deepda": (LIGHT.blue, "-", "o"),
    "background": (LIGHT.sky, "--", "o"),
    "oi": (LIGHT.orange, "-", "s"),
    "forecast_oi": (LIGHT.orange, "--", "s"),
    "multi_scale_oi": (LIGHT.orange, "-.", "s"),
    "own_error_oi": (LIGHT.orange, ":", "s"),
    "ham2024": (LIGHT.purple, "-", "^"),
    "observations": (LIGHT.vermilion, ":", "x"),
    "persistence": (LIGHT.green, "-.", "v"),
    "climatology": (LIGHT.grey, "--", "d"),
}
NAMES: Mapping[str, str] = {
    "oi": "optimal interpolation",
    "forecast_oi": "with the best forecast",
    "multi_scale_oi": "multi-scale",
    "own_error_oi": "with its own errors",
    "ham2024": "Ham et al. 2024",
    "kalman": "Kalman filter (exact)",
    "deepda": "DeepDA",
}
_SPARE = (LIGHT.green, LIGHT.vermilion, LIGHT.purple, LIGHT.orange, LIGHT.sky, LIGHT.grey)

RC: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.labelsize": 9,
    "axes.edgecolor": LIGHT.ink,
    "axes.labelcolor": LIGHT.ink,
    "axes.titlecolor": LIGHT.ink,
    "axes.facecolor": LIGHT.paper,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LIGHT.faint,
    "grid.linewidth": 0.6,
    "xtick.color": LIGHT.ink,
    "ytick.color": LIGHT.ink,
    "text.color": LIGHT.ink,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.6,
    "lines.markersize": 4,
    "figure.facecolor": LIGHT.paper,
    "savefig.facecolor": "auto",
}


def look(name: str) -> dict[str, Any]:
    """Line properties of a method."""
    return looks([name])[name]


def looks(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Line properties by name; what is no method takes a spare colour that none of the methods has."""
    shown = list(names)
    taken = {METHODS[name][0] for name in shown if name in METHODS}
    spare = cycle([colour for colour in _SPARE if colour not in taken])
    found = {}
    for name in shown:
        colour, dashes, marker = METHODS[name] if name in METHODS else (next(spare), "-", "")
        label = NAMES.get(name, name)
        found[name] = {"color": colour, "linestyle": dashes, "marker": marker, "label": label}
    return found


@contextmanager
def canvas(height: float, width: float = WIDTH) -> Iterator[Figure]:
    """A new Figure (inches) with this style in force while it is drawn."""
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
        FigureCanvasAgg(figure)
        yield figure
        _lay_out(figure)


@contextmanager
def at_width(figure: Figure, width: float) -> Iterator[None]:
    """The figure laid out for another width (inches) while the block lasts."""
    size = figure.get_size_inches().copy()
    places = [(axes.get_position(original=True), axes.get_position()) for axes in figure.axes]
    with matplotlib.rc_context(RC):
        figure.set_size_inches(width, size[1])
        figure.set_layout_engine("constrained")
        _lay_out(figure)
    try:
        yield
    finally:
        figure.set_size_inches(*size)
        for axes, (original, active) in zip(figure.axes, places, strict=True):
            axes.set_position(original, "original")
            axes.set_position(active, "active")
            axes.set_in_layout(True)  # which setting a position ends


def _lay_out(figure: Figure) -> None:
    """Find the places of everything, while the style is in force, and keep them."""
    figure.draw_without_rendering()  # ticks are made while the style holds
    figure.draw_without_rendering()  # the first layout lacks some sizes
    figure.set_layout_engine("none")  # the layout is found; finding it again at each saving is slow


def save(figure: Figure, path: str | Path) -> None:
    """Write a PNG on light paper; folders are made."""
    picture = png(figure)
    write_whole(Path(path), lambda hidden: hidden.write_bytes(picture))


def png(figure: Figure, theme: Theme = LIGHT) -> bytes:
    """The figure as a PNG on the paper of a theme; 256 colours, no date: the same figure, same bytes."""
    # How many ticks fit follows from the size of letters in force: the layout's, or labels are cut.
    with matplotlib.rc_context(RC), _wearing(figure, theme):
        agg = FigureCanvasAgg(figure)
        agg.draw()
        picture = Image.fromarray(np.asarray(agg.buffer_rgba())).convert("RGB")
    held = io.BytesIO()
    _in_few_colours(picture).save(held, "png", dpi=(DPI, DPI))
    return held.getvalue()


def _in_few_colours(picture: Image.Image) -> Image.Image:
    """The picture in 256 colours; the paper, the colour of its corner, stays exact."""
    few = picture.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    place, colours = few.getpixel((0, 0)), few.getpalette()
    paper = picture.getpixel((0, 0))
    assert isinstance(place, int) and isinstance(paper, tuple) and colours is not None
    colours[3 * place : 3 * place + 3] = paper
    few.putpalette(colours)
    return few


@contextmanager
def _wearing(figure: Figure, theme: Theme) -> Iterator[None]:
    _recolour(figure, LIGHT, theme)
    try:
        yield
    finally:
        _recolour(figure, theme, LIGHT)


def _recolour(figure: Figure, old: Theme, new: Theme) -> None:
    if old is new:
        return
    swap = {getattr(old, field.name): getattr(new, field.name) for field in fields(Theme)}
    for artist in figure.findobj():
        if artist.get_gid() == LAND_MESH:
            artist.set(cmap=ListedColormap([new.land, new.paper]))
        elif isinstance(artist, Collection) and artist.get_array() is not None:
            _swap_fields(artist, new)
        else:
            _swap_colours(artist, swap)


def _swap_fields(artist: Collection, new: Theme) -> None:
    """Give a field the colour map of the paper, and the ends of its colour bar."""
    worn = artist.get_cmap()
    name = worn.name.removesuffix("_i")
    if name not in ON_DARK:
        return
    wanted = cmocean.cm.cmap_d[f"{name}_i" if new is DARK else name].resampled(worn.N)
    with artist.callbacks.blocked():  # the colour bar would be made anew, with other ticks
        artist.set_cmap(wanted)
    if artist.colorbar is not None:
        ends = {"neither": (), "min": (0.0,), "max": (1.0,), "both": (0.0, 1.0)}[artist.colorbar.extend]
        for patch, end in zip(artist.colorbar.ax.patches, ends, strict=True):
            patch.set_facecolor(wanted(end))


def _swap_colours(artist: Artist, swap: Mapping[str, str]) -> None:
    for name in ("color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor"):
        get = getattr(artist, f"get_{name}", None)
        if get is None or (name == "color" and hasattr(artist, "get_facecolor")):
            continue
        worn = get()
        if isinstance(worn, np.ndarray) and worn.ndim == 2:
            worn = worn[0] if len(worn) == 1 else "none"
        if isinstance(worn, str) and worn in ("none", "auto", "inherit"):
            continue
        code = to_hex(worn)
        if code in swap and (not isinstance(worn, tuple) or len(worn) < 4 or worn[3] > 0):
            artist.set(**{name: swap[code]})
