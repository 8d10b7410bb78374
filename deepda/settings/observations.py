"""What can be set of observations: a synthetic observing system, or files that were ingested."""

from __future__ import annotations

from dataclasses import dataclass, field

from deepda.settings.requirements import (
    ConfigError,
    require_above_zero,
    require_at_least,
    require_fraction,
    require_one_of,
    require_order,
    require_period,
    require_years,
)

DRAWN_YEARS = (1981, 2025)  # for which the observing system of the twin is drawn
SYNTHETIC = ("satellite", "argo", "xbt", "ctd", "mooring")  # platform types of the twin


@dataclass(kw_only=True)
class DrawnErrorsConfig:
    """How the errors of a twin depart from those that the analysis takes them for.

    All have a value here because settings that runs of earlier versions wrote lack them.
    """

    cast_share: float = 0.0
    track_share: float = 0.0
    scene_share: float = 0.0
    biased: list[str] = field(default_factory=list)
    bias: float = 0.0
    error_factor: float = 1.0
    climatology_error: float = 0.0

    def __post_init__(self) -> None:
        for name in ("cast_share", "track_share", "scene_share"):
            require_fraction(f"observations.{name}", getattr(self, name))
        if self.cast_share + self.track_share > 1:
            raise ConfigError(
                f"observations.cast_share and track_share sum to {self.cast_share + self.track_share:g}"
                ", expected at most 1, the whole error variance; lower one of them"
            )
        for platform in self.biased:
            require_one_of("observations.biased", platform, SYNTHETIC)
        if bool(self.biased) != bool(self.bias):
            raise ConfigError(
                f"observations.bias is {self.bias:g} K and observations.biased names {len(self.biased)} "
                "platforms, expected both or neither; write observations.biased=[xbt] "
                "observations.bias=0.1"
            )
        require_above_zero("observations.error_factor", self.error_factor)
        require_at_least("observations.climatology_error", self.climatology_error, 0)


@dataclass
class ObservationsConfig:
    """The synthetic observing system of the twin experiment."""

    kind: str


@dataclass
class HistoricalObservations(DrawnErrorsConfig, ObservationsConfig):
    """The observing system as it grew."""

    first_year: int
    last_year: int
    size: float

    def __post_init__(self) -> None:
        super().__post_init__()
        require_order("observations.first_year", self.first_year, "last_year", self.last_year)
        require_years(
            "observations.first_year to last_year", self.first_year, self.last_year, DRAWN_YEARS
        )
        require_above_zero("observations.size", self.size)


@dataclass
class RandomObservations(DrawnErrorsConfig, ObservationsConfig):
    """Cells drawn at random; errors are standard deviations in K."""

    surface: float
    columns: float
    surface_error: float
    profile_error: float

    def __post_init__(self) -> None:
        super().__post_init__()
        require_fraction("observations.surface", self.surface)
        require_fraction("observations.columns", self.columns)
        require_above_zero("observations.surface_error", self.surface_error)
        require_above_zero("observations.profile_error", self.profile_error)


@dataclass
class IngestedObservations(ObservationsConfig):
    """Real observations: the folder of `deepda observations ingest`, and what they are compared with.

    The last ones have a value here because settings that runs of earlier versions wrote lack them.
    """

    folder: str
    climatology: list[str]
    surface_climatology: str | None
    greylist: str | None
    representativeness: float
    withheld: float
    period: list[int] | None = None
    annual_climatology: str | None = None
    withheld_platforms: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.period is not None:
            require_period(self.period)
        if not self.climatology:
            raise ConfigError(
                "observations.climatology is empty, expected a monthly climatology of the observed "
                "ocean; write observations.climatology=[PATH,...]"
            )
        if not 0 < self.representativeness < 1:
            raise ConfigError(
                f"observations.representativeness is {self.representativeness:g}, expected a share of "
                "variance above 0 and below 1; the rest is the error of the background"
            )
        require_fraction("observations.withheld", self.withheld)
