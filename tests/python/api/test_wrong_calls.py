"""Calls of native functions with wrong arguments: a short message says what was expected and found."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import freshframe as ff
from freshframe import _call_errors, _native

PIXELS = np.zeros((48, 64, 3), np.uint8)


def frame() -> ff.Frame:
    return ff.Frame.from_array(PIXELS)


CALLS: dict[str, tuple[Callable[[], Any], str]] = {
    "None": (lambda: ff.Frame.from_array(PIXELS, None), "from_array(): format must be Literal['gray', "),  # type: ignore[arg-type]
    "by position": (
        lambda: frame().jpeg(70),  # type: ignore[call-arg]
        "jpeg(): takes 0 arguments by position, got 1: pass max_side= or quality= by name; call it as jpeg(",
    ),
    "unknown": (
        lambda: frame().jpeg(qualty=70),  # type: ignore[call-arg]
        "jpeg(): has no argument 'qualty'; its arguments are max_side, quality",
    ),
    "missing": (
        lambda: frame().write(),  # type: ignore[call-arg]
        "write(): needs the argument path; call it as write(path: str | os.PathLike[str])",
    ),
    "too many": (
        lambda: frame().write("a.png", "b.png"),  # type: ignore[call-arg]
        "write(): takes 1 argument by position, got 2; call it as",
    ),
    "another object": (lambda: ff.Frame.jpeg(PIXELS), "jpeg(): got (ndarray); call it as jpeg("),  # type: ignore[arg-type]
}

CONSTRUCTORS = {
    ff.Frame: "Frame cannot be called. Make a frame with Frame.from_array(",
    ff.Sample: "Sample cannot be called, because the engine makes the samples. Take one from a reader",
    ff.Reader: "Reader cannot be called. Make a reader with pipeline.reader(",
}


@pytest.mark.parametrize("values", [(), (PIXELS,)], ids=["without values", "with a value"])
@pytest.mark.parametrize("made_elsewhere", CONSTRUCTORS, ids=lambda each: each.__name__)
def test_a_class_without_a_constructor_says_what_makes_it(
    made_elsewhere: Callable[..., Any], values: tuple[Any, ...]
) -> None:
    with pytest.raises(TypeError, match=re.escape(CONSTRUCTORS[made_elsewhere])) as caught:  # type: ignore[index]
        made_elsewhere(*values)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", CALLS)
def test_a_wrong_call_says_what_was_expected_and_found(name: str) -> None:
    call, words = CALLS[name]
    with pytest.raises(ff.OptionTypeError, match=re.escape(words)) as caught:
        call()
    assert isinstance(caught.value, TypeError)
    assert "\n" not in str(caught.value)


def native_functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yields the functions and methods of the native module that a program can reach."""
    for name, found in vars(_native).items():
        members = vars(found).items() if isinstance(found, type) else [("", found)]
        for member, each in members:
            if type(each).__name__ in {"nb_func", "nb_method"} and not member.startswith("__"):
                yield f"{name}.{member}".strip("."), each


def refusal(function: Callable[..., Any], arguments: list[object]) -> str:
    """Returns the message of the TypeError that the call raises, or an empty string."""
    try:
        function(*arguments)
    except TypeError as error:
        return str(error)
    except Exception:
        return ""  # its own check has refused the object
    return ""


def test_no_native_function_shows_the_words_of_the_binding() -> None:
    told = [
        f"{name}: {text}"
        for name, function in native_functions()
        for arguments in ([object()] * 40, [object()])
        if (text := refusal(function, arguments))
    ]
    assert len(told) > 200
    assert not [text for text in told if "incompatible function arguments" in text or "\n" in text]


TEXT = "f(): incompatible function arguments. The following argument types are supported:\n"
TEXT += "{}\nInvoked with types: {}"


@pytest.mark.parametrize(
    ("signatures", "types", "words"),
    [
        (
            ["f(a: int, b: float = 1.5) -> int"],
            "int, str",
            "b must be float, got str; call it",
        ),
        (["f(a: int) -> int", "f(a: str) -> int"], "list", "got (list); call it as f(a: int) or f(a: str)"),
        (
            ["f(self, a: tuple[int, int] | None) -> int"],
            "x.Y, dict",
            "a must be tuple[int, int] | None, got dict",
        ),
        (["f(a: str = 'x, y', *, b: int) -> int"], "kwargs = { a: str }", "needs the argument b"),
        (["f(a: freshframe._native.Frame) -> None"], "float", "a must be Frame, got float"),
        (["f(*args) -> None"], "float", "got (float); call it as f(*args)"),
    ],
)
def test_the_argument_that_does_not_fit_is_named(signatures: list[str], types: str, words: str) -> None:
    listed = "".join(f"    {number}. {one}\n" for number, one in enumerate(signatures, 1))
    assert str(_call_errors.explain(TEXT.format(listed, types))).startswith(f"f(): {words}")


def test_another_message_is_left_as_it_is() -> None:
    with pytest.raises(ValueError, match="not a message"):
        _call_errors.explain("f(): something else")
