"""The weights of ESMF through xESMF; imported only where xESMF is installed (conda-forge)."""

from __future__ import annotations

import cf_xarray
import xarray as xr
import xesmf
from scipy.sparse import csr_array

from deepda.geometry.grid import centres
from deepda.geometry.mesh import Curvilinear, Floats
from deepda.geometry.sphere import places


def esmf_weights(source: Curvilinear, lat_edges: Floats, lon_edges: Floats) -> csr_array:
    """The conservative weights of ESMF: parts of target cells, as ours."""
    lat, lon = places(source.centres)
    given = xr.Dataset({"lat": (("y", "x"), lat), "lon": (("y", "x"), lon)})
    for name, corner in (("lat_b", source.corner_lat), ("lon_b", source.corner_lon)):
        bounds = xr.DataArray(corner, dims=("y", "x", "corner"))
        given[name] = cf_xarray.bounds_to_vertices(bounds, "corner", ["y", "x"], order=None).rename(
            {"y_vertices": "y_b", "x_vertices": "x_b"}
        )
    wanted = xr.Dataset(
        coords={
            "lat": centres(lat_edges),
            "lon": centres(lon_edges),
            "lat_b": lat_edges,
            "lon_b": lon_edges,
        }
    )
    regridder = xesmf.Regridder(given, wanted, "conservative")
    return csr_array(regridder.weights.data.to_scipy_sparse())
