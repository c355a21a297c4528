"""The options of `freshframe fleet`."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse

from freshframe._agent import option_values


def add_verbs(parser: argparse.ArgumentParser) -> None:
    """Adds the verbs to the parser of `freshframe fleet`."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    run = verbs.add_parser("run", help="run cameras with the build() function of a program")
    run.add_argument(
        "app",
        metavar="APP.py",
        help="Python file that defines build(url), and also cameras unless --cameras is given",
    )
    run.add_argument(
        "--cameras", metavar="FILE", help="CSV file with the columns name, url and optionally needs"
    )
    run.add_argument(
        "--agents",
        type=option_values.count,
        metavar="N",
        help="number of agents, which are processes that run cameras (default 1)",
    )
    sites = run.add_argument_group("Ray sites")
    sites.add_argument(
        "--sites",
        metavar="FILE",
        help="TOML file with a table of cameras for each site of the Ray cluster at RAY_ADDRESS; the sites "
        "keep running after Ctrl-C",
    )
    sites.add_argument("--shutdown", action="store_true", help="with --sites: stop all sites")
    run.add_argument(
        "--exclusive",
        action="store_true",
        help="never connect to a camera twice, because each camera allows only one connection",
    )
    output = run.add_argument_group("output")
    output.add_argument("--read", metavar="OUTPUT", help="print the results of this output as JSON lines")
    output.add_argument(
        "--serve", action="store_true", help="serve a web page that shows the fleet, and print its URL"
    )
    for verb, summary in (
        ("status", "show the state of a fleet once"),
        ("top", "show the state of a fleet until you press Ctrl-C"),
    ):
        verbs.add_parser(verb, help=summary)
    for verb, summary in (
        ("drain", "move all cameras of an agent to other agents, and give it no new ones"),
        ("resume", "give an agent cameras again after drain"),
    ):
        verbs.add_parser(verb, help=summary).add_argument("agent", metavar="AGENT")
    for each in verbs.choices.values():
        each.add_argument("--name", metavar="NAME", help="name of the fleet; required if several are running")
        _add_common(each)


def _add_common(parser: argparse.ArgumentParser) -> None:
    """Adds the options that all verbs share. They may also be given before the verb."""
    common = parser.add_argument_group("common options")
    unset = argparse.SUPPRESS
    common.add_argument(
        "--json",
        action="store_true",
        default=unset,
        help="print results to stdout as JSON, one object per line",
    )
    common.add_argument(
        "--timeout",
        type=option_values.seconds,
        default=unset,
        metavar="TIME",
        help="stop after TIME with exit code 5",
    )
    common.add_argument(
        "-v",
        "--verbose",
        action="count",
        default=unset,
        help="print more messages to stderr; -vv prints all of them",
    )
    common.add_argument("-q", "--quiet", action="count", default=unset, help="print only errors to stderr")
