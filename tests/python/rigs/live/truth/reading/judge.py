"""Compares the images of a reader with those that a server sent through a lossy network."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from rigs.live.truth.log import Sent
from rigs.live.truth.pictures.film import Film
from rigs.live.truth.pictures.units import is_idr
from rigs.live.truth.reading.watch import Seen


@dataclass(frozen=True)
class Judgement:
    """Counts of images, by their state and whether they were marked as damaged.

    An image is torn if its pixels do not show its own number, because part or all of it belongs to another
    image.

    Attributes:
        sent: Images sent, from the first to the last that was shown.
        shown: Images that the reader got.
        torn: Shown images that are torn.
        unmarked: Torn images that were not marked.
        marked_whole: Whole images that were marked.
        far_marks: Marked images before which nothing was lost since the last whole IDR image.
        misnumbered: Images whose `seq` does not match their index.
        vanished: Images of which every packet was lost.
        longest_gap: The largest step in index between two consecutive shown images.
    """

    sent: int
    shown: int
    torn: int
    unmarked: int
    marked_whole: int
    far_marks: int
    misnumbered: int
    vanished: int
    longest_gap: int


def judged(seen: Sequence[Seen], sent: Sequence[Sent], film: Film, fps: float) -> Judgement:
    """Compares a client's images with those that were sent to it. The first one shown must be whole."""
    count = len(film.pictures)
    assert seen[0].number is not None
    first = next(one.place for one in sent if one.number == seen[0].number and not one.lost)
    places = [first + round((one.pts - seen[0].pts) * fps) for one in seen]
    by_place = {one.place: one for one in sent if places[0] <= one.place <= places[-1]}
    torn = [
        one.number not in {(place - back) % count for back in range(1 + _most_behind(seen, at))}
        for at, (one, place) in enumerate(zip(seen, places, strict=True))
    ]
    harmed = harmed_places(sent, film)
    marks = list(zip(seen, torn, places, strict=True))
    return Judgement(
        sent=places[-1] - places[0] + 1,  # the last one may not be in the log yet
        shown=len(seen),
        torn=sum(torn),
        unmarked=sum(is_torn and not one.damaged for one, is_torn, _ in marks),
        marked_whole=sum(one.damaged and not is_torn for one, is_torn, _ in marks),
        far_marks=sum(
            one.damaged and place not in harmed and place <= sent[-1].place for one, _, place in marks
        ),
        misnumbered=sum(one.seq - seen[0].seq != place - places[0] for one, _, place in marks),
        vanished=sum(one.lost == one.packets for one in by_place.values()),
        longest_gap=max(b - a for a, b in itertools.pairwise(places)),
    )


def _most_behind(seen: Sequence[Seen], at: int) -> int:
    """Returns how many indices earlier than its `pts` an image may belong.

    After a loss, a decoder may return a B-frame after one that is shown later, and `pts` never decreases.
    """
    return 16 if at > 0 and seen[at].pts == seen[at - 1].pts else 0


def harmed_places(sent: Sequence[Sent], film: Film) -> set[int]:
    """Returns the indices from each loss to the next whole IDR image, in decoding order."""
    idr = {one.number for one in film.pictures if any(is_idr(unit, film.codec) for unit in one.units)}
    places, harmed = set(), False
    for one in sent:
        harmed = bool(one.lost) or (harmed and one.number not in idr)
        if harmed:
            places.add(one.place)
    return places


def lost_between(sent: Sequence[Sent], first: int, last: int) -> int:
    """Returns the number of packets that were lost from the images at these indices."""
    at = [one.place for one in sent]
    return sum(one.lost for one in sent[bisect.bisect_left(at, first) : bisect.bisect_right(at, last)])
