"""What happens at one point over time, in a bounded number of buckets whose width doubles until they fit.

Buckets lie at multiples of their width since 1970, so that those of all points fall together once they are as wide, and
two neighbours are one bucket of twice the width. Which width is reached depends on the times alone, not on the batches.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ipipdiag.decode.packets import Packets
from ipipdiag.facts.exchanges import RoundTripFold, SentAgainFold
from ipipdiag.facts.tally import Tally, key, largest, smallest, total
from ipipdiag.kinds import Tunnel

Int64 = npt.NDArray[np.int64]

NARROWEST_NS = 1_000_000
MOST_BUCKETS = 512  # with a packet in them
NO_TRIP = np.iinfo(np.int64).max


class Buckets(Tally):
    """A row each bucket that holds a packet, in the order of time; ``start_ns`` is a multiple of the width."""

    start_ns: Int64 = key()
    packets: Int64 = total()
    bytes: Int64 = total()  # of the frames on the wire
    wrapped: Int64 = total()  # packets in IP-in-IP
    sent_again: Int64 = total()  # TCP segments that hold nothing beyond what was sent before, see SentAgainFold
    round_trips: Int64 = total()  # answers whose request was seen here, see RoundTripFold
    round_trip_sum_ns: Int64 = total()
    round_trip_min_ns: Int64 = smallest()  # NO_TRIP without
    round_trip_max_ns: Int64 = largest()  # -1 without

    def widened(self, width_ns: int) -> Buckets:
        """The same in wider buckets; the width is the present one times a power of two."""
        columns = self.columns() | {"start_ns": self.start_ns // width_ns * width_ns}
        merged = Buckets(**columns).aggregate()
        return merged.select(np.argsort(merged.start_ns, kind="stable"))


class BucketsFold:
    """Sorts the packets of one point into buckets, in order."""

    def __init__(self, most: int = MOST_BUCKETS) -> None:
        self._most = most
        self._sent_again = SentAgainFold()
        self._round_trips = RoundTripFold()
        self._buckets = Buckets.empty()
        self.width_ns = NARROWEST_NS

    def step(self, packets: Packets) -> None:
        """Add a batch."""
        if len(packets) == 0:
            return
        trips = self._round_trips.step(packets)
        is_trip = trips >= 0
        rows = Buckets(
            start_ns=packets.time_ns // self.width_ns * self.width_ns,
            packets=np.ones(len(packets), dtype=np.int64),
            bytes=packets.wire_length.astype(np.int64),
            wrapped=(packets.tunnel == Tunnel.IPIP).astype(np.int64),
            sent_again=self._sent_again.step(packets).astype(np.int64),
            round_trips=is_trip.astype(np.int64),
            round_trip_sum_ns=np.where(is_trip, trips, 0),
            round_trip_min_ns=np.where(is_trip, trips, NO_TRIP),
            round_trip_max_ns=trips,
        )
        self._buckets = Buckets.concatenate([self._buckets, rows.aggregate()]).widened(self.width_ns)
        while len(self._buckets) > self._most:
            self.width_ns *= 2
            self._buckets = self._buckets.widened(self.width_ns)

    def finish(self) -> Buckets:
        """The buckets of all batches."""
        return self._buckets


def count_over_time(times_ns: Int64, most: int = MOST_BUCKETS) -> tuple[tuple[int, int], ...]:
    """How many of some times fall into each bucket, as pairs of the bucket's start and the count, at most so many."""
    width = NARROWEST_NS
    starts, counts = np.unique(times_ns // width * width, return_counts=True)
    while len(starts) > most:
        width *= 2
        starts, counts = np.unique(times_ns // width * width, return_counts=True)
    return tuple(zip(starts.tolist(), counts.tolist(), strict=True))
