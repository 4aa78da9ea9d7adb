"""Defects: the faults of the real catalogue, at places that follow from a row's number alone.

A row has at most one fault, so that what a catalogue of any size holds can be counted without making it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum, auto

from pipelines.ingest.sample.look import HEIGHT, WIDTH


class Fault(Enum):
    """What can be wrong, or at least unusual, with a row."""

    TWO_COMMAS = auto()  # in the name, not quoted: 12 fields
    ONE_COMMA = auto()  # 11 fields
    ABSENT = auto()  # listed, but without an image
    REPEATED = auto()  # an earlier row and its image once more, under another id
    NO_COLOUR = auto()
    NO_SEASON = auto()
    NO_YEAR = auto()  # nor a season, as in the real file
    NO_USAGE = auto()  # "NA"
    EMPTY_USAGE = auto()
    NO_NAME = auto()
    INCH_MARK = auto()  # a literal quote in the name
    NARROW = auto()
    SQUARE = auto()
    SHORT = auto()
    GREY = auto()  # a picture of one channel


# The rows among the first hundred that have a fault; later on it is one row in so many, as in the real file.
_PLACES: dict[Fault, tuple[tuple[int, ...], int]] = {
    Fault.TWO_COMMAS: ((58,), 22_223),
    Fault.ONE_COMMA: ((31, 77), 2_222),
    Fault.ABSENT: ((12, 47, 83), 8_889),
    Fault.REPEATED: ((20, 21, 64), 57),
    Fault.NO_COLOUR: ((7,), 2_963),
    Fault.NO_SEASON: ((16,), 2_222),
    Fault.NO_YEAR: ((25,), 44_446),
    Fault.NO_USAGE: ((36, 93), 141),
    Fault.EMPTY_USAGE: ((89,), 44_446),
    Fault.NO_NAME: ((52,), 6_349),
    Fault.INCH_MARK: ((67,), 22_223),
    Fault.NARROW: ((40,), 3_704),
    Fault.SQUARE: ((55,), 8_889),
    Fault.SHORT: ((71,), 7_408),
    Fault.GREY: ((44,), 103),
}
_SIZES = {Fault.NARROW: (53, 80), Fault.SQUARE: (60, 60), Fault.SHORT: (60, 77)}
_FIRST = {index: fault for fault, (first, _) in _PLACES.items() for index in first}


def fault_of(index: int) -> Fault | None:
    """Return the fault of a row, None for a sound one."""
    if index < 100:
        return _FIRST.get(index)
    return next((fault for fault, (first, period) in _PLACES.items() if index % period == first[0]), None)


def image_size(index: int) -> tuple[int, int]:
    """Return the width and height of a row's image, in pixels."""
    fault = fault_of(index)
    return _SIZES.get(fault, (WIDTH, HEIGHT)) if fault else (WIDTH, HEIGHT)


def shown_index(index: int) -> int:
    """Return the number of the piece that a row shows: its own or, for a repeat, the nearest sound one before."""
    if fault_of(index) is not Fault.REPEATED:
        return index
    return next(earlier for earlier in range(index - 1, -1, -1) if fault_of(earlier) is None)


@dataclass(frozen=True)
class Expected:
    """What a catalogue of some size holds. With its names repaired, `images` products come of it.

    Attributes:
        rows: data lines of styles.csv.
        malformed: lines with more than 10 fields; all of them have an image.
        absent: well-formed lines whose image is not there.
        images: image files.
        distinct_images: image files of different bytes.
        surplus: image files that repeat another.
        odd_sized: image files that are not 60x80.
        grey: image files of one channel.
        quoted: lines with a literal quote.
        nulls: well-formed lines whose field is empty or "NA", by column.
    """

    rows: int
    malformed: int
    absent: int
    images: int
    distinct_images: int
    surplus: int
    odd_sized: int
    grey: int
    quoted: int
    nulls: dict[str, int]


def expected(count: int, seed: int = 7) -> Expected:
    """Return what a catalogue of `count` rows holds. The faults stand at the same places whatever the seed."""
    del seed  # taken so that callers need not know that
    faults = Counter(fault_of(index) for index in range(count))
    absent, surplus = faults[Fault.ABSENT], faults[Fault.REPEATED]
    return Expected(
        rows=count,
        malformed=faults[Fault.ONE_COMMA] + faults[Fault.TWO_COMMAS],
        absent=absent,
        images=count - absent,
        distinct_images=count - absent - surplus,
        surplus=surplus,
        odd_sized=sum(faults[fault] for fault in _SIZES),
        grey=faults[Fault.GREY],
        quoted=faults[Fault.INCH_MARK],
        nulls={
            "baseColour": faults[Fault.NO_COLOUR],
            "season": faults[Fault.NO_SEASON] + faults[Fault.NO_YEAR],
            "year": faults[Fault.NO_YEAR],
            "usage": faults[Fault.NO_USAGE] + faults[Fault.EMPTY_USAGE],
            "productDisplayName": faults[Fault.NO_NAME],
        },
    )
