"""Which observations, and what of the background, a target of the analysis depends on.

Let w be the weights of the target, x the background, y the observations (anomalies), K the gain.
Without the correction the generator is linear in both, target = w'(x + K(y - Hx)), and

    saliency to observations   K'w            vanilla gradients (Simonyan et al. 2014,
    saliency to background     (I - KH)'w     arXiv:1312.6034)

are exact. The correction bends it; integrated gradients (Sundararajan et al. 2017, arXiv:1703.01365)
follow a straight line from "every observation agrees with the background" to what was observed, so that
they sum to the difference between its ends.

How much variance an observation removes is another question than how far its value moves the target:
of the target's variance w'Bw the observations remove w'KHBw = sum over i of (K'w)_i (HBw)_i, term by
term what each observation removes given all others (cf. the influence matrix of Cardinali et al. 2004,
doi 10.1256/qj.03.205).

All fields are (L, Y, X), per K; a positive number warms the target. Linear systems are solved to
convergence here (`InnovationForm.converged`), further than in the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from captum.attr import IntegratedGradients, Saliency
from torch import Tensor

from deepda.assimilation.cycle import Observations, StateEstimate, on_host
from deepda.explain.cases import Case
from deepda.explain.targets import Target
from deepda.networks.trainable import CovarianceForm, InnovationForm


@dataclass(frozen=True, eq=False)
class Saliencies:
    """Change of the target per K of an observation, and per K of the background; zero where unseen."""

    observations: Tensor
    background: Tensor

    def on_host(self) -> Saliencies:
        """The same in the memory of the host."""
        return Saliencies(*on_host(self.observations, self.background))


@dataclass(frozen=True)
class Account:
    """Where the target's change in this window comes from, in its unit.

    analysis = background + innovations + presence + rest

    Attributes:
        background, analysis: the target's anomaly before and after the observations.
        innovations: sum of the integrated gradients.
        presence: what the correction does where observations agree with the background: it
            depends on where was observed, not only on what.
        as_run: the target's anomaly with the accuracy at which the run's solver stops.
    """

    background: float
    analysis: float
    innovations: float
    presence: float
    as_run: float

    @property
    def rest(self) -> float:
        """What the quadrature leaves over."""
        return self.analysis - self.background - self.innovations - self.presence


class Response:
    """The target as a function of observations and background, both (B, L, Y, X) anomalies in K.

    Args:
        scale: (L, Y, X) K, of the state space.
    """

    def __init__(self, analyser: InnovationForm, case: Case, target: Target, scale: Tensor) -> None:
        self.analyser, self.case, self.target, self.scale = analyser, case, target, scale
        self.background = case.background.mean * scale
        # Where nothing was observed the value is never read.
        self.observed = torch.where(case.observations.seen, case.observations.value * scale, 0.0)
        self.agreeing = torch.where(case.observations.seen, self.background, 0.0)

    def __call__(self, observed: Tensor, background: Tensor) -> Tensor:
        """(B) the target's anomaly."""
        return self.target.of(self.analysis(observed, background))

    def analysis(self, observed: Tensor, background: Tensor) -> Tensor:
        """(B, L, Y, X) analysed anomaly, K."""
        seen, before = self.case.observations, self.case.background
        batch = len(observed)
        precision, memory, spread = (
            field.expand(batch, -1, -1, -1) for field in (seen.precision, before.memory, before.spread)
        )
        estimate = StateEstimate(background / self.scale, spread, memory)
        observations = Observations(observed / self.scale, precision, seen.season, seen.per_year)
        return self.analyser.analyse(estimate, observations).mean * self.scale

    @torch.no_grad()
    def linear_analysis(self, gain: CovarianceForm) -> Tensor:
        """(L, Y, X) analysed anomaly of the linear gain alone, K."""
        seen, before = self.case.observations, self.case.background
        dual = gain.dual(before, seen.value - before.mean, seen.precision)
        return ((before.mean + gain.covariance(before, dual)) * self.scale)[0]

    def saliency(self) -> Saliencies:
        """Vanilla gradients, at what was observed and at the background."""
        inputs = (self.observed.clone().requires_grad_(), self.background.clone().requires_grad_())
        found = Saliency(self).attribute(inputs, abs=False)
        # On land the background is zero and stays so, whatever it would do.
        return Saliencies(found[0][0].detach(), found[1][0].detach() * self.analyser.ocean)

    def pulled_back(self, asked: Tensor) -> tuple[Tensor, Tensor]:
        """Saliency to observations and background of the sum over cells with weights (L, Y, X)."""
        inputs = (self.observed.clone().requires_grad_(), self.background.clone().requires_grad_())
        found = torch.autograd.grad(self.analysis(*inputs), inputs, asked[None])
        return found[0][0], found[1][0]

    def integrated(self) -> Tensor:
        """(L, Y, X) what each cell's innovation contributes to the target, in its unit."""
        found = IntegratedGradients(self).attribute(
            self.observed.clone().requires_grad_(),
            self.agreeing,
            additional_forward_args=self.background,
            n_steps=self.analyser.quadrature_points,
            internal_batch_size=1,
        )
        return found[0].detach().float()

    def shares(self) -> tuple[Tensor, Tensor]:
        """Contributions to the target's anomaly from climatology: of observations, of background.

        Integrated gradients from "observed and in the background is the seasonal cycle" to what was.
        """
        found = IntegratedGradients(self).attribute(
            (self.observed.clone().requires_grad_(), self.background.clone().requires_grad_()),
            n_steps=self.analyser.quadrature_points,
            internal_batch_size=1,
        )
        return found[0][0].detach().float(), found[1][0].detach().float()

    @torch.no_grad()
    def account(self, innovations: float, as_run: float) -> Account:
        """The balance of a window.

        Args:
            innovations: sum of `integrated`.
            as_run: value of the target by the analyser as it was run.
        """
        background_value = float(self.target.of(self.background))
        analysed = float(self(self.observed, self.background))
        agreed = float(self(self.agreeing, self.background))
        return Account(background_value, analysed, innovations, agreed - background_value, as_run)


