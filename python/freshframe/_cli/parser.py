"""The options of the commands. A command's module is imported only when that command runs."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import difflib
import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import freshframe as ff

from .option_values import (
    count,
    degrees,
    dimensions,
    index,
    moment,
    port,
    radius,
    rate,
    seconds,
    setting,
    share,
    source,
)

_URL = "URL of a dashboard as returned by serve(), or host:port, or a port of this machine"


def add_top_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `top`."""
    parser.add_argument("url", metavar="URL", help=_URL)
    parser.add_argument(
        "--every", type=seconds, default=1.0, metavar="TIME", help="time between two updates (default 1s)"
    )
    parser.add_argument("--once", action="store_true", help="show the state once, then exit")


def add_mcp_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `mcp`."""
    parser.add_argument("url", metavar="URL", help=_URL)
    parser.add_argument(
        "--token-file", metavar="FILE", help="file that contains only the token given to serve(token=...)"
    )
    parser.add_argument(
        "--http",
        type=port,
        metavar="PORT",
        help="serve HTTP on PORT of this machine for clients that send the token, instead of using stdin and "
        "stdout",
    )
    parser.add_argument(
        "--max-age",
        type=seconds,
        default=5.0,
        metavar="TIME",
        help="do not show images older than TIME (default 5s)",
    )


def add_why_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `why`."""
    parser.add_argument("target", metavar="URL|APP.PY[:NAME]", help=f"{_URL}, or a Python file, as for `run`")
    parser.add_argument(
        "--for",
        dest="lasting",
        type=seconds,
        default=25.0,
        metavar="TIME",
        help="with a file: run it for TIME (default 25s; finding the first cause takes 20s)",
    )


_SOURCE = (
    "a camera (0, /dev/video0), a video or image file, frames/%%05d.png, a folder or glob of images, "
    "a stream such as rtsp://host/path, demo:circles or demo:shapes"
)

QUOTES = "put a pattern in quotes: 'frames/*.png'"  # otherwise the shell expands it to all files

_FPS = "frames per second of an image sequence (default 25), or the rate that a camera must deliver"
_ROTATE = "rotate the frames clockwise by N degrees: 90, 180 or 270"
_STREAM = "index of the stream to read from a file with several videos; freshframe probe lists them"


