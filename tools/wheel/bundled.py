"""Lists the third-party contents of a wheel, for the bill of materials and the checks."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Library:
    """A library of another project inside the wheel.

    Attributes:
        name: Debian's source package, or that of the Python package index.
        licence: SPDX expression of what is inside the wheel.
        shared: Names of its files; empty means it is linked into others.
        inside: Where a static one ended up.
        package: The binary package of Debian 12 that it is taken from; empty means libraries.sh builds it.
        cross: The package of the cross compiler that a wheel for another architecture takes it from instead.
    """

    name: str
    licence: str
    shared: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()
    package: str = ""
    cross: str = ""


LGPL_OR_GPL = "LGPL-3.0-or-later OR GPL-2.0-or-later"
GCC = "GPL-3.0-or-later WITH GCC-exception-3.1"
MODULES = ("_native", "_numeric")

LIBRARIES = (
    # under the LGPL: shared libraries, so that users can replace them
    Library("ffmpeg", "LGPL-2.1-or-later", shared=("libavcodec", "libavformat", "libavutil", "libswscale")),
    Library("cairo", "LGPL-2.1-only OR MPL-1.1", shared=("libcairo",)),
    Library("gnutls28", "LGPL-2.1-or-later", shared=("libgnutls",), package="libgnutls30"),
    Library("nettle", LGPL_OR_GPL, shared=("libnettle", "libhogweed"), package="libnettle8"),
    Library("gmp", LGPL_OR_GPL, shared=("libgmp",), package="libgmp10"),
    Library("libidn2", LGPL_OR_GPL, shared=("libidn2",), package="libidn2-0"),
    Library("libunistring", LGPL_OR_GPL, shared=("libunistring",), package="libunistring2"),
    Library("libtasn1-6", "LGPL-2.1-or-later", shared=("libtasn1",), package="libtasn1-6"),
    # others that are copied from Debian
    Library("p11-kit", "BSD-3-Clause", shared=("libp11-kit",), package="libp11-kit0"),
    Library("libffi", "MIT", shared=("libffi",), package="libffi8"),
    Library("dav1d", "BSD-2-Clause", shared=("libdav1d",), package="libdav1d6"),
    # static
    Library("libvpx", "BSD-3-Clause", inside=("libavcodec",)),
    Library("nv-codec-headers", "MIT", inside=("libavcodec", "libavutil")),
    Library("pixman", "MIT", inside=("libcairo",)),
    Library("zlib", "Zlib", inside=("libavcodec", "libavformat")),
    Library("libjpeg-turbo", "IJG AND BSD-3-Clause AND Zlib", inside=("_native",)),
    Library("libyuv", "BSD-3-Clause", inside=("_native",)),
    Library("highway", "Apache-2.0 OR BSD-3-Clause", inside=("_native", "_numeric")),
    Library("boost1.74", "BSL-1.0", inside=("_native",), package="libboost1.74-dev"),
    Library("nlohmann-json3", "MIT", inside=("_native",), package="nlohmann-json3-dev"),
    Library("gcc-12", GCC, inside=MODULES, package="libstdc++6", cross="libstdc++-12-dev-arm64-cross"),
    Library("nanobind", "BSD-3-Clause AND MIT", inside=MODULES),
)
# Shared libraries in a wheel of gil-budget.
OF_GIL_BUDGET = (
    Library("elfutils", LGPL_OR_GPL, shared=("libdw", "libelf"), package="libdw1"),
    Library("xz-utils", "0BSD", shared=("liblzma",), package="liblzma5"),
    Library("bzip2", "bzip2-1.0.6", shared=("libbz2",), package="libbz2-1.0"),
)
ALL_LIBRARIES = (*LIBRARIES, *OF_GIL_BUDGET)


@dataclass(frozen=True)
class Origin:
    """Where the libraries of a wheel come from.

    Attributes:
        prefix: The folder that libraries.sh has filled.
        root: An unpacked Debian of another architecture (tools/aarch64/root.sh); None means this machine.
    """

    prefix: Path
    root: Path | None = None

    def notices(self, library: Library) -> Path:
        """Returns the file with the copyright notices of a library from a Debian package."""
        if self.root is None or self._is_cross(library):
            return Path("/usr/share/doc") / self._package(library) / "copyright"
        return self.root / "usr/share/doc" / library.package / "copyright"

    def version(self, library: Library) -> str:
        """Returns the version of the source package that a library was built from."""
        wanted = "${Built-Using}" if self._is_cross(library) else "${source:Version}"
        command = ["dpkg-query", "-W", "-f", f"{wanted}\n", self._package(library)]
        if self.root is not None and not self._is_cross(library):
            command.insert(1, f"--admindir={self.root / 'var/lib/dpkg'}")
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\n")[0]
        if not self._is_cross(library):
            return said
        found = re.search(rf"{re.escape(library.name)} \(= ([^)]+)\)", said)
        if found is None:
            raise SystemExit(f"bundled.py: {library.cross} does not say of which {library.name} it was built")
        return found[1]

    @property
    def folders(self) -> list[Path]:
        """Returns the folders of Debian's shared libraries."""
        if self.root is not None:
            return list((self.root / "usr/lib").glob("*-linux-gnu"))
        return [folder for root in ("/lib", "/usr/lib") for folder in Path(root).glob("*-linux-gnu")]

    def _is_cross(self, library: Library) -> bool:
        return self.root is not None and bool(library.cross)

    def _package(self, library: Library) -> str:
        return library.cross if self._is_cross(library) else library.package


# The licence texts that notices refer to.
COMMON_LICENCES = ("LGPL-2.1", "LGPL-3", "GPL-2", "GPL-3", "MPL-1.1", "Apache-2.0")


def find_stem(file_name: str) -> str:
    """Returns the plain name: libdw for freshframe.libs/libdw-0-1a2b3c4d.188.so and for libdw-0.188.so."""
    name = re.split(r"\.so\b|\.\d", Path(file_name).name, maxsplit=1)[0]
    return re.sub(r"(-\d+)?(-[0-9a-f]{8})?$", "", name)


def find_library(file_name: str) -> Library | None:
    """Returns the library that a bundled file belongs to, or None if the file must not be there."""
    return next((library for library in ALL_LIBRARIES if find_stem(file_name) in library.shared), None)
