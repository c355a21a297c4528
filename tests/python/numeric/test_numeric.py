"""freshframe.numeric: accepted types, results, and the safety of the memory that is read."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
from rigs.numeric_arrays import INTEGERS, RANDOM, Array, exactly, numbers

import freshframe as ff
from freshframe import numeric


@pytest.mark.parametrize("dtype", [*INTEGERS, "float32", "float64"])
@pytest.mark.parametrize("count", [0, 1, 2, 63, 64, 65, 1000, 2049, 70_001])
def test_sum_and_mean_of_every_type_and_length(dtype: str, count: int) -> None:
    x = numbers(dtype, count)
    total = numeric.sum(x)
    assert total == exactly(x)
    assert type(total) is (float if dtype.startswith("float") else int)
    assert numeric.sum(x, compensated=True, threads=2) == total
    if count and not dtype.startswith("float"):
        assert numeric.mean(x) == exactly(x) / count


def test_integers_never_wrap() -> None:
    assert numeric.sum(np.full(1000, 2**64 - 1, np.uint64)) == 1000 * (2**64 - 1)
    assert numeric.sum(np.full(1000, -(2**63))) == -1000 * 2**63
    assert numeric.sum(np.full(3, 255, np.uint8)) == 765
    assert numeric.mean(np.full(1000, 2**64 - 1, np.uint64)) == float(2**64 - 1)
    for value in (2**63 - 1, 2**63, 2**64 - 1):  # the limits of a machine word
        assert numeric.sum(np.array([value], np.uint64)) == value
        assert numeric.sum(np.array([-value // 2, -value // 2 + 1])) == -value // 2 * 2 + 1


def test_mean_of_integers_is_rounded_once() -> None:
    x: Array = np.array([2**60 + 1, 2**60 + 2, 2**60 + 4])
    assert numeric.mean(x) == sum(x.tolist()) / 3
    assert numeric.mean(np.array([True, False, True, True])) == 0.75


def hard_cases() -> list[tuple[str, Array]]:
    """Returns sums that are hard to compute accurately."""
    random = np.random.default_rng(2)
    million = 1_000_000
    signs = random.choice([-1.0, 1.0], million)
    cases = [
        ("0.1, ten million times", np.full(10_000_000, 0.1)),
        ("1e8 and 1e-3, ten million times", np.r_[1e8, np.full(10_000_000, 1e-3)]),
        ("both signs over 16 decades", signs * 10 ** random.uniform(0, 16, million)),
        ("alternating", np.where(np.arange(million + 1) % 2, -1e15, 1e15) + random.random(million + 1)),
        ("uniform", random.random(million)),
        ("normal", random.standard_normal(million)),
        ("float32", random.standard_normal(million).astype(np.float32)),
    ]
    for _ in range(200):
        length = int(10 ** random.uniform(0, 5))
        cases.append((f"{length} normal", random.standard_normal(length)))
        cases.append(
            (
                f"{length} over 16 decades",
                random.standard_normal(length) * 10 ** random.uniform(0, 16, length),
            )
        )
    return cases


@pytest.mark.slow
def test_the_error_is_never_larger_than_numpys() -> None:
    for name, x in hard_cases():
        right = math.fsum(x)
        error = abs(numeric.sum(x) - right)
        assert error <= abs(float(x.sum()) - right), name
        assert error <= 2**-52 * abs(right), name
        assert numeric.sum(x, compensated=True) == right, name


def test_compensated_is_right_where_almost_everything_cancels() -> None:
    x = RANDOM.standard_normal(50_000) * 10 ** RANDOM.uniform(0, 25, 50_000)
    x = np.r_[x, -x, 1.0]
    RANDOM.shuffle(x)
    assert numeric.sum(x, compensated=True) == math.fsum(x) == 1.0


def test_infinities_and_nan_are_those_of_numpy() -> None:
    with np.errstate(invalid="ignore"):
        for values in itertools.product([1.0, np.inf, -np.inf, np.nan], repeat=3):
            few: Array = np.array(values)
            for x in (few, np.r_[np.ones(5000), few]):
                assert str(numeric.sum(x)) == str(float(x.sum()))
                assert str(numeric.mean(x)) == str(float(x.mean()))


def test_only_a_sum_that_is_too_large_is_infinite() -> None:
    assert numeric.sum(np.array([1e308, 1e308, -1e308])) == 1e308
    assert numeric.mean(np.array([1e308, 1e308])) == 1e308
    assert numeric.sum(np.array([1e308, 1e308])) == math.inf


def test_nothing_sums_to_zero_and_has_no_mean() -> None:
    assert numeric.sum(np.empty(0)) == 0.0
    assert numeric.sum(np.empty((3, 0), np.uint8)) == 0
    for call in (numeric.mean, lambda x: numeric.absdiff_mean(x, x)):
        with pytest.raises(ValueError, match="needs at least one number, got an empty array"):
            call(np.empty((0, 3)))


@pytest.mark.parametrize("dtype", [*INTEGERS, "float32", "float64"])
def test_absdiff_mean_of_every_type(dtype: str) -> None:
    a, b = numbers(dtype, (137, 211)), numbers(dtype, (137, 211))
    pairs = zip(a.ravel().tolist(), b.ravel().tolist(), strict=True)
    differences = [abs(int(x) - int(y)) if dtype in INTEGERS else abs(x - y) for x, y in pairs]
    expected = (math.fsum(differences) if dtype.startswith("float") else sum(differences)) / a.size
    assert numeric.absdiff_mean(a, b) == pytest.approx(expected, rel=0 if dtype in INTEGERS else 1e-15)
    assert numeric.absdiff_mean(a, b.copy(order="F"), threads=2) == numeric.absdiff_mean(a, b)


def test_motion_between_two_luma_planes() -> None:
    frames = [ff.Frame.from_array(np.full((48, 64, 3), grey, np.uint8)) for grey in (10, 250)]
    first, second = (frame.luma for frame in frames)
    expected = abs(int(first[0, 0]) - int(second[0, 0]))
    assert numeric.absdiff_mean(first, second) == expected > 100  # uint8 would wrap
    assert numeric.absdiff_mean(second, first) == expected


def test_every_function_documents_its_use_of_the_gil() -> None:
    for module in (numeric, sys.modules["freshframe._numeric"]):
        for name in numeric.__all__:
            assert "GIL: released above 16 MiB" in (getattr(module, name).__doc__ or "")


def test_it_is_loaded_when_it_is_first_used() -> None:
    program = (
        "import sys, freshframe as ff\n"
        "assert 'freshframe._numeric' not in sys.modules\n"
        "import numpy as np\n"
        "assert ff.numeric.sum(np.ones(3)) == 3.0\n"
        "assert 'numeric' in dir(ff)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_an_exception_of_threads_own_index_is_raised() -> None:
    class Lost:
        def __index__(self) -> int:
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        numeric.sum(np.zeros(3), threads=Lost())  # type: ignore[call-overload]
