"""The options of the commands that look at a running pipeline: `top`, `why` and `mcp`."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse

from .option_values import port, seconds

_URL = "URL of a dashboard, as serve() returns it; or host:port, or a port"


def add_top_options(parser: argparse.ArgumentParser) -> None:
    """Those of `top`."""
    parser.add_argument("url", metavar="URL", help=_URL)
    parser.add_argument(
        "--every", type=seconds, default=1.0, metavar="TIME", help="time between two readings (default 1s)"
    )
    parser.add_argument("--once", action="store_true", help="read once, then end")


def add_mcp_options(parser: argparse.ArgumentParser) -> None:
    """Those of `mcp`."""
    parser.add_argument("url", metavar="URL", help=_URL)
    parser.add_argument(
        "--token-file", metavar="FILE", help="file with the token of serve(token=...), and nothing else"
    )
    parser.add_argument(
        "--http",
        type=port,
        metavar="PORT",
        help="serve HTTP on PORT of this machine, to clients with the token, instead of stdin and stdout",
    )
    parser.add_argument(
        "--max-age",
        type=seconds,
        default=5.0,
        metavar="TIME",
        help="show no picture that is older (default 5s)",
    )


def add_why_options(parser: argparse.ArgumentParser) -> None:
    """Those of `why`."""
    parser.add_argument("target", metavar="URL|APP.PY[:NAME]", help=f"{_URL}; or a file, as for `run`")
    parser.add_argument(
        "--for",
        dest="lasting",
        type=seconds,
        default=25.0,
        metavar="TIME",
        help="with a file: run it for so long (default 25s; the first cause is proven after 20s)",
    )
    parser.add_argument(
        "--what-if",
        dest="questions",
        action="append",
        default=[],
        metavar="'NODE: queue=NEXT'",
        help="predict the effect of a change of a node: queue=, max_age=, max_rate=, workers=, batch=, "
        "speed=, or rate= of a source; may be given several times",
    )
