"""Compares the pictures of a reader with the pictures that a server sent through a network with losses."""
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
    """Counts of pictures, by their state and by their marks.

    A picture is torn when its pixels do not show its own number: a part of it is of another one, or all is.

    Attributes:
        sent: From the first that was shown to the last.
        shown: Of these.
        torn: Of those shown.
        unmarked: Torn ones without the mark.
        marked_whole: Marked whole ones.
        far_marks: Marked ones before which nothing was lost since the last whole IDR picture.
        misnumbered: Whose `seq` is not their place.
        vanished: Of which every packet was lost.
        longest_gap: Pictures between two that were shown.
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
    """Compares a client's pictures with the pictures that were sent to it. The first picture shown must be
    whole.
    """
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
    """Places by which a picture may belong before its `pts`.

    After a loss a decoder may give a B picture after another that is shown later. `pts` never goes back.
    """
    return 16 if at > 0 and seen[at].pts == seen[at - 1].pts else 0


def harmed_places(sent: Sequence[Sent], film: Film) -> set[int]:
    """The places from each loss to the next whole IDR picture, in the order of decoding."""
    idr = {one.number for one in film.pictures if any(is_idr(unit, film.codec) for unit in one.units)}
    places, harmed = set(), False
    for one in sent:
        harmed = bool(one.lost) or (harmed and one.number not in idr)
        if harmed:
            places.add(one.place)
    return places


def lost_between(sent: Sequence[Sent], first: int, last: int) -> int:
    """Packets that were left out of the pictures at these places."""
    at = [one.place for one in sent]
    return sum(one.lost for one in sent[bisect.bisect_left(at, first) : bisect.bisect_right(at, last)])
