"""`freshframe model`: prints the outputs of an ONNX file, their layout, and the speed on this machine."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import os
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np

import freshframe as ff

from .messages import Messages
from .outcome import ExitCode, UsageError

_MEASURE_SECONDS = 2.0
_FEWEST_RUNS = 3
_SHOWN_NAMES = 12
_DEFAULT_SIDE = 640  # size in pixels of an axis of dynamic size


def run(options: Any, messages: Messages) -> ExitCode:
    """Loads the file, measures some runs and prints the results."""
    common = {
        "threads": options.threads,
        "provider": options.provider or "auto",
        "provider_options": dict(options.provider_option or ()),
    }
    before = _memory()
    try:
        model = ff.OnnxModel(options.model, size=options.size, **common)
    except ImportError as error:
        raise UsageError(str(error)) from None
    memory = _memory() - before
    found, detector = _detector(options, common)
    before = _memory()  # the detector has a session of its own, which must not count
    record: dict[str, Any] = {
        "file": options.model,
        "size_bytes": Path(options.model).stat().st_size,
        "inputs": [_plain(tensor) for tensor in model.inputs],
        "outputs": [_plain(tensor) for tensor in model.outputs],
        "metadata": model.metadata,
        "provider": model.provider,
        "threads": model.threads,
        **found,
    }
    sizes = record.get("size") or options.size
    try:
        record |= _speed(model, sizes)
    except ff.FreshframeError as error:
        record["problem"] = str(error)
    record["memory_bytes"] = max(0, memory + _memory() - before)
    del detector  # not earlier: the measured runs would reuse its memory
    print(json.dumps(record) if options.json else "\n".join(_table(record, model)))
    return ExitCode.OK


def _plain(tensor: Any) -> dict[str, Any]:
    return {"name": tensor.name, "dtype": tensor.dtype, "shape": list(tensor.shape)}


def _detector(options: Any, common: dict[str, Any]) -> tuple[dict[str, Any], ff.OnnxDetector | None]:
    """Returns the properties of the file as a detector, or why it is not one, and the detector or None."""
    confidence = {} if options.min_confidence is None else {"min_confidence": options.min_confidence}
    try:
        detector = ff.OnnxDetector(
            options.model, layout=options.layout, size=options.size, **confidence, **common
        )
    except ff.OptionError as error:
        return {"layout": None, "layout_reason": str(error), "classes": None}, None
    names = None if detector.names is None else list(detector.names)
    return {
        "layout": detector.layout,
        "layout_reason": detector.layout_reason,
        "classes": names,
        "size": list(detector.size),
        "batch_size": detector.batch_size,
    }, detector


def _speed(model: ff.OnnxModel, size: Any) -> dict[str, Any]:
    """Returns the median duration of runs whose inputs are zeros."""
    inputs = {}
    for tensor in model.inputs:
        if tensor.dtype == "other":
            return {"problem": f"the input {tensor} has a type that NumPy does not have"}
        shape = [
            axis if isinstance(axis, int) else _axis(i, tensor, size) for i, axis in enumerate(tensor.shape)
        ]
        inputs[tensor.name] = np.zeros(shape, tensor.dtype)
    model.run(inputs)
    durations: list[float] = []
    end = time.perf_counter() + _MEASURE_SECONDS
    while len(durations) < _FEWEST_RUNS or time.perf_counter() < end:
        begin = time.perf_counter()
        model.run(inputs)
        durations.append(time.perf_counter() - begin)
    return {
        "runs": len(durations),
        "p50_seconds": float(np.median(durations)),
        "p99_seconds": float(np.percentile(durations, 99)),
    }


def _axis(index: int, tensor: Any, size: Any) -> int:
    """Returns the length for an axis of dynamic size: the height or width of the image, or 1."""
    from_end = len(tensor.shape) - index  # 1: the width, which is the first of `size`
    if len(tensor.shape) >= 3 and from_end <= 2:
        return int(size[from_end - 1]) if size else _DEFAULT_SIDE
    return 1


def _memory() -> int:
    """Returns the resident memory of this process in bytes."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return pages * os.sysconf("SC_PAGE_SIZE")


def _table(record: dict[str, Any], model: ff.OnnxModel) -> list[str]:
    rows = [("file", f"{record['file']}, {record['size_bytes'] / 1e6:.2f} MB")]
    rows += [("input", str(tensor)) for tensor in model.inputs]
    rows += [("output", str(tensor)) for tensor in model.outputs]
    if record["layout"] is None:
        rows.append(("layout", f"none: {record['layout_reason']}"))
    else:
        rows.append(("layout", f"{record['layout']}: {record['layout_reason']}"))
        rows.append(("classes", _names(record["classes"])))
    rows.append(("computed by", f"{record['provider']} with {record['threads']} threads"))
    if record["layout"] is not None:
        rows.append(("batches", _batches(record["batch_size"], record["provider"])))
    if "p50_seconds" in record:
        rows.append(
            (
                "speed here",
                f"{record['p50_seconds'] * 1e3:.2f} ms for a run (median of {record['runs']}), 99 % within "
                f"{record['p99_seconds'] * 1e3:.2f} ms",
            )
        )
    else:
        rows.append(("speed here", f"unknown: {record.get('problem')}"))
    rows.append(("memory", f"{record['memory_bytes'] / 1e6:.0f} MB with ONNX Runtime"))
    shown = {key: text for key, text in record["metadata"].items() if key != "names"}
    rows += [(key, text) for key, text in sorted(shown.items())]
    return [f"{name:<12} {' '.join(text.split())}" for name, text in rows]


def _batches(pictures: int | None, provider: str) -> str:
    """Returns how the detector runs a batch of images."""
    if pictures is not None and pictures > 1:
        return f"{pictures} images per run, because the file fixes the batch size; a shorter batch is padded"
    if provider == "cpu":
        return "one run per image, with one thread each"
    if pictures is None:
        return "one run for all images"
    return (
        "one run per image, because the file fixes the batch size; "
        "export it with dynamic=True to run all together"
    )


def _names(names: list[str] | None) -> str:
    if names is None:
        return "not named in the file"
    more = f", ... ({len(names)})" if len(names) > _SHOWN_NAMES else ""
    return ", ".join(names[:_SHOWN_NAMES]) + more
