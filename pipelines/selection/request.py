"""The request: what somebody may ask for, and which of it makes no sense."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from difflib import get_close_matches

import pyarrow.compute as pc

from pipelines.ingest import products
from pipelines.lake.errors import ContractBroken

_COLUMNS = {column.name: column for column in products.TABLE.columns}
_YEARS = ("start_year", "end_year")
_SHOWN = 100  # characters of a value that an error repeats
_MOST = 20  # values of a vocabulary that it names


@dataclass(frozen=True)
class Selection:
    """What was asked for: a product has every value that is given, and a year from start to end, both included."""

    gender: str | None = None
    master_category: str | None = None
    sub_category: str | None = None
    article_type: str | None = None
    base_colour: str | None = None
    season: str | None = None
    usage: str | None = None
    start_year: int | None = None
    end_year: int | None = None

    @property
    def params(self) -> dict[str, str | int]:
        """What is given, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @property
    def values(self) -> dict[str, str]:
        """The values that must be met, by column of `products`."""
        return {name: str(value) for name, value in self.params.items() if name not in _YEARS}

    @property
    def open_columns(self) -> list[str]:
        """The columns asked about whose values only the catalogue itself tells."""
        return [name for name in self.values if not _COLUMNS[name].values]

    @property
    def condition(self) -> pc.Expression:
        """What a row of `products` must fulfil; one whose value is not known does not."""
        condition = pc.scalar(True)
        for name, value in self.values.items():
            condition &= pc.field(name) == value
        if self.start_year is not None:
            condition &= pc.field("year") >= self.start_year
        if self.end_year is not None:
            condition &= pc.field("year") <= self.end_year
        return condition

    def check(self) -> None:
        """Raise ContractBroken for what no product of any catalogue can be: a typo must not pass for no matches."""
        for name in self.values.keys() - set(self.open_columns):
            self._require(name, _COLUMNS[name].values or ())
        low, high = _COLUMNS["year"].bounds or (0, 0)
        for name in self.params.keys() & set(_YEARS):
            if not low <= int(self.params[name]) <= high:
                raise ContractBroken(f"{name} {self.params[name]} is no year of a collection: give {low} to {high}.")
        if self.start_year is not None and self.end_year is not None and self.start_year > self.end_year:
            raise ContractBroken(f"start_year {self.start_year} is after end_year {self.end_year}: exchange them.")

    def check_held(self, held: Mapping[str, Collection[str]]) -> None:
        """Raise ContractBroken for a value that no product has; `held` are the values by open column."""
        for name in self.open_columns:
            self._require(name, held[name])

    def _require(self, name: str, vocabulary: Collection[str]) -> None:
        if self.values[name] not in vocabulary:
            shown = self.values[name][:_SHOWN]
            raise ContractBroken(f"{name} {shown!r} is not known. {_nearest(shown, vocabulary)}")


def _nearest(value: str, vocabulary: Collection[str]) -> str:
    """Say what may have been meant."""
    folded = {known.casefold(): known[:_SHOWN] for known in sorted(vocabulary)}
    word = value.casefold()
    holding = [known for known in folded if word and word in known]
    if near := [folded[found] for found in holding or get_close_matches(word, folded)]:
        return f"Did you mean {' or '.join(near[:3])}?"
    known = sorted(folded.values())
    return f"Give one of: {', '.join(known[:_MOST])}{', …' if len(known) > _MOST else ''}."
