"""The background-error covariance of the default generator: factors, and samples of its own errors.

For carried factor variances s2,

    B(s2) = (1 - SAMPLED_SHARE) F(s2) + SAMPLED_SHARE diag(spread) C diag(spread)

F is the covariance of the factors (`covariance`), scaled so that the climatological variance is one; C
is the localised sample covariance of background errors over their spread: a hybrid (Hamill and Snyder
2000). Before errors were sampled, B = F.

Shape suffixes: B batch, L layer, K factor, Y latitude, X longitude.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial

import torch
from torch import Tensor

from deepda.assimilation.conjugate_gradients import Operator
from deepda.assimilation.sample_covariance import ObservedCovariance, SampleCovariance
from deepda.networks.covariance import Loading, SphericalCorrelation, apply_covariance
from deepda.networks.observed_factors import ObservedFactors, Waves
from deepda.networks.statics import TINY

SAMPLED_SHARE = 0.6  # share of the sampled covariance, once there is one


@dataclass(frozen=True, eq=False)
class BackgroundCovariance:
    """What the weights of a generator say of its background errors, but for their carried variances.

    Attributes:
        loading, squared: of the K factors, and of their variances.
        scale: (L, Y, X) makes the climatological variance one; zero on land.
        correlation: of the factors, with `spectrum`, and `squared_spectrum` of its square.
        sampled: covariance of background errors over their spread; None before they were sampled.
    """

    loading: Loading
    squared: Loading
    scale: Tensor
    correlation: SphericalCorrelation
    spectrum: list[Tensor]
    squared_spectrum: list[Tensor]
    sampled: SampleCovariance | None

    @classmethod
    def of(
        cls,
        loading: Loading,
        climate: Tensor,
        correlation: SphericalCorrelation,
        ocean: Tensor,
        sampled: SampleCovariance | None,
    ) -> BackgroundCovariance:
        """The covariance of factors whose climatological variances are `climate` (K, Y, X).

        Args:
            ocean: (L, Y, X) ones on water.
        """
        squared = loading.squared()
        scale = torch.rsqrt(squared.to_layers(climate[None])[0] + TINY) * ocean
        spectra = correlation.spectrum(), correlation.spectrum(sharpen=2.0)
        return cls(loading, squared, scale, correlation, *spectra, sampled)

    def spread(self, variance_BKYX: Tensor) -> Tensor:
        """(B, L, Y, X) root of the diagonal of F, zero on land."""
        return self.scale * (self.squared.to_layers(variance_BKYX) + TINY).sqrt()

    def product(
        self, variance_BKYX: Tensor, field_BLYX: Tensor, observed: ObservedCovariance | None = None
    ) -> Tensor:
        """B times a field; with `observed` a field that vanishes outside of the observed cells."""
        product = self.scale * apply_covariance(
            self.scale * field_BLYX,
            self.loading,
            variance_BKYX.clamp(min=0).sqrt(),
            partial(self.correlation.smooth, spectrum=self.spectrum),
        )
        if self.sampled is None:
            return product
        spread = self.spread(variance_BKYX)
        times = self.sampled.product if observed is None else observed.everywhere
        return torch.lerp(product, spread * times(spread * field_BLYX), SAMPLED_SHARE)

    def between(self, seen_BLYX: Tensor) -> ObservedCovariance | None:
        """The sampled covariance of the observed cells of a window; None where there is none."""
        return None if self.sampled is None else self.sampled.between(seen_BLYX)

    def operator(
        self, variance: Tensor, spread: Tensor, weight: Tensor, observed: ObservedCovariance | None
    ) -> Operator:
        """diag(weight) B diag(weight).

        Args:
            variance: (B, K, Y, X) of the factors.
            spread: (B, L, Y, X) that follows from it.
            weight: (B, L, Y, X) zero where nothing was observed.
            observed: sampled covariance of the same cells.
        """
        amplitude = variance.clamp(min=0).sqrt()
        share = 0.0 if observed is None else SAMPLED_SHARE
        scaled = weight * self.scale * (1 - share) ** 0.5
        shared = weight * spread * share**0.5
        smooth = partial(self.correlation.smooth, spectrum=self.spectrum)

        def apply(field: Tensor) -> Tensor:
            image = scaled * apply_covariance(scaled * field, self.loading, amplitude, smooth)
            return image if observed is None else image + shared * observed.within(shared * field)

        return apply

    def observed_factors(self, variance: Tensor, cells: Tensor) -> ObservedFactors:
        """F but for `scale`, between observed cells.

        Args:
            variance: (B, K, Y, X) of the factors.
            cells: (m) flat (layer, lat, lon) index, ascending.
        """
        return ObservedFactors(self.loading, self._waves, self.correlation.factors, variance, cells)

    @cached_property
    def _waves(self) -> list[Waves]:
        return [Waves.of(spectrum, self.correlation.longitudes) for spectrum in self.spectrum]

    def information(self, precision_BLYX: Tensor) -> Tensor:
        """(B, K, Y, X) inverse variance that a window's values give each factor in its surroundings."""
        local = self.squared.to_factors(self.scale.square() * precision_BLYX)
        return self.correlation.smooth(local, self.squared_spectrum).clamp(min=0)

    def detach(self) -> BackgroundCovariance:
        """The same covariance, cut from the graph of its parameters."""
        return replace(
            self,
            loading=self.loading.detach(),
            squared=self.squared.detach(),
            scale=self.scale.detach(),
            spectrum=[matrix.detach() for matrix in self.spectrum],
            squared_spectrum=[matrix.detach() for matrix in self.squared_spectrum],
        )
