"""Why an analysis says what it says: `explain` writes the page.

targets           what is explained: Niño 3.4, a point, the heat content
cases             a finished run, cycled again and stopped before a window
attribution       gradients, integrated gradients, variance removed, influence of earlier windows
study             all of it for one target in one window
importance        groups of inputs left out, in all combinations
features          responses of the encoder of the convolutions
sanity            the same with random weights
pictures          maps and sections with the target outlined
section_targets, section_network, section_sanity, page      the page
"""

from deepda.explain.page import explain
from deepda.explain.targets import TARGETS, ExplainError, Place

__all__ = ["TARGETS", "ExplainError", "Place", "explain"]
