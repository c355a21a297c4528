"""Writes small ONNX files: the few messages of the format that the tests need, without a package for it."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7, "float16": 10, "float64": 11}
COLOURS = ("red", "green", "blue")

Shape = Sequence[int | str]


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _number(field_number: int, value: int) -> bytes:
    return _varint(field_number << 3) + _varint(value)


def _bytes(field_number: int, value: bytes | str) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return _varint(field_number << 3 | 2) + _varint(len(raw)) + raw


def tensor(name: str, array: npt.NDArray[Any]) -> bytes:
    """A TensorProto."""
    dims = b"".join(_number(1, size) for size in array.shape)
    return dims + _number(2, _TYPES[array.dtype.name]) + _bytes(8, name) + _bytes(9, array.tobytes())


def _value(name: str, shape: Shape, dtype: str) -> bytes:
    dims = b"".join(
        _bytes(1, _number(1, size) if isinstance(size, int) else _bytes(2, size)) for size in shape
    )
    return _bytes(1, name) + _bytes(2, _bytes(1, _number(1, _TYPES[dtype]) + _bytes(2, dims)))


def node(kind: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> bytes:
    """A NodeProto; attributes are ints, floats, or lists of ints."""
    out = b"".join(_bytes(1, name) for name in inputs) + b"".join(_bytes(2, name) for name in outputs)
    out += _bytes(4, kind)
    for name, value in attributes.items():
        if isinstance(value, int):
            given = _number(3, value) + _number(20, 2)
        elif isinstance(value, float):
            given = _varint(2 << 3 | 5) + struct.pack("<f", value) + _number(20, 1)
        else:
            given = b"".join(_number(8, number) for number in value) + _number(20, 7)
        out += _bytes(5, _bytes(1, name) + given)
    return out


@dataclass
class OnnxFile:
    """A model under construction."""

    inputs: dict[str, tuple[Shape, str]] = field(default_factory=dict)
    outputs: dict[str, tuple[Shape, str]] = field(default_factory=dict)
    nodes: list[bytes] = field(default_factory=list)
    tensors: list[bytes] = field(default_factory=list)
    metadata: Mapping[str, str] = field(default_factory=dict)
    opset: int = 17
    ir_version: int = 8

    def to_bytes(self) -> bytes:
        """The ModelProto."""
        graph = b"".join(_bytes(1, given) for given in self.nodes) + _bytes(2, "graph")
        graph += b"".join(_bytes(5, given) for given in self.tensors)
        graph += b"".join(_bytes(11, _value(name, *given)) for name, given in self.inputs.items())
        graph += b"".join(_bytes(12, _value(name, *given)) for name, given in self.outputs.items())
        out = _number(1, self.ir_version) + _bytes(2, "tests") + _bytes(7, graph)
        out += _bytes(8, _bytes(1, "") + _number(2, self.opset))
        for key, text in self.metadata.items():
            out += _bytes(14, _bytes(1, key) + _bytes(2, text))
        return out

    def save(self, path: Path) -> Path:
        """Writes the file."""
        path.write_bytes(self.to_bytes())
        return path


def constant(
    path: Path,
    outputs: Mapping[str, npt.NDArray[Any]],
    *,
    shape: Shape = (1, 3, 64, 64),
    dtype: str = "float32",
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Writes a model with the same outputs for every input."""
    file = OnnxFile(inputs={"images": (shape, dtype)}, metadata=metadata or {})
    for name, array in outputs.items():
        file.tensors.append(tensor(f"{name}_value", array))
        file.nodes.append(node("Identity", [f"{name}_value"], [name]))
        file.outputs[name] = (array.shape, array.dtype.name)
    return file.save(path)


def external_constant(path: Path, weights: str, name: str, array: npt.NDArray[Any]) -> Path:
    """Like constant() with one output, whose data is in an external file next to the model."""
    dims = b"".join(_number(1, size) for size in array.shape)
    place = b"".join(
        _bytes(13, _bytes(1, key) + _bytes(2, value))
        for key, value in (("location", weights), ("offset", "0"), ("length", str(array.nbytes)))
    )
    file = OnnxFile(inputs={"images": ((1, 3, 64, 64), "float32")}, metadata={})
    file.tensors.append(
        dims + _number(2, _TYPES[array.dtype.name]) + _bytes(8, f"{name}_value") + place + _number(14, 1)
    )
    file.nodes.append(node("Identity", [f"{name}_value"], [name]))
    file.outputs[name] = (array.shape, array.dtype.name)
    (path.parent / weights).write_bytes(array.tobytes())
    return file.save(path)


