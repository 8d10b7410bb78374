"""Which gridded products are output of models, not observations of the sea surface.

Files of CMIP have attributes of their experiment; others name their model in `source` or `title`.
Observations that were prepared for models (obs4MIPs, input4MIPs) have the attributes of CMIP too.
"""

from __future__ import annotations

import re

from deepda.observations.gridded import Axes
from deepda.observations.ncfile import NetcdfFile
from deepda.observations.simulations import MODELS

MARKS = ("experiment_id", "source_id", "variant_label")  # global attributes of CMIP files
OBSERVED = ("obs4mips", "input4mips")  # activity_id, in lower case
SIMULATED = re.compile(
    r"^model\b|\b(nature run|simulation|hindcast)s?\b|(?<!weather )\bforecast\b", re.IGNORECASE
)


def require_observations(file: NetcdfFile, axes: Axes) -> None:
    """Refuse the output of a model.

    Raises:
        ObservationError: it says that it is, or lies on the curvilinear grid of one.
    """
    said = _said(file)
    if said:
        raise file.error(f"it is model output ({said}), expected observations", "leave it out")
    level = file.attribute("processing_level").upper()
    if axes.swath and not (level.startswith("L2") or "sst_dtime" in file):
        raise file.error(
            f"{axes.lat} is two-dimensional, expected a grid of latitude and longitude, or a "
            "swath of GHRSST",
            "observations come on one; remap model output by `deepda control prepare`",
        )


def _said(file: NetcdfFile) -> str:
    observed = file.attribute("activity_id").lower() in OBSERVED
    if observed or file.attribute("product").lower().startswith("observation"):
        return ""
    marks = [word for word in MARKS if file.attribute(word)]
    if marks:
        return ", ".join(marks)
    texts = {word: file.attribute(word) for word in ("source", "title")}
    return next(
        (
            f"{word} {text!r}"
            for word, text in texts.items()
            if MODELS.search(text) or SIMULATED.search(text)
        ),
        "",
    )
