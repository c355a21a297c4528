"""Finds the photos that scenes are drawn on.

They come inside Python packages, so that nothing has to be downloaded or committed.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.float32]

# Photos without circles that come inside Python packages: to train on, and others to validate on.
PACKAGE_PHOTOS: dict[str, dict[str, tuple[str, ...]]] = {
    "train": {
        "skimage": ("camera", "chelsea", "coffee", "grass", "ihc", "page", "rocket", "text"),
        "sklearn": ("china", "flower"),
    },
    "valid": {"skimage": ("astronaut", "brick", "gravel")},
}
PHOTO_FOLDERS = {"skimage": "data", "sklearn": "datasets/images"}


def package_photos(purpose: str) -> list[Path]:
    """The photos of PACKAGE_PHOTOS["train"] or ["valid"]; their packages must be installed."""
    paths = []
    for package, names in PACKAGE_PHOTOS[purpose].items():
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            raise SystemExit(f"photos of the package '{package}' are wanted: see tools/circles/README.md")
        folder = Path(spec.origin).parent / PHOTO_FOLDERS[package]
        paths += [p for p in folder.iterdir() if p.stem in names]
    return paths


def load_photos(paths: list[Path]) -> list[Image]:
    """All photos that are large enough, in the order of their names."""
    photos = []
    for path in sorted(paths, key=lambda p: p.name):
        photo = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if photo is not None and min(photo.shape) >= 200:
            photos.append(photo.astype(np.float32))
    return photos
