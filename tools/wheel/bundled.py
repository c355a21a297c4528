"""What a wheel carries beside freshframe's own code: the one table that bill of materials and checks read."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Library:
    """A library of another project inside the wheel.

    Attributes:
        name: Debian's source package.
        licence: SPDX expression of what is inside the wheel.
        shared: Names of its own files; empty: it is linked into others.
        inside: Where a static one ended up.
        copyright: Its notices, when it is not built by libraries.sh.
    """

    name: str
    licence: str
    shared: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()
    copyright: str = ""


LGPL_OR_GPL = "LGPL-3.0-or-later OR GPL-2.0-or-later"
MODULES = ("_native", "_gil", "_lab", "_numeric")

LIBRARIES = (
    Library("ffmpeg", "LGPL-2.1-or-later", shared=("libavcodec", "libavformat", "libavutil", "libswscale")),
    Library("gnutls28", "LGPL-2.1-or-later", shared=("libgnutls",)),
    Library("nettle", LGPL_OR_GPL, inside=("libgnutls",)),
    Library("gmp", LGPL_OR_GPL, inside=("libgnutls",)),
    Library("cairo", "LGPL-2.1-only OR MPL-1.1", shared=("libcairo",)),
    Library("elfutils", LGPL_OR_GPL, shared=("libdw", "libelf")),
    Library("libvpx", "BSD-3-Clause", inside=("libavcodec",)),
    Library("dav1d", "BSD-2-Clause", inside=("libavcodec",)),
    Library("pixman", "MIT", inside=("libcairo",)),
    Library("zlib", "Zlib", inside=("libavcodec", "libavformat", "libelf", "libdw")),
    Library("libjpeg-turbo", "IJG AND BSD-3-Clause AND Zlib", inside=("_native",)),
    Library("libyuv", "BSD-3-Clause", inside=("_native",)),
    Library("highway", "Apache-2.0 OR BSD-3-Clause", inside=("_native", "_numeric")),
    Library(
        "boost1.74", "BSL-1.0", inside=("_native",), copyright="/usr/share/doc/libboost1.74-dev/copyright"
    ),
    Library(
        "nlohmann-json3", "MIT", inside=("_native",), copyright="/usr/share/doc/nlohmann-json3-dev/copyright"
    ),
    Library(
        "gcc-12",
        "GPL-3.0-or-later WITH GCC-exception-3.1",
        inside=MODULES,
        copyright="/usr/share/doc/libstdc++6/copyright",
    ),
    Library("nanobind", "BSD-3-Clause AND MIT", inside=MODULES, copyright="nanobind"),
)

# The texts that notices refer to.
COMMON_LICENCES = ("LGPL-2.1", "LGPL-3", "GPL-3", "MPL-1.1", "Apache-2.0")


def library_of(file_name: str) -> Library | None:
    """The library that a bundled file is of; None: it must not be there."""
    stem = Path(file_name).name.split(".so")[0].split("-")[0]
    return next((library for library in LIBRARIES if stem in library.shared), None)
