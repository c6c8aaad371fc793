"""The time from the injection of a tracer to the start of the scan, with time zones and midnight.

SUV needs this time, because the tracer decays between injection and scan; `suv` is the only caller. Where the time
cannot be derived with certainty, no time is given, and the values stay in Bq/ml.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from monai_attn.io.dicom.files import text
from monai_attn.io.dicom.frames import Frame

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["uptake_seconds"]

MAX_HALF_LIVES = 5
"""A longer wait between injection and scan (9 h for F-18) is a wrong clock or time zone, not an examination."""

HALF_A_DAY = timedelta(hours=12)

SAME_CLOCK_S = 60.0
"""Two writings of one time of injection differ by less."""


def uptake_seconds(frames: Sequence[Frame], tracer: Dataset, half_life_s: float) -> tuple[float | None, str]:
    """Seconds from the injection of the tracer to the start of the scan, and a remark on the header or "".

    The start of the scan is the earliest of the series time and the acquisition times (AcquisitionDateTime where
    AcquisitionTime is missing). A time of injection with an offset from UTC is turned to the time zone of the scan
    (TimezoneOffsetFromUTC). A time without an offset is in that zone already (PS3.3 C.12.1.1.8, PS3.5 6.2).

    A bare time of day belongs to the day of the scan, or to the day before where it is later than the scan.

    The first value is None where the time is not known, is negative, or exceeds `MAX_HALF_LIVES` half-lives. The second
    value then says why.
    """
    zone = _offset(text(frames[0].header, "TimezoneOffsetFromUTC"))
    stamp, clock = text(tracer, "RadiopharmaceuticalStartDateTime"), text(tracer, "RadiopharmaceuticalStartTime")
    if zone is None and any(_is_offset(_acquired(frame.header)) for frame in frames):
        return None, "AcquisitionDateTime has an offset from UTC, and TimezoneOffsetFromUTC is missing"
    scanned = _scan_start(frames, zone)
    if scanned is None or not (stamp or clock):
        return None, "the time of injection or of the scan is missing"
    if stamp:
        injected, why = _in_zone(stamp, clock, zone)
    else:
        injected, why = _of_day(scanned, clock, half_life_s)
    if injected is None:
        return None, why
    seconds = (scanned - injected).total_seconds()
    other = _moment(injected.strftime("%Y%m%d"), clock)
    apart = 0.0 if other is None or _is_offset(stamp) else (other - injected).total_seconds()
    if not 0 <= seconds <= MAX_HALF_LIVES * half_life_s:
        return None, f"the scan is said to begin {seconds:.0f} s after the injection (half-life {half_life_s:g} s)"
    if abs(apart) > SAME_CLOCK_S:
        when = f"{abs(apart):.0f} s {'later' if apart > 0 else 'earlier'}"
        return (
            seconds,
            f"RadiopharmaceuticalStartTime says {when} than RadiopharmaceuticalStartDateTime and is not used",
        )
    return seconds, ""


def _scan_start(frames: Sequence[Frame], zone: timedelta | None) -> datetime | None:
    """The earliest of series and acquisition time: a series processed later has a later series time.

    None where neither is known. No scan takes half a day: of bare times further apart, the early ones are of the next
    day.
    """
    times: list[datetime | None] = []
    bare: list[datetime] = []
    for frame in frames:
        time = _in_zone(_acquired(frame.header), "", zone)[0]
        if time is None or _own_date(frame.header):
            times.append(time)
        else:
            bare.append(time)
    last = max(bare, default=datetime.min)
    times += [time + timedelta(days=1) if last - time > HALF_A_DAY else time for time in bare]
    times.append(_moment(text(frames[0].header, "SeriesDate"), text(frames[0].header, "SeriesTime")))
    return min((time for time in times if time is not None), default=None)


def _acquired(header: Dataset) -> str:
    """When a slice was acquired, as a date and time; "" where the header lacks the time.

    A time without its date, as some anonymisers leave it, is of the day of AcquisitionDateTime or of the series.
    """
    stamp, time = text(header, "AcquisitionDateTime"), text(header, "AcquisitionTime")
    date = _own_date(header) or text(header, "SeriesDate")
    return date.replace(".", "") + time if time else stamp


def _own_date(header: Dataset) -> str:
    """The date on which a slice was acquired; "" where only the series has one."""
    return text(header, "AcquisitionDate") or text(header, "AcquisitionDateTime")[:8]


def _is_offset(stamp: str) -> bool:
    """Whether a date and time has an offset from UTC behind it."""
    return "+" in stamp or "-" in stamp


def _in_zone(stamp: str, clock: str, scan_zone: timedelta | None) -> tuple[datetime | None, str]:
    """A full date and time, of the injection if not said otherwise, in the time zone of the scan."""
    wall, sign, offset = re.fullmatch(r"([^+-]*)([+-]?)(.*)", stamp, re.DOTALL).groups()  # type: ignore[union-attr]
    injected = _moment(wall[:8], wall[8:])
    zone = _offset(sign + offset) if sign else None
    if injected is None or (sign and zone is None):
        return None, "RadiopharmaceuticalStartDateTime is no date and time"
    if zone is None or zone == scan_zone:
        return injected, ""
    if scan_zone is not None:
        return injected - zone + scan_zone, ""
    alone = _moment(wall[:8], clock)
    if alone is not None and abs((alone - injected).total_seconds()) <= SAME_CLOCK_S:
        return injected, ""  # the scanner's own clock gives the same time of day
    return None, (
        f"the time of injection has the offset {sign + offset} from UTC, and TimezoneOffsetFromUTC, that of the scan, "
        "is missing"
    )


def _of_day(scanned: datetime, clock: str, half_life_s: float) -> tuple[datetime | None, str]:
    """A bare time of day: of the day of the scan, or of the day before if later."""
    injected = _moment(scanned.strftime("%Y%m%d"), clock)
    if injected is None:
        return None, "RadiopharmaceuticalStartTime is no time of day"
    if MAX_HALF_LIVES * half_life_s > timedelta(days=1).total_seconds():
        return None, (
            f"the day of injection is missing (RadiopharmaceuticalStartDateTime), which a half-life of "
            f"{half_life_s / 3600:.0f} h needs"
        )
    return (injected - timedelta(days=1) if injected > scanned else injected), ""


def _offset(zone: str) -> timedelta | None:
    """ "+0130" or "+01:30" as a time; None for anything else, and beyond the zones of the earth.

    >>> _offset("+01:30"), _offset("+9900")
    (datetime.timedelta(seconds=5400), None)
    """
    found = re.fullmatch(r"([+-])(\d{2}):?(\d{2})", zone.strip())
    if not found:
        return None
    value = timedelta(hours=int(found[2]), minutes=int(found[3])) * (-1 if found[1] == "-" else 1)
    return value if timedelta(hours=-12) <= value <= timedelta(hours=14) else None


def _moment(date: str, time: str) -> datetime | None:
    """A date and a time of day, also in the old writing 2004.01.31 and 10:11:12; None where one is missing.

    Fractions of a second are kept. A time without minutes or seconds is filled with zeros.

    >>> _moment("2004.01.31", "10:11:12.5")
    datetime.datetime(2004, 1, 31, 10, 11, 12, 500000)
    >>> _moment("20040131", "") is None
    True
    """
    date, time = date.replace(".", ""), time.replace(":", "")
    if not time:
        return None
    whole, _, fraction = time.partition(".")
    try:
        clock = datetime.strptime(date + whole.ljust(6, "0"), "%Y%m%d%H%M%S")
    except ValueError:
        return None
    return clock + timedelta(seconds=float(f"0.{fraction}")) if fraction.isdigit() else clock
