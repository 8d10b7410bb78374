"""Laws that the cells of a sound model grid keep, whatever the model.

Every place lies in one cell at most, every cell of water has an area, and corners surround the centres
they are given for. Corners made from the centres of sound tripolar grids overlap in a few cells round
the poles; corners across the date line, or of another order, cover a large part of the globe twice.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepda.control.axes import ControlError, Floats
from deepda.geometry.mesh import Curvilinear, Regular, normalise
from deepda.geometry.regrid import Remap
from deepda.geometry.sphere import unit_vectors

TWICE = 3e-4  # of the sphere; own corners of tripolar grids reach 3e-5, a wrong date line 0.1 to 1
ASTRAY = 0.002  # of the cells of water: centres outside their corners, by rounding at folds
SAME_SIZE = 0.1  # median cells are so near in area to what lies between the neighbouring centres
ODD = 0.1  # of the cells may be half or twice that large: edges of the faces of a cubed sphere
FEWEST = 0.01  # of the globe: less water is no ocean
ROUNDING = 1e-9


def require_sound_cells(
    cells: Regular | Curvilinear,
    water: NDArray[np.bool_],
    remapping: Remap,
    edges: tuple[Floats, Floats],
) -> None:
    """Refuse cells that cover a place twice, or cells of water that have no area.

    Args:
        water: (y, x) cells with water in any layer.
        remapping: conservative, to the cells between `edges` (latitude, longitude).

    Raises:
        ControlError: with the part of the globe, or the number of cells.
    """
    area = (np.diff(np.sin(np.deg2rad(edges[0])))[:, None] * np.deg2rad(np.diff(edges[1]))) / (4 * np.pi)
    covered = remapping.fraction(water)
    twice = float((np.clip(covered - 1, 0, None) * area).sum())
    if twice > TWICE:
        raise ControlError(
            f"the cells of the model cover {twice:.2%} of the globe more than once (one target cell "
            f"{covered.max():.1f} times), expected every place in one cell; correct the corners (bounds "
            "of latitude and longitude), or the coordinates where there are no corners"
        )
    if (part := float((covered * area).sum())) < FEWEST:
        raise ControlError(
            f"the water covers {part:.2%} of the globe, expected an ocean; check "
            "the units of latitude and longitude, and the corners"
        )
    lost = (
        water.ravel()
        & ~cells.duplicated.ravel()
        & (area.ravel() @ remapping.matrix <= ROUNDING * area.min())
    )
    lost &= _within(cells, edges[0])
    if lost.any():
        raise ControlError(
            f"{lost.sum()} cells of water have no area or no place, expected corners and centres "
            "wherever there is water; correct the coordinates"
        )


def require_corners_round_centres(cells: Curvilinear, water: NDArray[np.bool_]) -> None:
    """Refuse corners that do not surround their centres, or leave gaps between the cells.

    Args:
        water: (y, x) cells with water in any layer.

    Raises:
        ControlError: with the number of cells.
    """
    corner = unit_vectors(cells.corner_lat, cells.corner_lon)
    centre = unit_vectors(cells.lat, cells.lon)
    middle = normalise(corner.sum(axis=2))
    reach = np.linalg.norm(corner - middle[:, :, None], axis=-1).max(axis=2)
    known = water & np.isfinite(centre).all(axis=-1) & np.isfinite(reach) & ~cells.duplicated
    away = known & (np.linalg.norm(centre - middle, axis=-1) > reach)
    if away.sum() > max(1, ASTRAY * known.sum()):
        row, column = (int(index[0]) for index in np.nonzero(away))
        raise ControlError(
            f"the corners of {away.sum()} cells of water do not surround their centres, the first at "
            f"latitude {cells.lat[row, column]:.2f}, longitude {cells.lon[row, column]:.2f}, expected "
            "the corners of each cell round its centre; correct the bounds or remove them"
        )
    ratio = _size_of_cells(corner, centre)[known[1:-1, 1:-1]]
    ratio = ratio[np.isfinite(ratio)]
    odd = (ratio < 0.5) | (ratio > 2.0)
    if ratio.size and (abs(np.median(ratio) - 1) > SAME_SIZE or odd.mean() > ODD):
        raise ControlError(
            f"the corners make cells {np.median(ratio):.2f} times as large as what lies between their "
            f"centres, {odd.mean():.0%} of them less than half or more than twice, expected cells that "
            "meet; correct the bounds or remove them"
        )


def _size_of_cells(corner: Floats, centre: Floats) -> Floats:
    """(y - 2, x - 2) area from the corners over that spanned by the centres round each inner cell."""
    own = 0.5 * np.cross(corner[:, :, 2] - corner[:, :, 0], corner[:, :, 3] - corner[:, :, 1])
    along = 0.5 * (centre[1:-1, 2:] - centre[1:-1, :-2])
    across = 0.5 * (centre[2:, 1:-1] - centre[:-2, 1:-1])
    between = np.linalg.norm(np.cross(along, across), axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.linalg.norm(own, axis=-1)[1:-1, 1:-1] / between)


def _within(cells: Regular | Curvilinear, lat_edges: Floats) -> NDArray[np.bool_]:
    """(cell) whose centres lie between the outermost parallels of the target, or nowhere."""
    lat = cells.lat.ravel() if isinstance(cells, Curvilinear) else np.repeat(cells.lat, cells.shape[1])
    return ~((lat <= lat_edges[0]) | (lat >= lat_edges[-1]))
