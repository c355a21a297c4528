"""How soon a live source stops while a name server is silent, asked by us or by FFmpeg (a redirect)."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess

from _measure import Result, arguments
from _silent_names import in_own_network
from faults import add_stops


def main() -> None:
    """Command line."""
    options = arguments(__doc__, "names", stops=100)
    result = Result("names", "live sources: stops while a name server is silent", {"stops": options.stops})
    try:
        figures = in_own_network(options.stops)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SystemExit(f"needs `unshare -rmn` (user, mount and network namespaces): {error}") from error
    for what, values in figures.items():
        add_stops(result, what, values)
    result.keep(options.out)


if __name__ == "__main__":
    main()
