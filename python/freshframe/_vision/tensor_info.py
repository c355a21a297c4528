"""TensorInfo: the name, type and shape of a model's input or output."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """An input or output of a model.

    Attributes:
        name: Name in the file.
        dtype: NumPy's name of the element type; "other" if NumPy has none.
        shape: The size of each axis; for a dynamic axis its name, or None if it has none.
    """

    name: str
    dtype: str
    shape: tuple[int | str | None, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.dtype} [{', '.join('?' if n is None else str(n) for n in self.shape)}]"
