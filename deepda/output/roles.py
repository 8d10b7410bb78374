"""What a file in the layout of the analyses says of itself that holds none: the truth, or a baseline."""

from __future__ import annotations

from collections.abc import Mapping

from deepda.base.info import versions
from deepda.base.text import METHOD_NAMES, capital
from deepda.output.cf import ROLE, Attribute

OF_ANALYSIS = ("checkpoint", "members", "weights_sha256", "smoother")  # attributes true of it alone


def of_baseline(attributes: Mapping[str, Attribute], name: str) -> dict[str, Attribute]:
    """Attributes of a baseline.

    Args:
        attributes: of the analysis that it is compared with.
        name: of the method, perhaps one of METHOD_NAMES.
    """
    method = METHOD_NAMES.get(name, name)
    return without_network(attributes) | {
        "title": f"{capital(method)}, a baseline of: {attributes['title']}",
        "source": f"DeepDA {versions()['deepda']}, {method}, without a network",
        "method": method,
        ROLE: "baseline",
    }


def of_truth(attributes: Mapping[str, Attribute]) -> dict[str, Attribute]:
    """Attributes of the truth of a twin.

    Args:
        attributes: of its analysis.
    """
    return without_network(attributes) | {
        "title": "Twin experiment of DeepDA: the truth, a simulated ocean",
        "summary": "Potential temperature of a simulated ocean, which synthetic observations are drawn "
        "from; dates name the observing system that was drawn, not days of the real ocean",
        "source": f"DeepDA {versions()['deepda']}, a simulated ocean",
        ROLE: "truth",
    }


def without_network(attributes: Mapping[str, Attribute]) -> dict[str, Attribute]:
    """The attributes without those that say what the network was."""
    return {name: value for name, value in attributes.items() if name not in OF_ANALYSIS}
