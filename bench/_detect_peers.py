"""Ultralytics and supervision for bench/detect: a process of their own environment that computes on request.

Run by bench/detect.py: python _detect_peers.py KIND MODEL FRAME.npy CONFIDENCE THREADS. A line on stdin asks
for one picture, a line on stdout has its milliseconds.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("YOLO_OFFLINE", "true")
os.environ.setdefault("YOLO_AUTOINSTALL", "false")

import cv2
import numpy as np

IOU = 0.45


def limit_threads(threads: int) -> None:
    """For sessions of ONNX Runtime that are made without a number of threads.

    Those have a thread for each core, tied to its core: the process's affinity does not hold for them.
    """
    import onnxruntime  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415

    session = onnxruntime.InferenceSession

    def limited(path: Any, sess_options: Any = None, **more: Any) -> Any:
        options = sess_options or onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        return session(path, options, **more)

    onnxruntime.InferenceSession = limited


def ultralytics(path: str, confidence: float, threads: int) -> Callable[[Any], object]:
    """Its own predict() on the file, which it runs with ONNX Runtime."""
    from ultralytics import YOLO  # noqa: PLC0415

    limit_threads(threads)
    model = YOLO(path, task="detect")
    return lambda bgr: model.predict(bgr, conf=confidence, iou=IOU, rect=False, verbose=False)[0].boxes.data


def supervision(path: str, confidence: float, threads: int) -> Callable[[Any], object]:
    """ONNX Runtime, NumPy, and supervision's Detections with its suppression."""
    import onnxruntime  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415
    import supervision as sv  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    side = session.get_inputs()[0].shape[2]

    def detect(bgr: Any) -> object:
        height, width = bgr.shape[:2]
        scale = min(side / width, side / height)
        small = cv2.resize(bgr, (round(width * scale), round(height * scale)))
        full = np.full((side, side, 3), 114, np.uint8)
        top, left = (side - small.shape[0]) // 2, (side - small.shape[1]) // 2
        full[top : top + small.shape[0], left : left + small.shape[1]] = small
        tensor = np.ascontiguousarray(full[..., ::-1].transpose(2, 0, 1)[None], np.float32) / np.float32(255)
        rows = session.run(None, {"images": tensor})[0][0].T
        classes = rows[:, 4:].argmax(1)
        best = rows[np.arange(len(rows)), 4 + classes]
        kept = best > confidence
        centre, size = rows[kept, :2], rows[kept, 2:4]
        corners = np.concatenate([centre - size / 2, centre + size / 2], 1)
        corners = (corners - [left, top, left, top]) / scale
        found = sv.Detections(corners, confidence=best[kept], class_id=classes[kept])
        return found.with_nms(threshold=IOU)

    return detect


def main() -> None:
    """Command line."""
    kind, path, frame, confidence, threads = sys.argv[1:]
    if threads == "1":
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    cv2.setNumThreads(int(threads))
    planes = np.load(frame)
    if kind == "ultralytics":
        detect = ultralytics(path, float(confidence), int(threads))
    else:
        detect = supervision(path, float(confidence), int(threads))
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the libraries' own output is not an answer
    for _ in range(2):
        detect(cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420))
    print("ready", file=out, flush=True)
    for _ in sys.stdin:
        begin = time.perf_counter()
        detect(cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420))
        print((time.perf_counter() - begin) * 1e3, file=out, flush=True)


if __name__ == "__main__":
    main()