def parse(arguments: Sequence[str]) -> Any:
    """Parses the command line; call ``run(options, messages)`` of the result. Exits like argparse."""
    parser = argparse.ArgumentParser(
        prog="freshframe",
        usage="freshframe [-h] [--version] COMMAND ...",
        description="Live video for Python programs: read cameras, run models, see why results are late.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"freshframe {ff.__version__}")
    commands = parser.add_subparsers(
        prog="freshframe", dest="command", metavar="COMMAND", required=True, help=argparse.SUPPRESS
    )
    _track(commands)
    _view(commands)
    _app(commands)
    _top(commands)
    _why(commands)
    _mcp(commands)
    _demo(commands)
    _probe(commands)
    _devices(commands)
    _doctor(commands)
    _model(commands)
    _fleet(commands, arguments)
    _gil(commands)
    parser.epilog = _list_commands(commands.choices)
    _check_command(parser, list(commands.choices), arguments)
    arguments, own = _split_at_dashes(arguments)
    options, rest = parser.parse_known_args(arguments, argparse.Namespace(arguments=own))
    if rest:
        hint = ""
        if all(os.path.exists(text) for text in rest):
            several = options.command == "track"
            hint = "; name all sources before the options" if several else f"; {QUOTES}"
        command: argparse.ArgumentParser = commands.choices[options.command]
        hint = _meant_option(command, rest[0]) or hint
        command.error(f"unrecognized arguments: {' '.join(rest[:3])}{' ...' if len(rest) > 3 else ''}{hint}")
    return options


_GROUPS = {
    "start here": ("demo", "doctor", "devices"),
    "video": ("view", "track", "probe", "model"),
    "pipelines": ("run", "top", "why", "mcp", "fleet"),
    "the GIL": ("gil",),
}


def _list_commands(commands: Mapping[str, argparse.ArgumentParser]) -> str:
    """Returns the commands by group, each with its summary."""
    lines = []
    for group, names in _GROUPS.items():
        lines.append(f"{group}:")
        for name in names:
            summary = (commands[name].description or "").removesuffix(".")
            lines.append(f"  {name:<9}{summary[0].lower()}{summary[1:]}")
        lines.append("")
    return "\n".join([*lines, "Run 'freshframe COMMAND --help' for the options of a command."])


def _meant_option(parser: argparse.ArgumentParser, given: str) -> str:
    """Returns '; did you mean --model?' for a misspelt option, otherwise an empty string."""
    if not given.startswith("--"):
        return ""
    near = difflib.get_close_matches(given.partition("=")[0], _list_options(parser), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _list_options(parser: argparse.ArgumentParser) -> list[str]:
    """Returns the long options of a command and of its subcommands."""
    found = [text for action in parser._actions for text in action.option_strings if text.startswith("--")]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found += [text for verb in action.choices.values() for text in _list_options(verb)]
    return found


def _check_command(parser: argparse.ArgumentParser, names: list[str], arguments: Sequence[str]) -> None:
    """Shows the help when no command is given; suggests a command when one is misspelt."""
    if not arguments:
        parser.print_help(sys.stderr)
        parser.exit(2)
    given = arguments[0]
    if given.startswith("-") or given in names:
        return
    near = difflib.get_close_matches(given, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"the commands are {', '.join(names)}"
    parser.error(f"there is no command {given!r}; {hint}")


def _split_at_dashes(arguments: Sequence[str]) -> tuple[Sequence[str], list[str]]:
    """Returns the arguments before and after `--`, for `run` and `why`."""
    if not {"run", "why"}.intersection(arguments[:1]) or "--" not in arguments:
        return arguments, []
    at = list(arguments).index("--")
    return arguments[:at], list(arguments[at + 1 :])


def _command(commands: Any, name: str, summary: str, examples: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=_runner(name))
    common = parser.add_argument_group("common options")
    common.add_argument(
        "--json", action="store_true", help="print results to stdout as JSON, one object per line"
    )
    common.add_argument("--timeout", type=seconds, metavar="TIME", help="stop after TIME with exit code 5")
    common.add_argument(
        "-v",
        "--verbose",
        action="count",
        default=0,
        help="print more messages to stderr; -vv prints all of them",
    )
    common.add_argument("-q", "--quiet", action="count", default=0, help="print only errors to stderr")
    common.add_argument("--version", action="version", version=f"freshframe {ff.__version__}")
    return parser


def _runner(name: str) -> Callable[[Any, Any], Any]:
    def run(options: Any, messages: Any) -> Any:
        return importlib.import_module(f"{__package__}.{name}").run(options, messages)

    return run


def _track(commands: Any) -> None:
    parser = _command(
        commands,
        "track",
        "find and track the circles in a video, or the objects that a model finds",
        "  freshframe track match.mp4 --start 2m --for 10s -o tracks.jsonl -o annotated.mp4\n"
        "  freshframe track 0 --model yolo11n.onnx --classes person -o 'people.mp4' --serve",
    )
    parser.add_argument(
        "sources",
        type=source,
        nargs="+",
        metavar="SOURCE",
        help=f"{_SOURCE}; several files are tracked one after the other",
    )
    parser.add_argument("--fps", type=rate, metavar="N", help=_FPS)
    parser.add_argument("--rotate", type=degrees, metavar="N", help=_ROTATE)
    parser.add_argument("--stream", type=index, metavar="N", help=_STREAM)
    parser.add_argument(
        "-o",
        "--output",
        action="append",
        default=[],
        metavar="FILE",
        help="write the results to FILE (.jsonl or .csv), or the video with the results drawn on it (.mp4). "
        "{stem} in FILE stands for the source's name without its suffix. Can be repeated",
    )
    circles = parser.add_argument_group("circles")
    circles.add_argument(
        "--detect", action="store_true", help="detect circles in each frame separately, without tracking them"
    )
    circles.add_argument(
        "--radius",
        type=radius,
        metavar="MIN:MAX",
        help="smallest and largest radius in pixels (default 6:200)",
    )
    _limits(parser.add_argument_group("frames to process"))
    group = parser.add_argument_group("a model instead of circles")
    group.add_argument("--model", metavar="FILE", help="detect objects with the ONNX model in FILE")
    group.add_argument("--classes", metavar="A,B", help="detect only the classes with these names")
    _model_options(group)
    _serving(parser)


def _limits(group: Any) -> None:
    """Adds the options that select frames."""
    group.add_argument(
        "--realtime",
        action="store_true",
        help="play a file at its own speed, like a camera, and drop frames that would have to wait",
    )
    group.add_argument(
        "--for",
        dest="duration",
        type=seconds,
        metavar="TIME",
        help="stop after TIME: video time for a file, real time for a live source",
    )
    group.add_argument(
        "--start", type=moment, metavar="TIME", help="start with the frame at TIME in the file"
    )
    group.add_argument("--end", type=moment, metavar="TIME", help="stop before the frame at TIME in the file")
    group.add_argument(
        "--wait",
        action="store_true",
        help="wait for a missing camera instead of exiting immediately; a stream is always waited for",
    )
    group.add_argument("--max-frames", type=count, metavar="N", help="stop after processing N frames")
    group.add_argument(
        "--keep",
        type=share,
        default=1.0,
        metavar="P",
        help="process only a random share P of the frames, above 0 and at most 1",
    )
    group.add_argument("--seed", type=int, default=1, metavar="N", help="random seed for --keep (default 1)")


def _model_options(group: Any) -> None:
    group.add_argument(
        "--min-confidence",
        type=share,
        metavar="P",
        help="report only boxes with a confidence above P (default 0.25)",
    )
    group.add_argument(
        "--layout",
        metavar="NAME",
        help="layout of the model's outputs, if it cannot be recognised (see freshframe model FILE)",
    )
    group.add_argument("--threads", type=count, metavar="N", help="number of threads for the model")
    group.add_argument(
        "--provider",
        metavar="NAME",
        help="run the model with this execution provider of ONNX Runtime, such as cpu, cuda or openvino; "
        "freshframe doctor lists them (default: the first of cuda, openvino and cpu that works)",
    )
    group.add_argument(
        "--provider-option",
        type=setting,
        action="append",
        metavar="NAME=VALUE",
        help="option of the provider, such as device_type=GPU for openvino. Can be repeated",
    )


def _model(commands: Any) -> None:
    parser = _command(
        commands,
        "model",
        "describe an ONNX file: its inputs, outputs, detector layout, speed and memory",
        "  freshframe model yolo11n.onnx\n  freshframe model yolo11n.onnx --threads 1 --json",
    )
    parser.add_argument("model", metavar="FILE", help="the .onnx file")
    parser.add_argument(
        "--size", type=dimensions, metavar="WxH", help="size of the input, if the file leaves it open"
    )
    _model_options(parser)


def _serving(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("dashboard")
    group.add_argument(
        "--serve",
        type=port,
        nargs="?",
        const=0,
        metavar="PORT",
        help="serve the dashboard and /metrics on PORT, or on a free port, and print the URL to stderr",
    )
    _host(group)


def _host(group: Any) -> None:
    group.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="listen on ADDRESS (default 127.0.0.1); other machines need the token in the URL",
    )


def _view(commands: Any) -> None:
    parser = _command(
        commands,
        "view",
        "show a source's video and its pipeline in a browser",
        "  freshframe view 0\n  freshframe view rtsp://camera/stream --host 0.0.0.0\n"
        "  freshframe view browser:",
    )
    parser.add_argument("source", type=source, metavar="SOURCE", help=_SOURCE)
    parser.add_argument("--fps", type=rate, metavar="N", help=_FPS)
    parser.add_argument("--rotate", type=degrees, metavar="N", help=_ROTATE)
    parser.add_argument("--stream", type=index, metavar="N", help=_STREAM)
    parser.add_argument("--circles", action="store_true", help="track circles and draw them")
    parser.add_argument("--loop", action="store_true", help="play a file in a loop")
    group = parser.add_argument_group("dashboard")
    group.add_argument(
        "--port", type=port, default=8080, help="listen on PORT (default 8080), or on a free port if it is 0"
    )
    _host(group)


def _app(commands: Any) -> None:
    parser = _command(
        commands,
        "run",
        "run the pipeline that a Python file builds",
        "  freshframe run app.py --serve 8080\n  freshframe run app.py:cameras -- --option of-the-app",
    )
    _serving(parser)
    parser.add_argument(
        "app",
        metavar="APP.PY[:NAME]",
        help="Python file, and optionally the name of a Pipeline in it or of a function that returns one "
        "(default: pipeline)",
    )
    parser.epilog = f"{parser.epilog}\n\nArguments after -- are passed to the Python file in sys.argv."


def _top(commands: Any) -> None:
    parser = _command(
        commands,
        "top",
        "show a running pipeline in the terminal, with the most drops first",
        "  freshframe top http://127.0.0.1:8080\n  freshframe top 8080 --json | jq .edges",
    )
    add_top_options(parser)


def _why(commands: Any) -> None:
    parser = _command(
        commands,
        "why",
        "find out why the samples of a pipeline are old or lost, and how to fix it",
        "  freshframe why http://127.0.0.1:8080\n  freshframe why app.py --for 1m",
    )
    add_why_options(parser)
    parser.epilog = f"{parser.epilog}\n\nArguments after -- are passed to the Python file in sys.argv."


def _mcp(commands: Any) -> None:
    parser = _command(
        commands,
        "mcp",
        "let an agent see through a running pipeline (Model Context Protocol); needs freshframe[mcp]",
        "  freshframe mcp http://127.0.0.1:8080\n"
        "  freshframe mcp http://127.0.0.1:8080 --token-file token --http 8765",
    )
    add_mcp_options(parser)


def _demo(commands: Any) -> None:
    parser = _command(
        commands,
        "demo",
        "run a 15 s demonstration, which needs no camera and no display",
        "  freshframe demo --process\n  freshframe demo --seconds 5 --out results --json",
    )
    parser.add_argument(
        "--seconds",
        type=seconds,
        default=15.0,
        metavar="TIME",
        help="duration of the live part (default 15s)",
    )
    parser.add_argument("--out", metavar="DIR", help="write the video and the image to DIR (default out)")
    parser.add_argument(
        "--process",
        action="store_true",
        help="compare a CPU-heavy node on a thread with the same node in a worker process",
    )
    parser.add_argument(
        "--shapes",
        action="store_true",
        help="demonstrate object detection (balls, squares, triangles) instead of circles; needs "
        "freshframe[onnx]",
    )
    parser.add_argument(
        "--frozen-game",
        action="store_true",
        help="show instead how a game freezes next to a capture that holds the GIL, but not next to "
        "freshframe",
    )
    parser.add_argument(
        "--browser",
        action="store_true",
        help="use the camera of a browser: print a link, and start when a browser sends frames; nothing is "
        "recorded",
    )
    _serving(parser)


def _probe(commands: Any) -> None:
    parser = _command(
        commands,
        "probe",
        "open a source, read it for 2 s and report its properties",
        "  freshframe probe match.mp4\n  freshframe probe 'demo:circles?fps=30' --json",
    )
    parser.add_argument("source", type=source, metavar="URL", help=_SOURCE)
    parser.add_argument("--fps", type=rate, metavar="N", help=_FPS)
    parser.add_argument("--stream", type=index, metavar="N", help=_STREAM)
    parser.add_argument(
        "--decoder",
        default="cpu",
        metavar="WHERE",
        help="cpu (the default), cuda or cuda:1 for a GPU, auto for a GPU if it can decode the source",
    )


def _devices(commands: Any) -> None:
    _command(
        commands,
        "devices",
        "list the cameras of this machine with formats, sizes and rates",
        "  freshframe devices\n  freshframe devices --json | jq .path",
    )


def _doctor(commands: Any) -> None:
    _command(
        commands,
        "doctor",
        "check this installation and suggest fixes",
        "  freshframe doctor\n  freshframe doctor --json",
    )


def _fleet(commands: Any, arguments: Sequence[str]) -> None:
    parser = _command(
        commands,
        "fleet",
        "run many cameras in several processes and show their state",
        "  freshframe fleet run app.py --cameras cameras.csv --agents 2 --read tracks\n"
        "  freshframe fleet status\n  freshframe fleet drain agent0",
    )
    if "fleet" not in arguments[:1]:
        return  # saves the import for the other commands
    try:
        from ..fleet import _command_line  # noqa: PLC0415
    except ff.MissingPackageError as error:
        parser.exit(2, f"freshframe fleet: {error}\n")
    _command_line(parser)


def _gil(commands: Any) -> None:
    parser = _command(
        commands,
        "gil",
        "run a program and list the calls that held the GIL",
        "  freshframe gil app.py --some-option of-the-app\n  freshframe gil --threshold 20ms -m package.app",
    )
    parser.add_argument(
        "--threshold",
        type=seconds,
        default=0.01,
        metavar="TIME",
        help="report stalls of at least TIME (default 10ms). Pure Python code releases the GIL "
        "every 5 ms (sys.setswitchinterval), so it shows up only if TIME is below 5ms",
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="write the stalls to FILE as JSON lines")
    parser.add_argument(
        "-m",
        "--module",
        nargs=argparse.REMAINDER,
        metavar="NAME ARGS",
        help="run a module like python -m; arguments after its name are passed to the program",
    )
    parser.add_argument("program", nargs="?", metavar="SCRIPT", help="script to run, unless -m is given")
    parser.add_argument(
        "arguments", nargs=argparse.REMAINDER, metavar="ARGS", help="arguments of the program"
    )
