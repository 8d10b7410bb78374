"""Discrete samples in NetCDF: which value of each variable belongs to which sample.

CF Conventions 1.11, chapter 9: points, time series, trajectories, profiles and their combinations, as
orthogonal or incomplete arrays or as ragged ones (contiguous by `sample_dimension`, indexed by
`instance_dimension`). Variables are matched by the names of their dimensions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepda.observations.ncfile import NetcdfFile

MOVING = ("TIME", "LATITUDE", "LONGITUDE", "POSITION")  # OceanSITES and Copernicus: one length for all
ADJUSTED = ("A", "D")  # modes in which adjusted values are the better ones
WHOLE = ("R", "A", "D", "P")  # modes of a whole file; M is mixed and says nothing of a value
OCEANSITES = ("oceansites", "insitutac", "in situ tac", "medatlas")


@dataclass(frozen=True)
class Samples:
    """The array of samples, and how instances (casts, stations) are spread over it.

    Attributes:
        dims: names of the dimensions of the measured variable.
        shape: their lengths.
        instances: by dimension of instances, the dimension it is spread along and the instance of
            each place of that dimension.
    """

    file: NetcdfFile
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    instances: dict[str, tuple[str, NDArray[np.intp]]]

    def own_dims(self, name: str) -> tuple[str, ...]:
        """Dimensions of a variable without the one that counts the characters of a text."""
        dims = self.file.dims(name)
        text = self.file.stored_type(name) == "S1" and dims and not self._along(dims[-1]).strip("1")
        return dims[:-1] if text else dims

    def texts(self, name: str) -> NDArray[np.str_]:
        """Texts of a variable on the samples; whole numbers as texts, "" where missing."""
        file, dims = self.file, self.own_dims(name)
        shape = tuple(map(file.size, dims))
        if file.stored_type(name).kind in "iuf":
            numbers = file.numbers(name).ravel()
            words = np.array([f"{number:.0f}" if np.isfinite(number) else "" for number in numbers])
        elif dims == file.dims(name) and file.stored_type(name) == "S1":
            words = np.char.strip(file.characters(name, shape))
        else:
            words = file.texts(name, int(np.prod(shape)))
        return self.spread(name, words.reshape(shape))

    def fits(self, name: str) -> bool:
        """Whether a variable can be spread over the samples."""
        return all(self._along(dim) for dim in self.own_dims(name))

    def spread(self, name: str, values: NDArray) -> NDArray:
        """Values of a variable as an array of the shape of the samples.

        Args:
            values: on its dimensions, without the one of characters.

        Raises:
            ObservationError: it lies on a dimension that the samples do not have.
        """
        for axis, dim in enumerate(self.own_dims(name)):
            if dim in self.instances and dim not in self.dims:
                values = np.take(values, self._instance(dim)[1], axis=axis)
        dims = [self._along(dim) for dim in self.own_dims(name)]
        if not all(dims) or len(set(dims)) < len(dims):
            raise self.file.error(
                f"{name} has dimensions {self.file.dims(name)}, expected some of {', '.join(self.dims)}",
                "name the dimensions after those of the temperature",
            )
        keep = [axis for axis, dim in enumerate(dims) if dim != "1"]
        values = values.reshape([values.shape[axis] for axis in keep])
        named = [dims[axis] for axis in keep]
        order = sorted(range(len(named)), key=lambda axis: self.dims.index(named[axis]))
        values = values.transpose(order)
        lengths = [size if dim in named else 1 for dim, size in zip(self.dims, self.shape, strict=True)]
        return np.broadcast_to(values.reshape(lengths), self.shape)

    def better(self, name: str, read: Callable[[str], tuple[NDArray, ...]]) -> tuple[NDArray, ...]:
        """What is read of a variable, and of the adjusted one where its mode makes that the better one.

        Copernicus, CORA, OceanSITES and EGO: modes of each parameter (<name>_DM), of each profile
        (DATA_MODE) or of the whole file (a global attribute).

        Args:
            read: gives arrays on the samples of a variable.

        Raises:
            ObservationError: no mode says where they hold, or they lie on other dimensions.
        """
        file, own = self.file, read(name)
        adjusted = next((name + word for word in ("_ADJUSTED", "_adjusted") if name + word in file), "")
        if not adjusted:
            return own
        if file.dims(adjusted) != file.dims(name):
            raise file.error(
                f"{adjusted} has dimensions {file.dims(adjusted)}, expected {file.dims(name)} as {name}"
            )
        better = self._is_adjusted(name, adjusted)
        pairs = zip(read(adjusted), own, strict=True)
        return tuple(np.where(better, values, others) for values, others in pairs)

    def _is_adjusted(self, name: str, adjusted: str) -> NDArray[np.bool_]:
        modes = (f"{name}_DM", "DATA_MODE", "data_mode")
        mode = next((word for word in modes if word in self.file and self.fits(word)), "")
        if mode:
            return np.isin(self.texts(mode), ADJUSTED)
        whole = self.file.attribute("data_mode")[:1].upper()
        if whole not in WHOLE:
            raise self.file.error(
                f"it has {adjusted} and no mode that says where it holds, expected DATA_MODE",
                "add it, or leave one of the two out",
            )
        return np.full(self.shape, whole in ADJUSTED)

    def casts(self) -> NDArray[np.intp] | None:
        """Number of the instance of each sample of a ragged array; None where it is none."""
        direct = [dim for dim, (along, _) in self.instances.items() if along in self.dims]
        if not direct:
            return None
        dim, index = self._instance(direct[0])
        lengths = [size if own == dim else 1 for own, size in zip(self.dims, self.shape, strict=True)]
        return np.broadcast_to(index.reshape(lengths), self.shape)

    def _along(self, dim: str) -> str:
        """Dimension of the samples that one of a variable runs along, "1" for one value, "" for none."""
        if dim in self.dims:
            return dim
        if dim in self.instances:
            return self._instance(dim)[0]
        if self.file.size(dim) == 1:
            return "1"
        words = f"{self.file.attribute('Conventions')} {self.file.attribute('format_version')}".lower()
        moving = any(word in words.replace("-", "").replace("_", "") for word in OCEANSITES)
        return "TIME" if moving and dim in MOVING and "TIME" in self.dims and (
            self.file.size(dim) == self.file.size("TIME")) else ""  # fmt: skip

    def _instance(self, dim: str) -> tuple[str, NDArray[np.intp]]:
        """Dimension of the samples and the instance of each of its places, through nested instances."""
        along, index = self.instances[dim]
        while along not in self.dims and along in self.instances:
            along, places = self.instances[along]
            index = index[places]
        return (along if along in self.dims else ""), index


def samples_of(file: NetcdfFile, name: str) -> Samples:
    """The samples of a measured variable.

    Raises:
        ObservationError: counts or indices of a ragged array that do not fit.
    """
    instances = dict[str, tuple[str, NDArray[np.intp]]]()
    for count in sorted(file.names):
        sample, instance = (
            file.attribute(f"{word}_dimension", count) for word in ("sample", "instance")
        )
        if sample and len(file.dims(count)) == 1 and file.size(sample):
            instances[file.dims(count)[0]] = sample, _contiguous(file, count, file.size(sample))
        elif instance and len(file.dims(count)) == 1 and file.size(instance):
            instances[instance] = file.dims(count)[0], _indexed(file, count, file.size(instance))
    return Samples(file, file.dims(name), file.shape(name), instances)


def row_sizes(
    file: NetcdfFile, name: str, size: int, shape: tuple[int, ...] | None = None
) -> NDArray[np.intp]:
    """Counts of a contiguous ragged array, which must add up to its size.

    Raises:
        ObservationError: they do not, or are not of the shape.
    """
    counts = np.nan_to_num(file.numbers(name, shape))
    if (counts < 0).any() or counts.sum() != size or (counts != np.rint(counts)).any():
        raise file.error(f"{name} adds up to {counts.sum():g}, expected {size} values")
    return counts.astype(np.intp)


def _contiguous(file: NetcdfFile, name: str, size: int) -> NDArray[np.intp]:
    counts = row_sizes(file, name, size)
    return np.repeat(np.arange(counts.size), counts)


def _indexed(file: NetcdfFile, name: str, size: int) -> NDArray[np.intp]:
    index = file.numbers(name)
    if not np.isfinite(index).all() or (index < 0).any() or (index >= size).any():
        raise file.error(f"{name} points outside its {size} instances, expected 0 to {size - 1}")
    return index.astype(np.intp)
