"""The sections of the page on one target: what it depends on, where that lies, how long it lasts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from deepda.base.text import capital
from deepda.explain.cases import ExplainedRun, share_of_rows
from deepda.explain.pictures import Volume, by_depth, by_lag, maps, sections
from deepda.explain.section_correlation import correlation_blocks
from deepda.explain.study import Study, by_platform
from deepda.figures.kinds import attribution
from deepda.figures.maps import Panel
from deepda.figures.mesh import limits_of
from deepda.geometry.grid import Grid
from deepda.reports.report import Picture, Section
from deepda.reports.table import Table, Value

DEEPER = 2.0  # times the depth of the place: the third of the maps
FELT = 0.01  # of the saliency to this window: older observations with less are not drawn
NOT_CAUSE = "It is what the network would do, not what the ocean does: no observation is moved for real."


def target_section(found: Study, finished: ExplainedRun) -> Section:
    """Everything about one target."""
    name, grid = found.target.name, finished.space.grid
    saliency, *contributions = _maps_of(found, finished)
    blocks: list[Picture | Table] = [
        saliency,
        _saliency_sections(found, finished),
        *contributions,
        _platform_table(found),
    ]
    blocks += correlation_blocks(found, finished)
    if found.linear is not None:
        blocks.append(_depth_picture(found, grid))
    blocks.append(_lag_picture(found, finished))
    blocks.append(_lag_maps(found, finished))
    spread = "" if found.linear is None else f" {_sureness(found)}"
    outlined = "" if name == "heat" else " The target is outlined."
    return Section(capital(found.target.title), blocks, _balance(found) + spread + outlined)


def account_table(studies: Sequence[Study]) -> Table:
    """The balance of the window of all targets."""
    terms = {f"{found.target.short} ({found.target.unit})": _terms(found) for found in studies}
    first = next(iter(terms.values()))
    return Table(
        "account",
        {name: {target: one[name] for target, one in terms.items()} for name in first},
        "Anomalies from the season. Background + innovations + presence + rest = analysis. "
        "Innovations: the integrated gradients of all observed cells. Presence: what the correction "
        "does where every observation agrees with the background: it depends on where was observed. "
        "Rest: of the quadrature. As run: with the accuracy at which the run's solver stops; here the "
        "solver goes on until it has converged. The last two rows split the analysed anomaly, not "
        "its change.",
        corner="part",
        digits=4,
    )


def _terms(found: Study) -> dict[str, Value]:
    account = found.account
    return {
        "background": account.background,
        "innovations": account.innovations,
        "presence": account.presence,
        "rest": account.rest,
        "analysis": account.analysis,
        "as run": account.as_run,
        "truth": found.truth,
        "analysis, from observations": float(found.from_observations.sum()),
        "analysis, from the background": float(found.from_background.sum()),
    }


def _balance(found: Study) -> str:
    account, unit = found.account, found.target.unit
    return (
        f"The observations of this window move it from {account.background:+.4g} to "
        f"{account.analysis:+.4g} {unit} (anomalies; the truth is {found.truth:+.4g} {unit}); "
        f"{int(found.case.seen.sum())} cells are observed."
    )


def _sureness(found: Study) -> str:
    assert found.linear is not None
    removed = float(found.linear.removed.sum())
    return (
        f"By the generator's own covariance its error has a standard deviation of "
        f"{found.linear.variance**0.5:.3g} {found.target.unit} before, and the observations remove "
        f"{100 * removed:.0f} % of the variance."
    )


def _levels(found: Study, grid: Grid) -> list[int]:
    """The surface, the depth of the place and one below; of the heat content three down to 700 m."""
    depth = found.target.place.depth if found.target.name != "nino34" else 150.0
    wanted = [0.0, depth, DEEPER * depth]
    return sorted({int(np.abs(grid.depth - at).argmin()) for at in wanted})


def _seen(found: Study, field: Tensor) -> NDArray[np.float64]:
    """NaN where nothing was observed."""
    return np.where(found.case.seen.numpy(), field.numpy().astype(float), np.nan)


def _maps_of(found: Study, finished: ExplainedRun) -> list[Picture]:
    """Saliency and contributions at some levels, those of a field in the same colours."""
    grid, unit, levels = finished.space.grid, found.target.unit, _levels(found, finished.space.grid)
    background = np.where(grid.ocean, found.from_background.numpy().astype(float), np.nan)
    shown = {
        "saliency": (
            _seen(found, found.saliency.observations),
            f"saliency ({unit} per K)",
            "Saliency to observations: by how much the target of the analysis rises if the observation "
            "of a cell were 1 K warmer, all others as they are. Empty: nothing observed. An observation "
            "that stands alone has a large saliency, neighbouring ones share it: the map shows the "
            f"observing network of this window, not where the ocean matters. {NOT_CAUSE}",
        ),
        "integrated": (
            _seen(found, found.integrated),
            f"contribution ({unit})",
            "Integrated gradients: what the innovation of each observed cell added to the target in "
            "this window. All cells and layers sum to the change that is due to innovations (table of "
            "balances). They depend on the errors that happened to be drawn: another window has another "
            "map.",
        ),
        "from_background": (
            background,
            f"contribution ({unit})",
            "Integrated gradients of the background: what its anomaly in each cell adds to the analysed "
            "anomaly, beside what the observations add. The background itself is made of earlier "
            "observations; see below how old they are.",
        ),
    }
    pictures = []
    for name, (field, label, caption) in shown.items():
        kind = attribution(label)
        limits = limits_of([field[level] for level in levels], kind)
        panels = [Panel(field[at], kind, f"{grid.depth[at]:.0f} m", limits) for at in levels]
        figure = maps(panels, grid, levels, found.target)
        pictures.append(Picture(f"{found.target.name}_{name}", figure, caption, wide=True))
    return pictures


def _saliency_sections(found: Study, finished: ExplainedRun) -> Picture:
    grid, unit = finished.space.grid, found.target.unit
    observed = _seen(found, found.saliency.observations)
    background = found.saliency.background.numpy().astype(float)
    volumes = [
        Volume(observed, attribution(f"saliency to observations ({unit} per K)"), "Observations"),
        Volume(background, attribution(f"saliency to the background ({unit} per K)"), "Background"),
    ]
    return Picture(
        f"{found.target.name}_sections",
        sections(volumes, grid, found.target.place, found.target),
        "The same in sections through the target. Below: saliency to the background, the observations "
        "held as they are; where something is observed the background counts less, or with the "
        "other sign: a warmer background makes the innovation there colder.",
        wide=True,
    )


def _platform_table(found: Study) -> Table:
    case = found.case
    used = share_of_rows(case) > 0
    rows: dict[str, dict[str, Value]] = {}
    saliency = by_platform(case, found.saliency.observations.abs())
    innovations = by_platform(case, found.integrated)
    shares = {} if found.linear is None else by_platform(case, found.linear.removed)
    total = sum(float(layers.sum()) for layers in saliency.values())
    for name, layers in saliency.items():
        rows[name] = {
            "values": int((used & (case.table["platform_type"] == name).to_numpy()).sum()),
            "|saliency| (% of all)": 100 * float(layers.sum()) / max(total, 1e-30),
            f"innovations ({found.target.unit})": float(innovations[name].sum()),
        }
        if shares:
            rows[name]["variance removed (%)"] = 100 * float(shares[name].sum())
    return Table(
        f"{found.target.name}_platforms",
        rows,
        "By platform; a superobservation is shared out among its values by their weight in it. Variance "
        "removed is that of the target's background error and says how much the observations add, "
        "whatever the values were; a platform that another one makes redundant gets little, and would "
        "get more alone.",
        corner="platform",
    )


def _depth_picture(found: Study, grid: Grid) -> Picture:
    assert found.linear is not None
    profiles = {
        name: 100 * layers for name, layers in by_platform(found.case, found.linear.removed).items()
    }
    return Picture(
        f"{found.target.name}_removed_by_depth",
        by_depth(profiles, grid, "variance of the target removed (%)"),
        "Variance of the target that the observations remove, by depth and platform: sums over all "
        "places. Small negative numbers are no mistake: an observation may serve to correct others.",
    )


def _lag_picture(found: Study, finished: ExplainedRun) -> Picture:
    sums = [float(field.abs().sum()) for field in found.lagged]
    net = [float(field.sum()) for field in found.lagged]
    return Picture(
        f"{found.target.name}_lags",
        by_lag({"sizes": sums, "net": net}, _days(found, finished), f"sum ({found.target.unit} per K)"),
        "How long an observation has influence: saliency to the observations of this window and of "
        "those before it, through the forecasts and analyses in between, summed over all cells: of "
        "sizes, and with its sign (all observations 1 K warmer). Linear part only.",
    )


def _lag_maps(found: Study, finished: ExplainedRun) -> Picture:
    """A quarter, half and all of the lags at the target's own level, while the influence lasts."""
    grid, days = finished.space.grid, _days(found, finished)
    level = found.target.level
    where = f"{grid.depth[level]:.0f} m"
    last = last_felt(found.lagged)
    lags = sorted({max(1, round(share * last)) for share in (0.25, 0.5, 1.0)})
    fields = [
        np.where(found.lagged[lag].numpy() != 0, found.lagged[lag].numpy().astype(float), np.nan)[level]
        for lag in lags
        if lag < len(found.lagged)
    ]
    kind = attribution(f"saliency ({found.target.unit} per K)")
    panels = [
        Panel(field, kind, f"{days[lag]:.0f} days before, {where}")
        for field, lag in zip(fields, lags, strict=False)
    ] or [Panel(np.full(grid.shape[1:], np.nan), kind, "no window before")]
    return Picture(
        f"{found.target.name}_upstream",
        maps(panels, grid, [level] * len(panels), found.target),
        "Saliency to observations of earlier windows at the target's own depth, as far back as it is "
        f"{100 * FELT:g} % of that of this window; each map has its own colours. What has moved towards "
        "the target since then lies upstream.",
        wide=True,
    )


def last_felt(lagged: Sequence[Tensor]) -> int:
    """How many windows back the sum of sizes is still FELT of that of this window, the first of all."""
    sums = np.array([float(field.abs().sum()) for field in lagged])
    return int(np.flatnonzero(sums >= FELT * sums[0]).max(initial=0))


def _days(found: Study, finished: ExplainedRun) -> list[float]:
    start = finished.span.start
    here = start[found.case.step]
    steps = range(found.case.step, found.case.step - len(found.lagged), -1)
    return [float((here - start[step]) / np.timedelta64(1, "D")) for step in steps]
