"""What cannot be evaluated."""

from __future__ import annotations

from deepda.errors import DeepDAError


class EvaluationError(DeepDAError, ValueError):
    """Products that cannot be read or compared; the message says what came and what to do."""
