"""Python functions compiled by numba as native nodes."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support import picture, run_node

import freshframe as ff

numba = pytest.importorskip("numba", reason="numba is not installed")
pytestmark = pytest.mark.usefixtures("numba_compiler")


def frames(count: int) -> list[ff.Frame]:
    return [ff.Frame.from_array(picture(number), "gray") for number in range(count)]


def values(node: Any, given: list[ff.Frame], **options: Any) -> list[Any]:
    return [sample.value for sample in run_node(node, given, **options)]


@pytest.mark.slow
def test_a_function_gives_a_number() -> None:
    @ff.native.numba(out=())
    def mean(pixels: Any) -> Any:
        return pixels.mean()

    assert values(mean, frames(3)) == [0, 1, 2]
    assert values(mean, frames(1)) == [0]  # the same function can be added repeatedly


@pytest.mark.slow
def test_a_function_fills_the_array_that_it_names() -> None:
    @ff.native.numba(out=(2, 3), dtype="float64", state=b"\x07")
    def stamp(state: Any, source: Any, seq: Any, pts: Any, out: Any, pixels: Any) -> None:
        out[0, 0] = pts
        out[0, 1] = seq
        out[0, 2] = source
        out[1, 0] = pixels.shape[0]
        out[1, 1] = pixels.shape[1]
        state[0] += 1
        out[1, 2] = state[0]

    _, second = values(stamp, frames(2))
    assert second.tolist() == [[0.04, 1, 0], [48, 64, 9]]
    assert not second.flags.writeable


@pytest.mark.slow
def test_a_function_gets_colours_of_padded_rows() -> None:
    @ff.native.numba(out=(3,), format="rgb")
    def last(pixels: Any, out: Any) -> None:
        for channel in range(3):
            out[channel] = pixels[-1, -1, channel]

    padded = np.zeros((5, 100, 3), np.uint8)
    padded[4, 6] = 1, 2, 3
    frame = ff.Frame.from_array(padded[:, :7], "bgr", copy=False)
    assert values(last, [frame])[0].tolist() == [3, 2, 1]


@pytest.mark.slow
def test_the_number_of_rows_may_vary() -> None:
    @ff.native.numba(out=(None, 2), max_rows=4, dtype="int32")
    def bright(pixels: Any, out: Any) -> Any:
        out[0, 1] = 5
        return pixels[0, 0]

    assert [value.tolist() for value in values(bright, frames(3))] == [[], [[0, 5]], [[0, 5], [0, 0]]]


@pytest.mark.slow
def test_an_exception_is_a_node_error() -> None:
    @ff.native.numba(out=())
    def fails(pixels: Any, seq: Any) -> Any:
        if seq == 1:
            raise ValueError("this text is lost")
        return 0.0

    with pytest.raises(ff.NodeError, match=r"'fails' failed on sample 1 of 'values': raised an exception"):
        values(fails, frames(3))


@pytest.mark.slow
def test_a_function_that_would_take_the_gil_is_refused() -> None:
    with pytest.raises(ff.OptionError, match=r"'prints' would take the GIL, as print\(\)"):

        @ff.native.numba(out=())
        def prints(pixels: Any) -> Any:
            print(1)
            return 0.0

    with pytest.raises(ff.OptionError, match="would take the GIL"):

        @ff.native.numba(out=())
        def in_object_mode(pixels: Any) -> Any:
            with numba.objmode(result="float64"):
                result = 1.0
            return result


def test_a_function_that_numba_cannot_compile_is_refused() -> None:
    with pytest.raises(ff.OptionError, match=r"numba cannot compile 'strange'"):

        @ff.native.numba(out=())
        def strange(pixels: Any) -> Any:
            return pixels.no_such_method()

    with pytest.raises(
        ff.OptionTypeError, match=r"'other' has the unknown parameter 'frame'; the known ones are pixels, out"
    ):

        @ff.native.numba(out=())
        def other(frame: Any) -> Any:
            return 0.0


def whole(pixels: Any, out: Any) -> None:
    pixels[:] = 255


def one_row(pixels: Any, out: Any) -> None:
    row = pixels[3]
    row[0] = 255


def one_element(pixels: Any, out: Any) -> None:
    for y in range(3):
        pixels[y, 5] = 255


@pytest.mark.slow
@pytest.mark.parametrize(("draws", "format_"), [(whole, "gray"), (one_row, "gray"), (one_element, "bgr")])
def test_a_function_that_writes_into_the_frame_of_all_its_users_is_refused(draws: Any, format_: Any) -> None:
    with pytest.raises(ff.OptionError, match=rf"'{draws.__name__}' writes into `pixels`.*pixels\.copy\(\)"):
        ff.native.numba(out=(1,), format=format_)(draws)


def test_a_jitted_function_that_may_write_into_the_pixels_is_refused() -> None:
    eager = numba.njit("void(u1[:,:], f4[:])")(lambda pixels, out: None)
    with pytest.raises(ff.OptionError, match="writes into `pixels`, or its signature allows that"):
        ff.native.numba(out=(1,))(eager)


@pytest.mark.slow
def test_a_copy_of_the_pixels_may_be_written() -> None:
    @ff.native.numba(out=())
    def darkest(pixels: Any) -> Any:
        copy = pixels.copy()
        copy[0, 0] = 200
        larger = pixels.astype(np.uint16)
        larger[0, 0] = 300
        return larger[0, 0] - copy[0, 0] + copy.min()

    given = frames(2)
    assert values(darkest, given) == [100, 101]
    assert (given[1].luma == 1).all()


@pytest.mark.slow
def test_a_result_that_nothing_would_write_or_read_is_refused() -> None:
    def one(pixels: Any) -> Any:
        return 1.0

    with pytest.raises(
        ff.OptionTypeError, match=r"'one' has no parameter `out`.*of shape \(2,\).*pass out=\(\)"
    ):
        ff.native.numba(out=(2,))(one)
    with pytest.raises(ff.OptionTypeError, match="'one' has no parameter `out`"):
        ff.native.numba(out=(None, 2), max_rows=3)(one)

    def both(out: Any) -> Any:
        return 1.0

    with pytest.raises(
        ff.OptionError, match=r"'both' returns float64, which nothing would read: with out=\(2,\)"
    ):
        ff.native.numba(out=(2,))(both)

    def nothing(out: Any) -> None:
        out[0] = 1

    with pytest.raises(ff.OptionError, match=r"'nothing' returns nothing.*its result, a number"):
        ff.native.numba(out=())(nothing)
    with pytest.raises(ff.OptionError, match=r"'nothing' returns nothing.*the number of rows"):
        ff.native.numba(out=(None,), max_rows=2)(nothing)


def test_a_jitted_function_is_taken_as_it_is_and_a_bare_one_names_the_way() -> None:
    jitted = numba.njit(lambda pixels: pixels[0, 0])
    assert values(ff.native.numba(out=())(jitted), frames(2)) == [0, 1]
    with pytest.raises(ff.OptionTypeError, match=r"needs @freshframe\.native\.numba"):
        ff.native.function(jitted, out=())


@pytest.mark.slow
def test_it_runs_in_a_worker_process() -> None:
    @ff.native.numba(out=())
    def mean(pixels: Any) -> Any:
        return pixels.mean()

    assert values(mean, frames(2), process=True) == [0, 1]
