"""File names in any encoding, in every place that takes or returns one; and paths that are not files."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rigs import name_uses
from rigs.command_line import ENVIRONMENT
from rigs.command_line import process as command

import freshframe as ff

NAMES = {
    "UTF-8": "caf\u00e9".encode(),
    "Latin-1": b"caf\xe9",
    "Shift-JIS": b"\x93\xfa\x96\x7b",
    "every high byte": bytes(range(0x80, 0xC0)),
    "a cut letter": "\u3042".encode()[:-1],
    "Chinese": "\u6444\u50cf\u5934".encode(),
    "spaces": b" a  b ",
    "quotes": b"a'b\"c",
}


@pytest.mark.table(cases=16)
@pytest.mark.parametrize("use", name_uses.USES)
@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_any_bytes_leads_to_its_file(name: str, use: str, tmp_path: Path) -> None:
    name_uses.USES[use](os.fsdecode(os.fsencode(tmp_path) + b"/" + NAMES[name]))


LOCALES = {
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "POSIX": {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "C with UTF-8": {"LC_ALL": "C", "PYTHONUTF8": "1"},
    "Latin-1": {"LC_ALL": "en_US.ISO-8859-1", "PYTHONUTF8": "0"},
}


@pytest.mark.slow
@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("name", ["UTF-8", "Latin-1"])
def test_a_name_leads_to_its_file_under_each_locale(locale: str, name: str, tmp_path: Path) -> None:
    environment = {**ENVIRONMENT, **LOCALES[locale]}
    if locale == "Latin-1":
        if shutil.which("localedef") is None:
            pytest.skip("localedef is not installed")
        place = tmp_path / "locales"
        place.mkdir()
        made = place / "en_US.ISO-8859-1"
        subprocess.run(
            ["localedef", "-f", "ISO-8859-1", "-i", "en_US", made], capture_output=True, check=False
        )
        if not made.exists():
            pytest.skip("localedef has no ISO-8859-1 here")
        environment["LOCPATH"] = str(place)
    environment["PYTHONPATH"] += os.pathsep + str(Path(name_uses.__file__).parents[1])
    folder = tmp_path / "files"
    folder.mkdir()
    program = [sys.executable, name_uses.__file__, str(folder), NAMES[name].hex()]
    done = subprocess.run(program, env=environment, capture_output=True, timeout=300, check=False)
    lines = done.stdout.decode("ascii").splitlines()
    assert [line for line in lines if not line.endswith(" ok")] == []
    assert len(lines) == len(name_uses.USES), done.stderr.decode(errors="replace")


def test_a_letter_that_the_locale_does_not_have_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    code = (
        "import freshframe as ff\n"
        "for call in (ff.open, ff.VideoFile, ff.JsonLines, ff.Frame.read):\n"
        "    try: call('\\u6444.mp4')\n"
        "    except ff.OptionError as error: print(ascii(str(error)))\n"
    )
    environment = {**ENVIRONMENT, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.count("cannot be encoded as") == 4, done.stdout + done.stderr
    assert done.stdout.count("PYTHONUTF8=1") == 4


@pytest.mark.parametrize("call", [ff.open, ff.VideoFile, ff.JsonLines, ff.Frame.read, ff.OnnxModel])
def test_bytes_are_refused_with_the_way_to_a_string(call: Callable[[bytes], object]) -> None:
    with pytest.raises(ff.OptionTypeError, match=r"pass os\.fsdecode\(path\)|must be a path, a URL"):
        call(b"a.mp4")


def test_commands_take_such_names(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mkv")
    name_uses.record(path)
    done = command("probe", path)
    assert done.returncode == 0, done.stderr
    lines = os.fsdecode(os.fsencode(tmp_path) + b"/\xe9.jsonl")
    done = command("track", path, "-o", lines)
    assert done.returncode == 0, done.stderr
    name_uses.made(lines)


# what is not a file

WAY = "tcp://127.0.0.1:5000"


def fifo(folder: Path) -> str:
    os.mkfifo(folder / "pipe.ts")
    return str(folder / "pipe.ts")


def bound(folder: Path) -> str:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "s"))
    return str(folder / "s")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (fifo, WAY),
        (bound, WAY),
        (lambda folder: "-", WAY),
        (lambda folder: "pipe:0", WAY),
        (lambda folder: "pipe:", WAY),
        (lambda folder: "fd:0", WAY),
        (lambda folder: "unix:/tmp/no.sock", WAY),
        (lambda folder: "/dev/null", "it is a device, not a file"),
        (lambda folder: "/proc/self/status", "copy it to a file"),
        (lambda folder: "/proc/self/fd", "directory|no image|no file|is empty|image"),
        (lambda folder: "~/film.mp4", "expanduser"),
        (lambda folder: "film.mp4", "there is no such file; check the path"),
    ],
)
def test_what_is_not_a_file_is_refused_with_another_way(
    make: Callable[[Path], str], message: str, tmp_path: Path
) -> None:
    given = make(tmp_path)
    with pytest.raises(ff.SourceError, match=message):
        ff.probe(given)
    with pytest.raises(ff.FreshframeError, match=message):
        ff.Frame.read(given)


@pytest.mark.parametrize("name", ["/dev/stdin", "-", "/proc/self/fd/0"])
def test_the_pipe_of_a_shell_is_refused_with_another_way(name: str) -> None:
    with subprocess.Popen(["sleep", "600"], stdout=subprocess.PIPE) as writer:
        try:
            done = command("probe", name, stdin=writer.stdout)
        finally:
            writer.kill()
    assert done.returncode != 0
    assert WAY in done.stderr


def test_a_file_as_the_input_of_a_program_is_read(tmp_path: Path) -> None:
    name_uses.record(str(tmp_path / "a.mkv"))
    with open(tmp_path / "a.mkv", "rb") as file:
        done = command("probe", "/dev/stdin", stdin=file)
    assert done.returncode == 0, done.stderr
