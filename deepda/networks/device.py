"""The device that tensors lie on: the one place where it is chosen."""

from __future__ import annotations

import torch

from deepda.settings.requirements import ConfigError

AUTO, CPU, GPU = "auto", "cpu", "cuda"


class DeviceError(ConfigError):
    """A device that is asked for and not there."""


def choose_device(wanted: str) -> torch.device:
    """The device of a setting `device`.

    Args:
        wanted: auto (a GPU where there is one), cpu or cuda.

    Raises:
        DeviceError: a GPU is asked for that is not there.
    """
    if wanted == CPU or (wanted == AUTO and not gpus()):
        return torch.device(CPU)
    if not gpus():
        raise DeviceError(
            f"device is {wanted} but torch sees no GPU, expected one; write device=cpu, or device=auto "
            "to take a GPU where there is one"
        )
    return torch.device(GPU)


def described(wanted: str, device: torch.device) -> str:
    """A line for the log: the device, and why where none was named."""
    if device.type == CPU:
        return "device: cpu, since torch sees no GPU here" if wanted == AUTO else "device: cpu"
    return f"device: {device}"


def gpus() -> int:
    """Number of GPUs that torch can use."""
    return torch.cuda.device_count() if torch.cuda.is_available() else 0