def mean_colour(path: Path, *, shape: Shape = (1, 3, 8, 8), names: str | None = None) -> Path:
    """Writes a detector in YOLOv8's layout with one box, whose class scores are the means of red, green and
    blue.
    """
    metadata = {"names": names or "{0: 'red', 1: 'green', 2: 'blue'}", "task": "detect", "imgsz": "[8, 8]"}
    file = OnnxFile(
        inputs={"images": (shape, "float32")}, outputs={"output0": ((1, 7, 1), "float32")}, metadata=metadata
    )
    file.tensors.append(tensor("box", np.array([4, 4, 4, 2], np.float32).reshape(1, 4, 1)))
    file.tensors.append(tensor("form", np.array([1, 3, 1], np.int64)))
    file.nodes.append(node("ReduceMean", ["images"], ["means"], axes=[2, 3], keepdims=1))
    file.nodes.append(node("Reshape", ["means", "form"], ["scores"]))
    file.nodes.append(node("Concat", ["box", "scores"], ["output0"], axis=1))
    return file.save(path)


def bright_box(path: Path, pictures: int | str = 1) -> Path:
    """Writes a detector in YOLOv8's layout with one box, which is farther right in a brighter image.

    `pictures`: the batch size.
    """
    file = OnnxFile(
        inputs={"images": ((pictures, 3, 16, 16), "float32")},
        outputs={"output0": ((pictures, 5, 1), "float32")},
        metadata={"names": "{0: 'light'}", "task": "detect"},
    )
    file.tensors.append(tensor("start", np.array([4, 8, 4, 4, 0.9], np.float32).reshape(1, 5, 1)))
    file.tensors.append(tensor("way", np.array([8, 0, 0, 0, 0], np.float32).reshape(1, 5, 1)))
    file.tensors.append(tensor("form", np.array([0, 1, 1], np.int64)))  # 0: unchanged
    file.nodes.append(node("ReduceMean", ["images"], ["mean"], axes=[1, 2, 3], keepdims=1))
    file.nodes.append(node("Reshape", ["mean", "form"], ["light"]))
    file.nodes.append(node("Mul", ["light", "way"], ["moved"]))
    file.nodes.append(node("Add", ["start", "moved"], ["output0"]))
    return file.save(path)


def save_colours(path: Path, *, width: int = 32, height: int = 32, **metadata: str) -> Path:
    """Writes a classifier whose three logits are ten times the mean of each colour."""
    file = OnnxFile(
        inputs={"images": (("n", 3, height, width), "float32")},
        outputs={"scores": (("n", 3), "float32")},
        metadata={"names": str(dict(enumerate(COLOURS))), **metadata},
    )
    file.tensors.append(tensor("ten", np.array(10, np.float32)))
    file.nodes.append(node("ReduceMean", ["images"], ["means"], axes=[2, 3], keepdims=0))
    file.nodes.append(node("Mul", ["means", "ten"], ["scores"]))
    return file.save(path)


def slow(path: Path, *, steps: int) -> Path:
    """Writes a model like mean_colour() that first convolves `steps` times."""
    side, channels = 256, 16
    metadata = {"names": "{0: 'a'}", "task": "detect"}
    file = OnnxFile(
        inputs={"images": ((1, 3, side, side), "float32")},
        outputs={"output0": ((1, 5, 1024), "float32")},
        metadata=metadata,
    )
    rng = np.random.default_rng(1)
    first = rng.normal(0, 0.1, (channels, 3, 3, 3)).astype(np.float32)
    other = rng.normal(0, 0.1, (channels, channels, 3, 3)).astype(np.float32)
    file.tensors += [tensor("first", first), tensor("other", other)]
    file.nodes.append(node("Conv", ["images", "first"], ["step0"], pads=[1, 1, 1, 1]))
    for step in range(steps):
        file.nodes.append(node("Conv", [f"step{step}", "other"], [f"raw{step + 1}"], pads=[1, 1, 1, 1]))
        file.nodes.append(node("Tanh", [f"raw{step + 1}"], [f"step{step + 1}"]))
    file.tensors.append(tensor("form", np.array([1, 5, 1024], np.int64)))
    file.nodes.append(node("MaxPool", [f"step{steps}"], ["small"], kernel_shape=[8, 8], strides=[8, 8]))
    file.tensors.append(tensor("some", np.zeros((5, channels, 1, 1), np.float32)))
    file.nodes.append(node("Conv", ["small", "some"], ["rows"]))
    file.nodes.append(node("Reshape", ["rows", "form"], ["output0"]))
    return file.save(path)
