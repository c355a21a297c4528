"""The results of an asynchronous program that gives up waiting now and then."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
import contextlib
import random
import time

from support import Ticker

import freshframe as ff
from night.limits.rule import Find

_PERIOD = 0.05  # seconds between two samples
_LONGEST = 2 * _PERIOD  # seconds for which it waits, or does something else
_EARLY = 0.005  # seconds: a wait may begin so much later than its call
_SHARE = 0.2  # share of samples that were on their way when a wait began, on a busy machine
_ENOUGH = 50  # samples


async def _read(reader: ff.Reader[int], ends: float, find: Find) -> int:
    """Waits for random times, and sleeps for others, in which samples come that nobody waits for."""
    chance, ages = random.Random(1), list[float]()  # at the beginning of the wait
    samples = aiter(reader)
    while time.monotonic() < ends:
        began = time.monotonic()
        with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
            sample = await asyncio.wait_for(anext(samples), chance.uniform(0, _LONGEST))
            ages.append(began - sample.captured)
        await asyncio.sleep(chance.uniform(0, _LONGEST))
    old = [age for age in ages if age > _EARLY]
    if len(old) > _SHARE * len(ages) and len(ages) > _ENOUGH:
        find(f"{len(old)} of {len(ages)} waits for the next sample gave an older one, up to {max(old):.3f} s")
    return len(ages)


def awaited_samples(seconds: float, find: Find) -> int:
    """With NEXT a sample comes while the program waits for it, however many waits it has given up."""
    pipeline = ff.Pipeline("awaited")
    source = pipeline.add(Ticker(_PERIOD), name="source")
    reader = pipeline.reader(source, queue=ff.NEXT)
    with pipeline:
        return asyncio.run(_read(reader, time.monotonic() + seconds, find))
