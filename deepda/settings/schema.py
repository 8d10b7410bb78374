"""What can be set, of what type, within which limits; the values are in configs/, with their meaning.

Where variants have different fields (control, observations, generator), `kind` names the variant.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from deepda.settings.observations import DRAWN_YEARS
from deepda.settings.observations import HistoricalObservations as HistoricalObservations
from deepda.settings.observations import IngestedObservations as IngestedObservations
from deepda.settings.observations import ObservationsConfig as ObservationsConfig
from deepda.settings.observations import RandomObservations as RandomObservations
from deepda.settings.requirements import (
    DEVICES,
    ConfigError,
    require_above_zero,
    require_at_least,
    require_dropout,
    require_each_once,
    require_edges,
    require_one_of,
    require_order,
    require_seed,
    require_years,
)

DATED_YEARS = (1678, 2261)  # whose days numpy counts in ns, as files are read
ASSUMED, ESTIMATED = "assumed", "estimated"  # sizes of errors


@dataclass
class DataConfig:
    """Where the files of a user lie."""

    root: str


@dataclass
class GridConfig:
    """Cell edges of the analysis grid: degrees north, degrees east, m (positive down).

    Each is a list of numbers, or start, stop (included) and step.
    """

    name: str
    lat_edges: Any
    lon_edges: Any
    depth_edges: Any

    def __post_init__(self) -> None:
        for name in ("lat_edges", "lon_edges", "depth_edges"):
            require_edges(f"grid.{name}", getattr(self, name))


@dataclass
class ControlConfig:
    """The control simulation that is learnt from."""

    kind: str


@dataclass
class EmbeddedControl(ControlConfig):
    """The stochastic ocean that comes with DeepDA; warming in K per decade at the surface."""

    years: int
    seed: int
    warming: float

    def __post_init__(self) -> None:
        require_at_least("control.years", self.years, 3)
        require_seed("control.seed", self.seed)
        if not abs(self.warming) <= 10:
            found = f"control.warming is {self.warming:g}"
            raise ConfigError(f"{found}, expected -10 to 10 K per decade; write less")


@dataclass
class FilesControl(ControlConfig):
    """Files of a model run; names may hold * and ?."""

    paths: list[str]

    def __post_init__(self) -> None:
        if not self.paths:
            raise ConfigError("control.paths is empty; write control.paths=[FILE,...]")


@dataclass
class GeneratorConfig:
    """The network that makes the analysis."""

    kind: str


@dataclass
class InnovationGenerator(GeneratorConfig):
    """Forecast plus a gain applied to the innovations.

    The last one has a value here because settings that runs of earlier versions wrote lack it.
    """

    hidden: int
    levels: int
    patterns: int
    solver_iterations: int
    dropout: float = 0.0

    def __post_init__(self) -> None:
        require_at_least("generator.hidden", self.hidden, 0)
        require_at_least("generator.patterns", self.patterns, 0)
        require_at_least("generator.levels", self.levels, 0)
        require_at_least("generator.solver_iterations", self.solver_iterations, 1)
        require_dropout(self.dropout)
        if self.dropout and not self.hidden:
            raise ConfigError(
                f"generator.dropout is {self.dropout:g} but generator.hidden is 0, expected a "
                "correction trunk to drop channels of; write generator.hidden=32 or generator.dropout=0"
            )


@dataclass
class UNet3PlusGenerator(GeneratorConfig):
    """U-Net 3+ predicts weights of averaging windows of growing radius."""

    filters: int
    depth: int
    dropout: float

    def __post_init__(self) -> None:
        require_at_least("generator.filters", self.filters, 1)
        require_at_least("generator.depth", self.depth, 1)
        require_dropout(self.dropout)


@dataclass
class HamGenerator(GeneratorConfig):
    """The published network; its size is the published one."""


@dataclass
class TrainingConfig:
    """How long and how the generator learns.

    The last one has a value here because settings that runs of earlier versions wrote lack it.
    """

    updates: int
    stretches: int
    backprop: int
    learning_rate: float
    adversarial_weight: float
    validate_every: int
    patience: int
    seed: int
    error_samples: int = 0

    def __post_init__(self) -> None:
        if self.error_samples < 0 or self.error_samples == 1:
            raise ConfigError(
                f"training.error_samples is {self.error_samples}, expected 0 (none) or at least 2; "
                "write training.error_samples=0 to go without"
            )
        require_above_zero("training.learning_rate", self.learning_rate)
        for name in ("updates", "stretches", "backprop", "validate_every", "patience"):
            require_at_least(f"training.{name}", getattr(self, name), 1)
        require_at_least("training.adversarial_weight", self.adversarial_weight, 0)
        require_seed("training.seed", self.seed)


BASELINES = ("oi", "forecast_oi", "multi_scale_oi", "own_error_oi")  # that are tuned


@dataclass
class OsseConfig:
    """How the years of the control simulation are shared out; train_years None is all the rest."""

    train_years: int | None
    validation_years: int
    test_years: int
    label_year: int
    spinup: int
    members: int = 0  # runs of earlier versions lack it, and the next
    baselines: list[str] = field(default_factory=lambda: ["oi"])

    def __post_init__(self) -> None:
        for name in self.baselines:
            require_one_of("osse.baselines", name, BASELINES)
        require_each_once("osse.baselines", self.baselines)
        if "oi" not in self.baselines:
            raise ConfigError(
                f"osse.baselines is {self.baselines}, expected oi among them, which the others start "
                "from; write osse.baselines=[oi,forecast_oi]"
            )
        for name in ("train_years", "validation_years", "test_years"):
            years = getattr(self, name)
            if years is not None:
                require_at_least(f"osse.{name}", years, 1)
        require_at_least("osse.spinup", self.spinup, 0)
        require_at_least("osse.members", self.members, 0)


@dataclass
class ReanalysisConfig:
    """Which years are analysed, with which trained run; warming of the twin in K per decade.

    The last seven have a value here because settings that runs of earlier versions wrote lack them.
    """

    start: int
    end: int
    members: int
    run: str
    warming: float
    smoother: bool = False
    lag: float = 90.0
    months: int = 12
    references: str | None = None
    error_sizes: str = ASSUMED
    block_years: int = 0
    baselines: list[str] | None = None

    def __post_init__(self) -> None:
        asked = self.baselines or []
        for name in asked:
            require_one_of("reanalysis.baselines", name, BASELINES)
        require_each_once("reanalysis.baselines", asked)
        require_one_of("reanalysis.error_sizes", self.error_sizes, (ASSUMED, ESTIMATED))
        require_order("reanalysis.start", self.start, "end", self.end)
        require_at_least("reanalysis.members", self.members, 0)
        require_at_least("reanalysis.lag", self.lag, 0)
        require_at_least("reanalysis.block_years", self.block_years, 0)
        if not 1 <= self.months <= 12:
            said = f"reanalysis.months is {self.months}, expected 1 to 12; write --end YYYY-MM"
            raise ConfigError(said)


@dataclass
class Config:
    """Everything that can be set; the last two have a value for settings of earlier versions."""

    command: str
    output: str
    seed: int
    device: str
    per_year: int
    data: DataConfig
    grid: GridConfig
    control: ControlConfig
    observations: ObservationsConfig
    generator: GeneratorConfig
    training: TrainingConfig
    osse: OsseConfig
    reanalysis: ReanalysisConfig
    institution: str | None = None
    licence: str | None = None

    def __post_init__(self) -> None:
        if not self.output:
            raise ConfigError("output is empty, expected a folder; name one with --output DIR")
        require_seed("seed", self.seed)
        require_one_of("device", self.device, DEVICES)
        require_one_of("per_year", self.per_year, (73, 12))
        scored = self.osse.test_years * self.per_year
        if self.osse.spinup >= scored:
            raise ConfigError(
                f"osse.spinup is {self.osse.spinup} windows but osse.test_years has only {scored}; "
                "shorten the one or lengthen the other"
            )
        first, played = self.osse.label_year, max(self.osse.test_years, self.osse.validation_years)
        drawn = isinstance(self.observations, HistoricalObservations)
        require_years(
            "the years from osse.label_year on that are played",
            first,
            first + played - 1,
            DRAWN_YEARS if drawn else DATED_YEARS,
        )
        if isinstance(self.control, EmbeddedControl):
            years, osse = self.control.years, self.osse
            shares = (osse.train_years or 1, osse.validation_years, osse.test_years)
            if sum(shares) > years:
                raise ConfigError(
                    f"{' + '.join(map(str, shares))} years to train, validate and test asked for, "
                    f"expected no more than control.years={years}; raise that or lower osse.*_years"
                )


VARIANTS: dict[str, dict[str, type]] = {
    "control": {"embedded": EmbeddedControl, "files": FilesControl},
    "observations": {
        "synthetic": HistoricalObservations,
        "random": RandomObservations,
        "ingested": IngestedObservations,
    },
    "generator": {
        "innovation": InnovationGenerator,
        "unet3plus": UNet3PlusGenerator,
        "ham2024": HamGenerator,
    },
}
