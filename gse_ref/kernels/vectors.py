"""Vectors in LLVM's terms: what the words of `simd` are made of, instruction by instruction."""

from __future__ import annotations

from llvmlite import ir
from numba.core import cgutils

_I32, _I64 = ir.IntType(32), ir.IntType(64)
#: Bytes of a cache line, and of a vector.
LINE = 64


class Vectors:
    """Emit loads, stores and sums of a T-wide tile as vectors of one cache line (or T, if that is less)."""

    def __init__(self, context, builder, dtype, width):
        self.context, self.builder = context, builder
        self.scalar = context.get_value_type(dtype)
        self.bytes = 8 if isinstance(self.scalar, ir.DoubleType) else 4
        self.lanes = min(width, LINE // self.bytes)
        self.count = width // self.lanes
        self.vector = ir.VectorType(self.scalar, self.lanes)
        self.zero = ir.Constant(self.vector, None)

    def _pointer(self, pointer, index, vector=None):
        offset = self.builder.gep(pointer, [ir.Constant(_I64, index * self.lanes)])
        return self.builder.bitcast(offset, (vector or self.vector).as_pointer())

    def load(self, pointer, index):
        value = self.builder.load(self._pointer(pointer, index))
        value.align = self.bytes
        return value

    def load_part(self, pointer, index, dtype, within):
        """Load values of `dtype`, no wider than this vector's, as this vector's; 0, unread, outside `within`."""
        scalar = self.context.get_value_type(dtype)
        vector = ir.VectorType(scalar, self.lanes)
        place = self._pointer(pointer, index, vector)
        size = self.context.get_abi_sizeof(scalar)
        kind = ir.FunctionType(vector, [place.type, _I32, within.type, vector])
        name = f"llvm.masked.load.v{self.lanes}f{8 * size}.p0"
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        value = self.builder.call(function, [place, ir.Constant(_I32, size), within, ir.Constant(vector, None)])
        return value if scalar == self.scalar else self.builder.fpext(value, self.vector)

    def within(self, index, count):
        """Return which lanes of the vector at `index` are among the first `count` elements."""
        places = [index * self.lanes + lane for lane in range(self.lanes)]
        limit = self.splat(count)
        return self.builder.icmp_signed("<", ir.Constant(limit.type, places), limit)

    def scratch(self):
        """Return a pointer to a tile of the function's own, uninitialised."""
        tile = cgutils.alloca_once(self.builder, ir.ArrayType(self.scalar, self.count * self.lanes))
        tile.align = LINE
        return self.builder.bitcast(tile, self.scalar.as_pointer())

    def fill(self, pointer, value):
        """Store a vector in all of a tile."""
        for index in range(self.count):
            self.store(value, pointer, index)

    def store(self, value, pointer, index, streamed=False):
        store = self.builder.store(value, self._pointer(pointer, index))
        store.align = self.bytes
        if streamed:
            store.align *= self.lanes
            store.set_metadata("nontemporal", self.builder.module.add_metadata([ir.Constant(_I32, 1)]))

    def splat(self, value):
        """Return a vector of as many lanes, each of them `value`, of any type."""
        kind = ir.VectorType(value.type, self.lanes)
        first = self.builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(_I32, 0))
        return self.builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(_I32, self.lanes), None))

    def _call(self, name, *args):
        name = f"llvm.{name}.v{self.lanes}f{8 * self.bytes}"
        kind = ir.FunctionType(self.vector, [self.vector] * len(args))
        return self.builder.call(cgutils.get_or_insert_function(self.builder.module, kind, name), args)

    def multiply_add(self, a, b, total):
        return self.builder.fmul(a, b) if total is None else self._call("fma", a, b, total)

    def add(self, a, total):
        return a if total is None else self.builder.fadd(a, total)

    def accumulate(self, term, within, total):
        """Add a term, or a pair as a fused product, to the lanes within: elsewhere it need not be finite."""
        if isinstance(term, tuple):
            return self.multiply_add(*(self.builder.select(within, factor, self.zero) for factor in term), total)
        return self.add(self.builder.select(within, term, self.zero), total)

    # What the formulas of `accumulator` are made of.

    def absolute(self, a):
        return self._call("fabs", a)

    def subtract(self, a, b):
        return self.builder.fsub(a, b)

    def negative(self, a):
        return self.builder.fneg(a)

    def where_positive(self, sign, a):
        return self.builder.select(self.builder.fcmp_ordered(">", sign, self.zero), a, self.zero)

    def sum(self, vector):
        """Sum of the lanes: the upper half is added to the lower until one is left."""
        lanes = self.lanes
        while lanes > 1:
            lanes //= 2
            halves = [
                self.builder.shuffle_vector(
                    vector, vector, ir.Constant(ir.VectorType(_I32, lanes), list(range(first, first + lanes)))
                )
                for first in (0, lanes)
            ]
            vector = self.builder.fadd(*halves)
        return self.builder.extract_element(vector, ir.Constant(_I32, 0))

    def chained(self, add, terms):
        """Sum of what `add` adds of each term, in two interleaved chains."""
        chains = [None, None]
        for index, term in enumerate(terms):
            chains[index % 2] = add(*term, chains[index % 2])
        return self.sum(chains[0] if chains[1] is None else self.builder.fadd(*chains))

    def dot(self, pairs):
        """Sum of products of (vector, vector) pairs."""
        return self.chained(self.multiply_add, pairs)
