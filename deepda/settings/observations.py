"""What can be set of observations: a synthetic observing system, or files that were ingested."""

from __future__ import annotations

from dataclasses import dataclass

from deepda.settings.requirements import (
    ConfigError,
    require_above_zero,
    require_fraction,
    require_order,
    require_period,
)


@dataclass
class ObservationsConfig:
    """The synthetic observing system of the twin experiment."""

    kind: str


@dataclass
class HistoricalObservations(ObservationsConfig):
    """The observing system as it grew."""

    first_year: int
    last_year: int
    size: float

    def __post_init__(self) -> None:
        require_order("observations.first_year", self.first_year, "last_year", self.last_year)
        require_above_zero("observations.size", self.size)


@dataclass
class RandomObservations(ObservationsConfig):
    """Cells drawn at random; errors are standard deviations in K."""

    surface: float
    columns: float
    surface_error: float
    profile_error: float

    def __post_init__(self) -> None:
        require_fraction("observations.surface", self.surface)
        require_fraction("observations.columns", self.columns)
        require_above_zero("observations.surface_error", self.surface_error)
        require_above_zero("observations.profile_error", self.profile_error)


@dataclass
class IngestedObservations(ObservationsConfig):
    """Real observations: the folder of `deepda observations ingest`, and what they are compared with.

    The last one has a value here because settings that runs of earlier versions wrote lack it.
    """

    folder: str
    climatology: list[str]
    surface_climatology: str | None
    greylist: str | None
    representativeness: float
    withheld: float
    period: list[int] | None = None

    def __post_init__(self) -> None:
        if self.period is not None:
            require_period("observations.period", self.period)
        if not self.climatology:
            raise ConfigError(
                "observations.climatology is empty, expected a monthly climatology of the observed "
                "ocean; write observations.climatology=[PATH,...]"
            )
        require_above_zero("observations.representativeness", self.representativeness)
        require_fraction("observations.withheld", self.withheld)
