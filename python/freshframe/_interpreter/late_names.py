"""Names of a package loaded on first use."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from typing import Any

from . import fork
from .calls import explained

_ELSEWHERE = {  # names of OpenCV and Ultralytics
    "VideoCapture": "`for sample in freshframe.open(0):` reads a camera",
    "VideoWriter": "freshframe.VideoFile('out.mp4') is a node that writes video",
    "YOLO": "freshframe.OnnxDetector('model.onnx') is a node that detects",
    "imread": "freshframe.Frame.read('a.jpg') returns a frame",
    "imshow": "freshframe.Pipeline has serve(), whose page shows them",
    "imwrite": "frame.write('a.jpg') of a freshframe.Frame writes one",
}


def getter(
    package: dict[str, Any],
    names: Mapping[str, str],
    modules: Collection[str] = (),
) -> Callable[[str], Any]:
    """Returns a ``__getattr__`` for a package or module.

    Hide it from type checkers, which otherwise would not report misspelt names.

    Args:
        package: Its globals().
        names: The module that defines each name.
        modules: Modules of the package that are public themselves.
    """
    own_name, home = package["__name__"], package["__package__"]
    is_private = own_name.rpartition(".")[2].startswith("_")  # not public

    def load(name: str) -> Any:
        with fork.explaining(), fork.loading():
            import importlib  # noqa: PLC0415

            if name in modules:
                return importlib.import_module(f".{name}", home)
            if name in names:
                module = importlib.import_module(f".{names[name]}", home)
                if not hasattr(module, name):  # the name of a module in a subpackage
                    importlib.import_module(f".{names[name]}.{name}", home)
                value = getattr(module, name)
                value = value if is_private else explained(value)
                package[name] = value  # so that later uses do not call this function
                return value
        meant = f": {_ELSEWHERE[name]}" if name in _ELSEWHERE and own_name == "freshframe" else ""
        raise AttributeError(
            f"module {own_name!r} has no attribute {name!r}{meant}", name=name, obj=sys.modules[own_name]
        )

    return load
