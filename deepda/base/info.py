"""What this machine and this installation are: printed by `deepda info`, kept with every score."""

from __future__ import annotations

import os
import platform
import resource
import shlex
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("deepda", "torch", "numpy", "scipy", "pandas", "xarray", "netCDF4", "dask", "hydra-core")
CPU_INFO = Path("/proc/cpuinfo")
BF16_INSTRUCTIONS = {"avx512_bf16", "amx_bf16", "bf16", "svebf16"}  # names in CPU_INFO, x86 and Arm


def versions() -> dict[str, str]:
    """Versions of python and of the packages that results depend on."""
    return {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}}


def provenance(institution: str | None, licence: str | None) -> dict[str, str]:
    """Global attributes of a file: when and by which command it was made, who answers for it.

    SOURCE_DATE_EPOCH (seconds since 1970, reproducible-builds.org) stands for the clock where it is
    set. What is not stated is left out.
    """
    seconds = float(os.environ.get("SOURCE_DATE_EPOCH", time.time()))
    date = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    made = {"date_created": date, "history": f"{date}: {command_line()}"}
    stated = {"institution": institution, "license": licence}
    return made | {name: value for name, value in stated.items() if value is not None}


def command_line() -> str:
    """The command as it was typed; "DeepDA from Python" where it was no command."""
    program = Path(sys.argv[0])
    if program.name == "deepda" or program.parent.name == "deepda":
        return shlex.join(["deepda", *sys.argv[1:]])
    return "DeepDA from Python"


def describe_system() -> dict[str, str]:
    """Versions, devices, threads and bf16 support, in words."""
    import torch

    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {
        **versions(),
        "system": platform.platform(),
        "processor": f"{usable_cores()} cores, {torch.backends.cpu.get_cpu_capability()}",
        "threads": f"{torch.get_num_threads()} (torch)",
        "bf16 on the CPU": bf16_support(),
        "GPU": ", ".join(gpus) or "none",
        "bf16 on the GPU": "no GPU" if not gpus else "yes" if torch.cuda.is_bf16_supported() else "no",
        "xesmf": _version("xesmf"),
    }


def bf16_support() -> str:
    """ "yes", "no" or "unknown": whether the CPU multiplies bfloat16 in hardware."""
    try:
        lines = CPU_INFO.read_text().lower().splitlines()
    except OSError:
        return "unknown"
    flags = [line.partition(":")[2] for line in lines if line.startswith(("flags", "features"))]
    return "yes" if BF16_INSTRUCTIONS & set(" ".join(flags).split()) else "no"


def usable_cores() -> int:
    """Cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # absent on macOS
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def peak_memory() -> float:
    """The most memory that this process has had, GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
