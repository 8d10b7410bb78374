"""The family of errors of DeepDA: each message is one sentence for the person who runs it."""

from __future__ import annotations


class DeepDAError(Exception):
    """A refusal: the message says what was found, what was expected and what to do.

    Every error class of DeepDA inherits it beside the built-in that fits (ValueError, OSError), so
    that the command line can distinguish a refusal (one line, exit code 2) from a bug (traceback).
    """


class UsageError(DeepDAError, ValueError):
    """A command line that cannot be understood."""


class OutputError(DeepDAError, OSError):
    """A file that could not be written: no such place, no permission, no space."""


class EvaluationError(DeepDAError, ValueError):
    """Products that cannot be read or compared; the message says what was found and what to do."""


class CheckpointError(DeepDAError, ValueError):
    """A checkpoint that is not there, is broken, or belongs to something else."""
