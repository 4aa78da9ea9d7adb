"""Vectors: sixteen candidates scored at once, as instructions for the processor, which no compiler finds by itself.

Numba hands them on to LLVM; a processor with narrower vectors takes several for one. Squared distances of 8-bit
colours are whole numbers below 2^24 however they are reckoned, so that float32 holds them and every partial sum
exactly, and fusing a multiplication with an addition (`contract`) changes nothing. Roots are only estimated here.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

LANES = 16  # candidates to a step
ESTIMATE = 0.0348  # how far an estimated root may be off, of itself; a test tries all there are
_HALVED = 0x1FBB4F40  # what half the bits of a number lack of the bits of its root, at the least error either way


def _may_score(typingctx: Any, size: Any, tiles: Any, tile: Any, queries: Any, row: Any, limit: Any) -> Any:  # noqa: ARG001
    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        vectors = _Vectors(context, builder, signature.args, given)
        swatches = signature.args[0].count
        colours, total = vectors.tile(swatches), vectors.splat(ir.Constant(ir.FloatType(), 0.0))
        for j in range(swatches):
            *doubled, squares, weight = vectors.query(swatches * 5, 5 * j, 5)
            root = vectors.estimated_root(vectors.add(vectors.nearest(colours, doubled), squares))
            total = vectors.add(vectors.multiply(root, weight), total)
        return vectors.at_most(total, given[5])

    return types.int64(size, tiles, types.int64, queries, types.int64, types.float32), generate


def _may_match(typingctx: Any, sizes: Any, tiles: Any, tile: Any, queries: Any, row: Any, limit: Any) -> Any:  # noqa: ARG001
    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        vectors = _Vectors(context, builder, signature.args, given)
        swatches, colour_count = (kind.count for kind in signature.args[0])
        colours, least = vectors.tile(swatches), None
        for k in range(colour_count):
            *doubled, squares = vectors.query(colour_count * 4, 4 * k, 4)
            apart = vectors.add(vectors.nearest(colours, doubled), squares)
            least = apart if least is None else vectors.least(least, apart)
        return vectors.at_most(least, given[5])

    return types.int64(sizes, tiles, types.int64, queries, types.int64, types.float32), generate


class _Vectors:
    """Writes instructions on LANES numbers at a time; a processor with narrower vectors takes several for one."""

    def __init__(self, context: Any, builder: Any, kinds: Any, given: Any) -> None:
        self.builder = builder
        self.single = ir.FloatType()
        self.kind = ir.VectorType(self.single, LANES)
        _, tiles, self.at, queries, self.row, *_ = given
        self.tiles = context.make_array(kinds[1])(context, builder, tiles).data
        self.queries = context.make_array(kinds[3])(context, builder, queries).data

    def tile(self, swatches: int) -> list[list[Any]]:
        """Load the swatches of a tile's candidates: red, green, blue and the sum of squares of each."""
        first = self.builder.mul(self.at, ir.Constant(ir.IntType(64), swatches * 4 * LANES))
        loaded = [self._vector(first, i * LANES) for i in range(swatches * 4)]
        return [loaded[i : i + 4] for i in range(0, len(loaded), 4)]

    def _vector(self, first: Any, offset: int) -> Any:
        at = self.builder.add(first, ir.Constant(ir.IntType(64), offset))
        address = self.builder.gep(self.tiles, [at], inbounds=True)
        return self.builder.load(self.builder.bitcast(address, self.kind.as_pointer()), align=4)

    def query(self, stride: int, offset: int, count: int) -> list[Any]:
        """Load numbers of the query, each into all lanes."""
        first = self.builder.mul(self.row, ir.Constant(ir.IntType(64), stride))
        loaded = []
        for i in range(offset, offset + count):
            at = self.builder.add(first, ir.Constant(ir.IntType(64), i))
            loaded.append(self.splat(self.builder.load(self.builder.gep(self.queries, [at], inbounds=True))))
        return loaded

    def splat(self, number: Any) -> Any:
        nothing = ir.Constant(self.kind, ir.Undefined)
        one = self.builder.insert_element(nothing, number, ir.Constant(ir.IntType(32), 0))
        return self.builder.shuffle_vector(one, nothing, ir.Constant(ir.VectorType(ir.IntType(32), LANES), None))

    def add(self, one: Any, other: Any) -> Any:
        return self.builder.fadd(one, other, flags=("contract",))

    def multiply(self, one: Any, other: Any) -> Any:
        return self.builder.fmul(one, other, flags=("contract",))

    def least(self, one: Any, other: Any) -> Any:
        return self.builder.select(self.builder.fcmp_ordered("<", one, other), one, other)

    def nearest(self, colours: list[list[Any]], query: list[Any]) -> Any:
        """Return the least of |t|² - 2 s·t over a candidate's swatches t."""
        found = None
        for *channels, squares in colours:
            apart = squares
            for channel, doubled in zip(channels, query, strict=True):
                apart = self.add(self.multiply(channel, doubled), apart)
            found = apart if found is None else self.least(found, apart)
        return found

    def estimated_root(self, squares: Any) -> Any:
        """Return about the square root: half the exponent, and as much of the fraction."""
        whole = ir.VectorType(ir.IntType(32), LANES)
        bits = self.builder.bitcast(squares, whole)
        halved = self.builder.lshr(bits, ir.Constant(whole, [1] * LANES))
        return self.builder.bitcast(self.builder.add(halved, ir.Constant(whole, [_HALVED] * LANES)), self.kind)

    def at_most(self, numbers: Any, limit: Any) -> Any:
        passed = self.builder.fcmp_ordered("<=", numbers, self.splat(limit))
        return self.builder.zext(self.builder.bitcast(passed, ir.IntType(LANES)), ir.IntType(64))


# size, tiles, tile, queries, row, limit → which of a tile's candidates may score at most `limit`, as bits.
# The size is a tuple as long as palettes are: its length is known when this is compiled, its values are no matter.
# Of `queries` (n, size, 5): -2 red, -2 green, -2 blue, the sum of squares and the weight of each swatch.
may_score: Any = intrinsic(_may_score)

# sizes, tiles, tile, queries, row, limit → which have a swatch whose squared distance to a colour is at most `limit`.
# Of `queries` (n, colours, 4): -2 red, -2 green, -2 blue, and the sum of squares of each.
may_match: Any = intrinsic(_may_match)
