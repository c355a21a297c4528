"""The name, number type and shape of a model's input or output."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """An input or output of a model.

    Attributes:
        name: In the file.
        dtype: NumPy's name of its number type; "other" if NumPy has none.
        shape: A number per axis; its name, or None, where the file leaves it open.
    """

    name: str
    dtype: str
    shape: tuple[int | str | None, ...]

    def __str__(self) -> str:
        """The form for messages."""
        return f"{self.name} {self.dtype} [{', '.join('?' if n is None else str(n) for n in self.shape)}]"
