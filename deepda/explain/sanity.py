"""Does the saliency depend on what was learnt? (Adebayo et al. 2018, arXiv:1810.03292)

A map that looks the same with random weights shows the input, not the network. The generator is built
from a gain, so part of its saliency must survive: where observations are, and how sure they are, is
input, not weight. How much of it does is what the numbers say.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
from torch import Tensor

from deepda.assimilation.state import StateSpace
from deepda.explain.attribution import Response
from deepda.explain.importance import restated
from deepda.networks.build import build_generator
from deepda.networks.trainable import InnovationForm
from deepda.settings.schema import GeneratorConfig

DRAWS = 3
STRONGEST = 100  # cells


@dataclass(frozen=True)
class Likeness:
    """How like two saliencies are, over the observed cells.

    Attributes:
        sizes: Spearman correlation of their sizes.
        signed: Spearman correlation of the values with their sign.
        strongest: Spearman correlation of the sizes in the STRONGEST cells of the first.
        shared: share of the STRONGEST cells of one that are among those of the other.
    """

    sizes: float
    signed: float
    strongest: float
    shared: float


def likeness(one: Tensor, other: Tensor, seen: Tensor) -> Likeness:
    """Compare two saliencies (L, Y, X) where anything was observed."""
    first, second = one[seen].numpy(), other[seen].numpy()
    number = min(STRONGEST, first.size)
    best = [np.argsort(-np.abs(field), kind="stable")[:number] for field in (first, second)]
    return Likeness(
        _rank_correlation(np.abs(first), np.abs(second)),
        _rank_correlation(first, second),
        _rank_correlation(np.abs(first[best[0]]), np.abs(second[best[0]])),
        len(np.intersect1d(best[0], best[1])) / number,
    )


def _rank_correlation(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Zero where one of them does not vary."""
    varies = one.std() > 0 and other.std() > 0
    return float(spearmanr(one, other).statistic) if varies else 0.0


def randomised(analyser: InnovationForm, seed: int, correction: bool = False) -> InnovationForm:
    """A copy whose weights are shuffled within each tensor: of the same size, and meaningless.

    Args:
        correction: of the convolutions only, else of everything that was trained.

    Raises:
        ValueError: the generator has no correction.
    """
    made = copy.deepcopy(analyser)
    if not correction:
        made = made.without_error_samples()  # they come from the training too
    shuffled = made.correction_network() if correction else made
    if shuffled is None:
        raise ValueError("this generator has no correction, expected one; ask for the whole instead")
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in shuffled.parameters():
            order = torch.randperm(weight.numel(), generator=generator)
            weight.copy_(weight.flatten()[order].reshape(weight.shape))
    return made.eval()  # what follows from the weights is worked out anew


def untrained(analyser: InnovationForm, settings: GeneratorConfig, space: StateSpace) -> InnovationForm:
    """The same generator before training: same forecast and patterns, solved to convergence."""
    made = build_generator(settings, space, analyser.control_statistics(), seed=0).analyser
    fresh = made.innovation_form()
    assert fresh is not None
    return fresh.to(analyser.ocean.device).converged().eval().requires_grad_(False)


def saliency_of(response: Response, analyser: InnovationForm) -> Tensor:
    """(L, Y, X) saliency to observations of another analyser in the same window; on the host.

    Its background has the same share of its own climatological variances left.
    """
    case = replace(response.case, background=restated(response.case, response.analyser, analyser))
    return Response(analyser, case, response.target, response.scale).saliency().observations.cpu()


def mean_likeness(found: Iterable[Likeness]) -> Likeness:
    """The mean over draws."""
    return Likeness(*np.mean([astuple(one) for one in found], axis=0).tolist())