@torch.no_grad()
def covariance_with(analyser: CovarianceForm, case: Case, weights: Tensor, scale: Tensor) -> Tensor:
    """(L, Y, X) Bw: error covariance of the background with that of a sum over cells, `unit` times K.

    Args:
        analyser, case, scale: as for `Response`.
        weights: (L, Y, X) `unit` per K.
    """
    return (analyser.covariance(case.background, (weights * scale)[None]) * scale)[0]


@torch.no_grad()
def gain_row(analyser: CovarianceForm, case: Case, covariance: Tensor, scale: Tensor) -> Tensor:
    """(L, Y, X) K'w = S^-1 HBw: the saliency to observations of the linear part, without a graph.

    Args:
        analyser, case, scale: as for `Response`.
        covariance: Bw, see `covariance_with`.
    """
    asked = covariance[None] / scale
    return (analyser.dual(case.background, asked, case.observations.precision) / scale)[0]


def lagged_saliency(
    analyser: InnovationForm, cases: Sequence[Case], target: Target, scale: Tensor
) -> list[Tensor]:
    """Saliency of the target to the observations of its own window and of those before.

    The adjoint of the cycle: (I - KH)' of each window, then the transpose of the forecast of the mean.
    Of the default generator the linear part; the variances are held as they were.

    Args:
        analyser, target, scale: as for `Response`.
        cases: consecutive windows, the target's own one last.

    Returns:
        (L, Y, X) a window, its own first, `unit` per K.
    """
    asked = torch.from_numpy(target.weights).to(scale)
    found, form = [], analyser.covariance_form()
    for case in reversed(cases):
        if form is not None:
            gain = gain_row(form, case, covariance_with(form, case, asked, scale), scale)
            kept = asked - gain
        else:
            gain, kept = Response(analyser, case, target, scale).pulled_back(asked)
        found.append(gain)
        asked = analyser.retreat((kept * scale)[None])[0] / scale
    return found
