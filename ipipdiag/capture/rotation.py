"""Names of files that one capture wrote one after the other: ``tcpdump -C`` and ``-G``, ``dumpcap -b``, ``editcap -c``.

tcpdump's -C appends a number to the name (x.pcap, x.pcap1, x.pcap2; with -W from 0 on, then round again), its -G fills
in the time at which the file was begun, by strftime(3); the others put both before the extension.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from pathlib import PurePath

_COMPRESSION = re.compile(r"\.(gz|zst|xz|bz2)$")
_APPENDED = re.compile(r"(?P<name>.+\.(?:pcap|pcapng|cap|dmp|dump))(?P<number>\d{1,6})?$")
_RING = re.compile(r"_(?P<number>\d{5,6})_(?P<stamp>\d{14})(?=\.)")
_STAMPS = (
    re.compile(
        r"(?<!\d)(?P<Y>(?:19|20)\d\d)[-_.]?(?P<m>\d\d)[-_.]?(?P<d>\d\d)[-_.T ]?"
        r"(?P<H>\d\d)[-_.:h]?(?P<M>\d\d)(?:[-_.:m]?(?P<S>\d\d))?(?!\d)"
    ),
    re.compile(r"(?<!\d)(?P<s>1\d{9})(?!\d)"),
    re.compile(r"(?<!\d)(?P<H>\d\d)[-_.:h]?(?P<M>\d\d)(?:[-_.:m]?(?P<S>\d\d))?(?!\d)"),
)
_QUARTER_HOUR = 900  # seconds; local times differ from UTC by a multiple of it
_STAMP_SLACK = 2  # seconds by which a file may be named before or after its first frame


@dataclass(frozen=True, slots=True)
class RotatedName:
    """A file name taken apart: what all files of the capture share, and what tells them apart.

    ``stamp`` are seconds of the time in the name (since 1970, or since midnight), ``resolution`` how fine it is; None
    without a time. ``is_counted`` where the number counts all files, not only those of one stamp.
    """

    pattern: str
    number: int | None = None
    stamp: int | None = None
    resolution: int = 1
    is_counted: bool = True

    def follows(self, other: RotatedName) -> bool:
        """Whether a file of this name can be the next after one of the other; a gap in the numbers is none."""
        if self.pattern != other.pattern or (self.stamp is None) != (other.stamp is None):
            return False
        if self.is_counted or self.stamp == other.stamp:
            return self.number == (other.number or 0) + 1
        return not self.number

    def fits(self, first_ns: int) -> bool:
        """Whether the time in the name is that of the first frame, in whatever time zone."""
        if self.stamp is None:
            return True
        late = (first_ns // 1_000_000_000 - self.stamp + _STAMP_SLACK) % _QUARTER_HOUR
        return late <= self.resolution + 2 * _STAMP_SLACK


def read_rotated_name(name: str) -> RotatedName | None:
    """The parts of a capture's name; None where it cannot be one of several files of one capture."""
    path = PurePath(name)
    plain = _COMPRESSION.sub("", path.name)
    if ring := _RING.search(plain):
        pattern = f"{plain[: ring.start()]}*{plain[ring.end() :]}"
        return RotatedName(str(path.with_name(pattern)), int(ring["number"]))
    appended = _APPENDED.match(plain)
    if appended is None:
        return None
    number = int(appended["number"]) if appended["number"] else None
    for shape in _STAMPS:
        for found in reversed(list(shape.finditer(appended["name"]))):
            if (stamp := _seconds(found)) is not None:
                pattern = f"{appended['name'][: found.start()]}*{appended['name'][found.end() :]}"
                resolution = 60 if "M" in found.groupdict() and not found["S"] else 1
                return RotatedName(str(path.with_name(pattern)), number, stamp, resolution, is_counted=False)
    return RotatedName(str(path.with_name(appended["name"])), number)


def _seconds(found: re.Match[str]) -> int | None:
    """The time that digits of a name give, None where they are none."""
    parts = {name: int(digits) for name, digits in found.groupdict(default="0").items()}
    if "s" in parts:
        return parts["s"]
    if parts["H"] > 23 or parts["M"] > 59 or parts["S"] > 60:
        return None
    if "Y" not in parts:
        return 3600 * parts["H"] + 60 * parts["M"] + parts["S"]
    if not (1 <= parts["m"] <= 12 and 1 <= parts["d"] <= 31):
        return None
    return calendar.timegm((parts["Y"], parts["m"], parts["d"], parts["H"], parts["M"], parts["S"]))
