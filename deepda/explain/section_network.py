"""The sections of the page on the network as a whole: inputs, platforms, feature maps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from deepda.assimilation.cycle import on_host
from deepda.base.progress import Progress
from deepda.explain.cases import Case, ExplainedRun
from deepda.explain.features import feature_maps, known_fields, resemblance
from deepda.explain.importance import GROUPS, NAMES, Losses
from deepda.explain.pictures import bars, by_depth
from deepda.explain.study import Study, removed_by_platform
from deepda.explain.targets import Target
from deepda.figures.kinds import signed, sized
from deepda.figures.maps import Panel, map_panels
from deepda.figures.mesh import limits_of
from deepda.reports.report import Picture, Section
from deepda.reports.table import Table, Value, rows_by_depth

MILLI = 1e3  # mK per K


def importance_section(found: Losses, finished: ExplainedRun) -> Section:
    """Drop-channel importance."""
    grid = finished.space.grid
    marginal = {name: found.marginal(name) for name in NAMES}
    shapley = {name: found.shapley(name) for name in NAMES}
    rows = {name: _importance_row(found, name, marginal[name], shapley[name]) for name in NAMES}
    everything, nothing = found.of(frozenset(NAMES))[:, 0], found.of(frozenset())[:, 0]
    ways = {"all combinations alike": marginal, "Shapley": shapley}
    chart, whiskers = (
        {name: {way: MILLI * float(take(of[name][:, 0])) for way, of in ways.items()} for name in NAMES}
        for take in (np.mean, np.std)
    )
    blocks: list[Picture | Table] = [
        Picture(
            "importance",
            bars(chart, "taken off the error (mK)", whiskers),
            "What each group of inputs takes off the error of the analysis over all depths: the mean "
            "over all combinations of the other groups, and weighted as Shapley did, so that all bars "
            "sum to the difference between nothing and everything. Whiskers: one standard deviation "
            "over the windows. It is what this network makes of an input, not what could be made of "
            "it: nothing is trained again.",
        ),
        Picture(
            "importance_by_depth",
            by_depth(
                {name: MILLI * shapley[name][:, 1:].mean(0) for name in NAMES},
                grid,
                "taken off the error (mK), Shapley",
            ),
            "The same by depth. A group of observations that takes nothing off at some depth has no "
            "influence there; the errors of the layers are not of one size, so compare along a depth.",
        ),
        Table(
            "importance_numbers",
            rows,
            "Taken off the error (mK) over all depths. Marginal: mean over the 64 combinations of the "
            "others, with its standard deviation over the windows and its range over them. From the "
            "full: what is lost if this group alone is left out. Alone: what it gives if all others "
            "are out. Negative: the analysis is better without.",
            corner="group",
            digits=2,
        ),
        _depth_table(found, finished),
        _combination_table(found),
    ]
    how = "; ".join(f"{name}: {what}" for name, what in GROUPS.items())
    return Section(
        "Which inputs the analysis depends on",
        blocks,
        f"All 2^{len(NAMES)} = {len(found.combinations)} combinations of the groups of inputs are put "
        f"into the generator in {len(found.windows)} "
        f"{'window' if len(found.windows) == 1 else 'windows'} ({', '.join(found.windows)}), each from "
        "the background of the full cycle, and the error against the truth is taken (root mean "
        f"square, by volume). With everything it is {everything.mean():.4f} K, with nothing "
        f"{nothing.mean():.4f} K. Left out means: {how}. Nothing is cycled with inputs left out, so a "
        "network without profiles for years would lose more than is shown here.",
    )


def _importance_row(
    found: Losses, name: str, marginal: np.ndarray, shapley: np.ndarray
) -> dict[str, Value]:
    full, own = frozenset(NAMES), marginal[:, 0]
    lost = found.of(full - {name}) - found.of(full)
    alone = found.of(frozenset()) - found.of(frozenset({name}))
    return {
        "marginal": MILLI * float(own.mean()),
        "± over windows": MILLI * float(own.std()),
        "least": MILLI * float(own.min()),
        "most": MILLI * float(own.max()),
        "Shapley": MILLI * float(shapley[:, 0].mean()),
        "from the full": MILLI * float(lost[:, 0].mean()),
        "alone": MILLI * float(alone[:, 0].mean()),
    }


def _depth_table(found: Losses, finished: ExplainedRun) -> Table:
    full = frozenset(NAMES)
    error = found.of(full)[:, 1:].mean(0)
    lost = {name: found.of(full - {name})[:, 1:].mean(0) - error for name in NAMES}
    shapley = {name: found.shapley(name)[:, 1:].mean(0) for name in ("surface", "profiles")}
    columns = {
        "error": error,
        **{f"without {name}": lost[name] for name in NAMES},
        **{f"{name}, Shapley": shapley[name] for name in shapley},
    }
    shown = {name: [_millikelvin(value) for value in column] for name, column in columns.items()}
    return Table(
        "importance_by_depth_numbers",
        rows_by_depth(finished.space.grid.depth, shown),
        "By depth: error with everything (mK), what is lost if one group alone is left out (mK), and "
        "the Shapley values of the two groups of observations (mK). Means over the windows.",
        corner="depth",
        digits=2,
    )


def _millikelvin(kelvin: float) -> float:
    """mK, to a thousandth: less is rounding of the analysis."""
    return round(MILLI * float(kelvin), 3) + 0.0  # without the sign of a zero


def _combination_table(found: Losses) -> Table:
    """The error of every combination, for those who want to weigh them in another way."""
    rows: dict[str, dict[str, Value]] = {}
    for groups in found.combinations:
        error = found.of(groups)[:, 0]
        row: dict[str, Value] = {name: "✓" if name in groups else "" for name in NAMES}
        rows[f"{len(rows)}"] = row | {"error (mK)": MILLI * float(error.mean())}
    shown = sorted(rows.items(), key=lambda item: item[1]["error (mK)"])  # type: ignore[arg-type, return-value]
    return Table(
        "combinations",
        dict(shown),
        "Every combination, the best first: mean error over the windows.",
        corner="number",
        digits=4,
    )


def platform_section(
    finished: ExplainedRun, cases: Sequence[Case], targets: Sequence[Target], progress: Progress
) -> Section | None:
    """Variance removed by platform in several windows; None for a generator without a gain."""
    if finished.analyser.covariance_form() is None:
        return None
    tables: list[Picture | Table] = []
    for target in progress.track(targets, "Platforms over the windows"):
        each = [removed_by_platform(finished, case, target) for case in cases]
        names = list(dict.fromkeys(name for one in each for name in one))
        values = {name: 100 * np.array([one.get(name, 0.0) for one in each]) for name in names}
        values["all"] = sum(values.values(), np.zeros(len(each)))
        rows: dict[str, dict[str, Value]] = {
            name: {
                "mean (%)": float(of.mean()), "± over windows": float(of.std()),
                "least": float(of.min()), "most": float(of.max()),
            }
            for name, of in values.items()
        }  # fmt: skip
        tables.append(
            Table(
                f"{target.name}_platforms_over_windows",
                rows,
                f"Variance of the background error of {target.title} that is removed, by platform.",
                corner="platform",
            )
        )
    stamps = ", ".join(finished.stamp(case.step) for case in cases)
    return Section(
        "Variance removed by each platform, over several windows",
        tables,
        f"The same shares as above in the windows {stamps}: what holds in one window only is no result.",
    )


def features_section(study: Study, finished: ExplainedRun) -> Section | None:
    """Feature maps by encoder level; None for a generator without convolutions."""
    levels = feature_maps(study.response)
    if not levels:
        return None
    grid, fields = finished.space.grid, known_fields(finished, study.case)
    ocean = finished.analyser.ocean.amax(0).cpu().numpy() > 0
    panels, rows = [], dict[str, dict[str, Value]]()
    for level in levels:
        activity = np.where(ocean, level.activity, np.nan)
        panels.append(Panel(activity, sized("root mean square of channels (1)"), level.name))
        for number, channel in level.channels.items():
            shown = np.where(ocean, channel - channel[ocean].mean(), np.nan)
            name, correlation = resemblance(channel, fields, ocean)
            rows[f"{level.name}, channel {number}"] = {
                "variance of the level (%)": 100 * level.variance[number],
                "resembles": name,
                "correlation": correlation,
            }
            panels.append(Panel(shown, signed("response less its mean (1)"), f"channel {number}"))
    return Section(
        "What the convolutions look at",
        [
            Picture(
                "features",
                map_panels(panels, grid, columns=1 + len(levels[0].channels)),
                "Responses of the encoder, one row a level: root mean square over all channels, then "
                "the channels that vary most. Signs and scales of a channel mean nothing by "
                "themselves, and a channel that looks like an input need not be used for it; the "
                "levels below see coarser cells.",
                wide=True,
            ),
            Table(
                "features_channels",
                rows,
                "What the channels shown resemble most among fields that are known, and the "
                "correlation over the water.",
                corner="channel",
            ),
        ],
        "Feature maps of the trunk of convolutions, by level of its encoder, in the window that is "
        "explained.",
    )


def correction_picture(study: Study, finished: ExplainedRun) -> Picture | None:
    """What the convolutions add to the linear analysis; None for a generator without a correction."""
    response = study.response
    form = response.analyser.covariance_form()
    if form is None or response.analyser.correction_network() is None:
        return None
    grid = finished.space.grid
    with torch.no_grad():
        whole_field = response.analysis(response.observed, response.background)[0]
        linear = response.linear_analysis(form)
        whole_field, linear, before = on_host(whole_field, linear, response.background[0])
    shift = np.where(grid.ocean, (whole_field - linear).numpy().astype(float), np.nan)
    levels = sorted({0, int(np.abs(grid.depth - 150).argmin()), int(np.abs(grid.depth - 300).argmin())})
    size = np.sqrt(np.nanmean(shift**2))
    step = np.sqrt(np.nanmean(np.where(grid.ocean, (linear - before).numpy(), np.nan) ** 2))
    kind = signed("shift by the correction (K)")
    limits = limits_of([shift[level] for level in levels], kind)
    panels = [Panel(shift[level], kind, f"{grid.depth[level]:.0f} m", limits) for level in levels]
    return Picture(
        "correction",
        map_panels(panels, grid, level=levels),
        f"What the convolutions add to the linear analysis in this window: {size:.4f} K root mean "
        f"square, where the linear increment has {step:.4f} K.",
        wide=True,
    )
