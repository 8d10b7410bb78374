"""Why rows are rejected: a name a row, of which the first that is given stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray


class Reasons:
    """Why each row is rejected, as a code into the names; 0 is not at all."""

    def __init__(self, size: int) -> None:
        self.codes, self.names = np.zeros(size, np.int16), [""]

    @classmethod
    def of(cls, given: pd.Series) -> Self:
        """Reasons as texts, "" where there is none."""
        reasons, names = cls(len(given)), given.astype("category").cat
        for code, name in enumerate(names.categories):
            reasons.mark({str(name): (names.codes == code).to_numpy()} if name else {})
        return reasons

    @property
    def none(self) -> NDArray[np.bool_]:
        """(row) whether it is not rejected."""
        return self.codes == 0

    def mark(self, found: Mapping[str, NDArray[np.bool_]]) -> None:
        """Reject rows, by reason; rows that are rejected already keep theirs."""
        for name, bad in found.items():
            if name not in self.names:
                self.names.append(name)
            self.codes[bad & self.none] = self.names.index(name)

    def categorical(self) -> pd.Series:
        """(row) the names."""
        return pd.Series(pd.Categorical.from_codes(self.codes, pd.Index(self.names)))
