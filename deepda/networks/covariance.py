"""Background-error covariance with carried variances, and the analysis that follows from it.

The covariance is a sum over factors k of (vertical loading) x (horizontal correlation):

    B = sum_k  diag(v_k) G_k diag(v_k),      v_k(layer, y, x) = u_k(layer, y, x) s_k(y, x)

A loading u_k is either one vertical shape for all places, or a pattern of the control simulation: with
patterns, B holds a localised ensemble covariance (Hamill and Snyder 2000), with its correlations
across fronts and along coasts.

G_k is a positive definite correlation on the sphere, the same along each latitude circle, so that
it is applied by a Fourier transform in longitude and one small matrix a wavenumber. The amplitudes
s_k are carried from cycle to cycle: where there are observations, large scales lose their error first,
and the shape of B changes with its size. With one scale and constant s this is optimal
interpolation with a static separable covariance; with s free it is the parametric Kalman filter of
Pannekoucke et al. (2016, doi 10.3402/tellusa.v68.31547) on a multi-scale basis (linear model of
coregionalisation, Journel and Huijbregts 1978).

Shape suffixes: B batch, K factor, S scale, V vertical shape (K = S x V), L layer, Y, X.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from deepda.assimilation.conjugate_gradients import Operator
from deepda.geometry.sphere import EARTH_RADIUS

EQUATORIAL_BELT = 12.0  # degrees; the e-folding latitude of the equatorial wave guide's shorter scale

FADED = 3.7  # distance in lengths at which a Gaussian correlation is 0.001
FLATNESS = 1.3  # first guess: lengths are this much larger along latitude circles than the mean
NARROW, WIDE = 12, 4  # vertical shapes: so many narrow and so many wide bumps
NEGLIGIBLE = 1e-5  # of the largest entry of a spectrum; waves smaller than that are left out
SHARPNESS = 0.6  # width of a bump, in distances between bumps


class SphericalCorrelation(nn.Module):
    """Gaussian correlations on the sphere, one a scale, zonally homogeneous.

    The distance is the chord in a warped space: zonal chord over the zonal length, plus the
    meridional coordinate h(lat), whose slope may grow towards the equator. A Gaussian of a distance
    in any embedding is positive definite, whatever the learned lengths.

    Args:
        lat: (Y) degrees north.
        longitudes: number X of equal cells round the circle.
        lengths: (S) first guesses of the correlation lengths, km.
        factors: (S) how many factors each correlation serves; those of a scale are adjacent.
    """

    phi: Tensor
    cos_lag: Tensor
    to_waves: Tensor

    def __init__(
        self, lat: Tensor, longitudes: int, lengths: Sequence[float], factors: Sequence[int]
    ) -> None:
        super().__init__()
        self.longitudes, self.factors = longitudes, list(factors)
        self.cutoff: float | None = None  # length of the localisation, on the unit sphere
        angle = 1e3 * torch.tensor(lengths) / EARTH_RADIUS
        # The ocean is alike along latitude circles; so are its errors.
        self.log_zonal = nn.Parameter((angle * FLATNESS).log())
        self.log_meridional = nn.Parameter((angle / FLATNESS).log())
        self.equatorial_zonal = nn.Parameter(torch.zeros(len(lengths)))
        self.equatorial = nn.Parameter(torch.zeros(len(lengths)))
        phi = torch.deg2rad(lat)
        self.register_buffer("phi", phi, persistent=False)
        wave = torch.arange(longitudes // 2 + 1)
        lag = wave * (2 * torch.pi / longitudes)
        self.register_buffer("cos_lag", torch.cos(lag), persistent=False)
        # Both signs of a lag count, except lag 0 and (for an even number) the antipode.
        twice = torch.full((len(wave),), 2.0)
        twice[0] = 1.0
        if longitudes % 2 == 0:
            twice[-1] = 1.0
        self.register_buffer("to_waves", twice * torch.cos(wave[:, None] * lag), persistent=False)

    def localise(self, radius_km: float) -> None:
        """Multiply the correlations by one that fades to nearly nothing at a distance (0.001)."""
        self.cutoff = 1e3 * radius_km / (FADED * EARTH_RADIUS)

    def spectrum(self, sharpen: float = 1.0) -> list[Tensor]:
        """(wavenumber, Y, Y) real spectrum in longitude of each correlation.

        Each has as many waves as it is long: what is left out is below NEGLIGIBLE of the largest
        entry. `sharpen` multiplies the exponent: 2 gives the square of the correlation.
        """
        lagged = torch.exp(-0.5 * sharpen * self._squared_distance())
        spectra = torch.einsum("ml,slyz->smyz", self.to_waves, lagged)
        size = spectra.detach().abs().amax(dim=(2, 3))
        wave = torch.arange(1, size.shape[1] + 1, device=size.device)
        kept = (wave * (size > NEGLIGIBLE * size.amax(dim=1, keepdim=True))).amax(dim=1).tolist()
        return [spectrum[:waves] for spectrum, waves in zip(spectra, kept, strict=True)]

    def _squared_distance(self) -> Tensor:
        """(S, lag, Y, Y) in units of the lengths."""
        belt = torch.exp(-((torch.rad2deg(self.phi) / EQUATORIAL_BELT) ** 2))
        slope = torch.cos(self.phi) * torch.exp(self.equatorial[:, None] * belt)
        step = torch.diff(self.phi, prepend=self.phi[:1])
        half = torch.nn.functional.pad(0.5 * (slope[:, 1:] + slope[:, :-1]), (1, 0))
        height = torch.cumsum(half * step, dim=1) / self.log_meridional.exp()[:, None]
        # A radius that varies with latitude keeps the embedding, hence positive definiteness.
        radius = torch.cos(self.phi) * torch.exp(self.equatorial_zonal[:, None] * belt)
        radius = radius / self.log_zonal.exp()[:, None]
        squared = self._squared_chord(radius, height)
        if self.cutoff is None:
            return squared
        place = torch.cos(self.phi)[None], torch.sin(self.phi)[None]
        return squared + self._squared_chord(*place) / self.cutoff**2

    def _squared_chord(self, radius: Tensor, height: Tensor) -> Tensor:
        """(S, lag, Y, Y) between circles of these radii (S, Y) at these heights (S, Y)."""
        square = radius**2
        product = radius[:, None, :, None] * radius[:, None, None, :]
        across = square[:, None, :, None] + square[:, None, None, :]
        across = across - 2 * product * self.cos_lag[None, :, None, None]
        return across + ((height[:, :, None] - height[:, None, :]) ** 2)[:, None]

    def smooth(self, field_BKYX: Tensor, spectrum: Sequence[Tensor]) -> Tensor:
        """Each factor smoothed with the correlation of its scale."""
        waves = torch.view_as_real(torch.fft.rfft(field_BKYX, dim=-1))
        batch, _, lats, number, _ = waves.shape
        mixed = []
        for members, matrix in zip(waves.split(self.factors, dim=1), spectrum, strict=True):
            kept = len(matrix)
            columns = matrix @ members[..., :kept, :].permute(3, 2, 0, 1, 4).reshape(kept, lats, -1)
            columns = columns.reshape(kept, lats, batch, -1, 2).permute(2, 3, 1, 0, 4)
            mixed.append(torch.nn.functional.pad(columns, (0, 0, 0, number - kept)))
        whole = torch.view_as_complex(torch.cat(mixed, dim=1).contiguous())
        return torch.fft.irfft(whole, n=self.longitudes, dim=-1)


@dataclass(frozen=True, eq=False)
class Loading:
    """How the factors sum to layers: vertical shapes, the same everywhere, and then patterns.

    Attributes:
        shapes: (V, L).
        patterns: (J, L, Y, X); J may be 0. There are K = V + J factors.
    """

    shapes: Tensor
    patterns: Tensor

    def to_factors(self, field_BLYX: Tensor) -> Tensor:
        """(B, K, Y, X) sums over the layers, each times its loading."""
        found = _mix_channels(self.shapes, field_BLYX)
        if not len(self.patterns):
            return found
        return torch.cat([found, _sum_of_products(self.patterns.unbind(1), field_BLYX)], dim=1)

    def to_layers(self, factors_BKYX: Tensor) -> Tensor:
        """(B, L, Y, X) sums over the factors: the transpose of `to_factors`."""
        everywhere, placed = factors_BKYX.split([len(self.shapes), len(self.patterns)], dim=1)
        layers = _mix_channels(self.shapes.T, everywhere)
        if not len(self.patterns):
            return layers
        return layers + _sum_of_products(self.patterns.unbind(0), placed)

    def squared(self) -> Loading:
        """The loadings of variances."""
        return Loading(self.shapes.square(), self.patterns.square())

    def detach(self) -> Loading:
        """The same loadings, cut from the graph."""
        return Loading(self.shapes.detach(), self.patterns.detach())


def vertical_shapes(layers: int) -> Tensor:
    """(V, L) Gaussian bumps over the layer index: narrow ones close together, wide ones apart."""
    level = torch.arange(layers, dtype=torch.float32)
    shapes = []
    for number in (min(NARROW, layers), min(WIDE, layers)):
        centre = torch.linspace(0, layers - 1, number)
        width = SHARPNESS * max((layers - 1) / max(number - 1, 1), 1.0)
        shapes.append(torch.exp(-0.5 * ((level - centre[:, None]) / width) ** 2))
    return torch.cat(shapes)


def apply_covariance(
    field_BLYX: Tensor, loading: Loading, amplitude_BKYX: Tensor, smooth: Operator
) -> Tensor:
    """B times a field: spread by factor, correlate along the sphere, gather by layer."""
    factors = loading.to_factors(field_BLYX) * amplitude_BKYX
    return loading.to_layers(smooth(factors) * amplitude_BKYX)


def _mix_channels(matrix: Tensor, field: Tensor) -> Tensor:
    """(out, in) matrix times the channels of a (B, in, Y, X) field."""
    return (matrix @ field.flatten(2)).unflatten(2, field.shape[2:])


def _sum_of_products(maps: Sequence[Tensor], fields: Tensor) -> Tensor:
    """(B, C, Y, X) sum over n of maps[n] (C, Y, X) times fields (B, n, Y, X).

    One after the other: ten times faster on a CPU than einsum, which builds all products first.
    """
    total = maps[0] * fields[:, None, 0]
    for number, placed in enumerate(maps[1:], start=1):
        total = torch.addcmul(total, placed, fields[:, None, number])
    return total
