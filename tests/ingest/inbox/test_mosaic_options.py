"""Options of a mosaic: what can be asked for, what is said of the rest, and that the same is always the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from boxes import sha

from pipelines.ingest.inbox.mosaic_requests import MosaicRequest, Options, told
from pipelines.lake.errors import Rejected

FULL = {
    "mode": "mean_rgb",
    "columns": 60,
    "sources": ["uploads", "cifar10"],
    "tag_path": "/animal",
    "families": ["red", "blue"],
    "max_uses": 3,
    "apart": 2,
    "tile_px": 16,
    "tint": 0.25,
    "format": "dzi",
}


class TestOptions:
    def test_an_option_that_is_not_named_is_as_agreed(self) -> None:
        assert told({"kind": "mosaic", "more": 1}) == Options() == Options(
            mode="cells_3x3", columns=None, sources=(), tag_path=None, families=(), max_uses=None, apart=0, tile_px=32,
            tint=0.0, format="jpeg",
        )  # fmt: skip

    def test_the_same_in_other_words_is_the_same(self) -> None:
        one = told(FULL)
        other = told(FULL | {"sources": ("cifar10", "uploads", "cifar10"), "families": ["blue", "red"]})
        assert one == other == told(FULL | {"tag_path": " Animal/ "})
        assert (one.sources, one.families) == (("cifar10", "uploads"), ("blue", "red"))
        assert told({"families": "red"}) == told({"families": ["red"]})
        assert json.dumps([told({"tint": tint}).tint for tint in (0, -0.0, 1)]) == "[0.0, 0.0, 1.0]"

    @pytest.mark.parametrize(
        ("name", "values"),
        [
            ("mode", ("cells", "", None, 3, ["mean_rgb"])),
            ("columns", (0, 2_001, -1, 1.0, True, "60")),
            ("sources", ("CIFAR10", ["a", None], [["a"]], ["a"] * 51, {"a": 1}, 7, "../a", "")),
            ("tag_path", ("", "/", "/a//b", "/a b", "/é", 7, ["/animal"], "/a" * 10, "/a\n/b", "/\ud800")),
            ("families", ("Red", "dark red", [1], True)),
            ("max_uses", (0, -3, 2**31, 1.5, False)),
            ("apart", (-1, 101, 2.0, None, True)),
            ("tile_px", (0, 257, "32", None)),
            ("tint", (-0.01, 1.01, float("nan"), float("inf"), "0", True, None, 10**400)),
            ("format", ("jpg", "JPEG", None, "")),
        ],
    )
    def test_each_fault_has_its_reason_and_says_which_option_it_is(self, name: str, values: tuple[Any, ...]) -> None:
        for value in values:
            with pytest.raises(Rejected) as refused:
                told({name: value})
            assert refused.value.reason == f"bad_{name}", value
            assert refused.value.detail.startswith(f"{name} must be ")

    @pytest.mark.parametrize(
        "edge",
        [
            {"columns": 1}, {"columns": 2_000}, {"max_uses": 1}, {"apart": 100}, {"tile_px": 1}, {"tile_px": 256},
            {"tint": 1}, {"format": "png"}, {"mode": "cells_2x2"}, {"tag_path": "/animal/fourlegs/german_shepherd"},
        ],
    )  # fmt: skip
    def test_the_last_value_that_may_be_may_be(self, edge: dict[str, Any]) -> None:
        assert told(edge) != Options()


class TestIdentity:
    def test_an_id_does_not_change_from_one_version_to_the_next(self) -> None:
        assert MosaicRequest(None, "0" * 64).mosaic_id == "a2246669cb414200"
        assert MosaicRequest("ana", "0" * 64, told(FULL)).mosaic_id == "9548561777f66a53"

    def test_it_follows_from_who_what_and_every_option(self) -> None:
        each = [{name: value} for name, value in FULL.items()]
        wishes = [MosaicRequest("ana", sha(1), told(one)) for one in [{}, *each]]
        wishes += [MosaicRequest(None, sha(1)), MosaicRequest("", sha(1)), MosaicRequest("ana", sha(2))]
        assert len({wish.mosaic_id for wish in wishes}) == len(wishes) == 14
