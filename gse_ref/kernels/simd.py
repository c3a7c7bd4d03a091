"""Vector words for the inner loops: tiles that LLVM keeps in registers, each word with its plain twin.

`T` is a literal (16, 32, … floats); a pointer is what `at` returns. Under ``NUMBA_DISABLE_JIT=1`` the plain
twins of the same names run instead: pointers are then array views, so every kernel body runs as Python.

Numba's cache does not notice an edit of this file: clear ``__pycache__`` (or NUMBA_CACHE_DIR) after one.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

# Differs from fastmath=True: NaN and infinity keep their meaning; sums may be regrouped and fused.
# A loop over plain elements must then not both sum and store: it is compiled twice, for arrays that lie apart and
# for arrays so near that they might overlap, and the two group their sums differently.
FASTMATH = {"contract", "reassoc"}
_FLAGS = ("contract", "reassoc")
_I32, _I64 = ir.IntType(32), ir.IntType(64)
_LINE = 64


def _literal(value):
    return value.literal_value if isinstance(value, types.IntegerLiteral) else None


class _Vectors:
    """Emit loads, stores and sums of a T-wide tile as vectors of one cache line (or T, if that is less)."""

    def __init__(self, context, builder, dtype, width):
        self.builder = builder
        self.scalar = context.get_value_type(dtype)
        self.bytes = 8 if isinstance(self.scalar, ir.DoubleType) else 4
        self.lanes = min(width, _LINE // self.bytes)
        self.count = width // self.lanes
        self.vector = ir.VectorType(self.scalar, self.lanes)

    def _pointer(self, pointer, index):
        offset = self.builder.gep(pointer, [ir.Constant(_I64, index * self.lanes)])
        return self.builder.bitcast(offset, self.vector.as_pointer())

    def load(self, pointer, index):
        value = self.builder.load(self._pointer(pointer, index))
        value.align = self.bytes
        return value

    def store(self, value, pointer, index, streamed=False):
        store = self.builder.store(value, self._pointer(pointer, index))
        store.align = self.bytes
        if streamed:
            store.align *= self.lanes
            store.set_metadata("nontemporal", self.builder.module.add_metadata([ir.Constant(_I32, 1)]))

    def splat(self, value):
        first = self.builder.insert_element(ir.Constant(self.vector, ir.Undefined), value, ir.Constant(_I32, 0))
        return self.builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(_I32, self.lanes), None))

    def multiply_add(self, a, b, total):
        product = self.builder.fmul(a, b, flags=_FLAGS)
        return product if total is None else self.builder.fadd(product, total, flags=_FLAGS)

    def sum(self, vector):
        name = f"llvm.vector.reduce.fadd.v{self.lanes}f{8 * self.bytes}"
        kind = ir.FunctionType(self.scalar, [self.scalar, self.vector])
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, [ir.Constant(self.scalar, -0.0), vector], fastmath=_FLAGS)

    def dot(self, pairs):
        """Sum of products of (vector, vector) pairs, in two interleaved chains."""
        chains = [None, None]
        for index, (a, b) in enumerate(pairs):
            chains[index % 2] = self.multiply_add(a, b, chains[index % 2])
        total = chains[0] if chains[1] is None else self.builder.fadd(*chains, flags=_FLAGS)
        return self.sum(total)


if config.DISABLE_JIT:  # type: ignore[attr-defined]

    def tile(like, T):
        """Return a T-wide scratch of the dtype of `like`, uninitialised."""
        return np.empty(T, like.dtype)

    def at(array, offset):
        """Return a pointer to ``array.flat[offset]``."""
        return array.reshape(-1)[offset:]

    def prefetch(array, offset, T):
        """Ask for the T values at ``array.flat[offset]`` to be brought into the cache."""

    def fill(out, value, T):
        """out[:T] = value"""
        out[:T] = value

    def copy(out, source, T):
        """out[:T] = source[:T]"""
        out[:T] = source[:T]

    def stream(out, source, T):
        """`copy` past the caches, to an aligned `out`; a `fence` has to follow."""
        out[:T] = source[:T]

    def fence():
        """Let all that was streamed be seen by other threads before anything that is written later."""

    def axpy(out, factor, x, T):
        """out[:T] += factor * x[:T]"""
        out[:T] += factor * x[:T]

    def dot(x, y, T):
        """Return the sum of x[:T] * y[:T]."""
        return np.sum(x[:T] * y[:T])

    def axpy_dot(out, factor, x, y, T):
        """out[:T] += factor * y[:T]; return the sum of x[:T] * y[:T]. One load of y feeds both."""
        out[:T] += factor * y[:T]
        return np.sum(x[:T] * y[:T])

else:

    @intrinsic(prefer_literal=True)
    def tile(typing, like, T):
        width = _literal(T)
        if width is None:
            return None

        def generate(context, builder, signature, args):
            scalar = context.get_value_type(signature.args[0].dtype)
            scratch = cgutils.alloca_once(builder, ir.ArrayType(scalar, width))
            scratch.align = _LINE
            return builder.bitcast(scratch, scalar.as_pointer())

        return types.CPointer(like.dtype)(like, T), generate

    @intrinsic
    def at(typing, array, offset):
        # A pointer instead of an index: the wrap-around test of x[o + b] would stop vectorisation.
        def generate(context, builder, signature, args):
            data = context.make_array(signature.args[0])(context, builder, args[0]).data
            return builder.gep(data, [args[1]])

        return types.CPointer(array.dtype)(array, types.intp), generate

    @intrinsic(prefer_literal=True)
    def prefetch(typing, array, offset, T):
        width = _literal(T)
        if width is None:
            return None

        def generate(context, builder, signature, args):
            data = context.make_array(signature.args[0])(context, builder, args[0]).data
            byte = ir.IntType(8).as_pointer()
            start = builder.bitcast(builder.gep(data, [args[1]]), byte)
            kind = ir.FunctionType(ir.VoidType(), [byte, _I32, _I32, _I32])
            function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
            size = width * context.get_abi_sizeof(context.get_value_type(signature.args[0].dtype))
            for line in range(0, size, _LINE):
                address = builder.gep(start, [ir.Constant(_I64, line)])
                builder.call(function, [address, *(ir.Constant(_I32, v) for v in (0, 3, 1))])
            return context.get_dummy_value()

        return types.void(array, types.intp, T), generate

    @intrinsic(prefer_literal=True)
    def fill(typing, out, value, T):
        width = _literal(T)
        if width is None:
            return None

        def generate(context, builder, signature, args):
            v = _Vectors(context, builder, signature.args[0].dtype, width)
            value = v.splat(args[1])
            for i in range(v.count):
                v.store(value, args[0], i)
            return context.get_dummy_value()

        return types.void(out, out.dtype, T), generate

    def _mover(streamed):
        @intrinsic(prefer_literal=True)
        def move(typing, out, source, T):
            width = _literal(T)
            if width is None:
                return None

            def generate(context, builder, signature, args):
                v = _Vectors(context, builder, signature.args[0].dtype, width)
                for i in range(v.count):
                    v.store(v.load(args[1], i), args[0], i, streamed)
                return context.get_dummy_value()

            return types.void(out, source, T), generate

        return move

    copy, stream = _mover(False), _mover(True)

    @intrinsic
    def fence(typing):
        def generate(context, builder, signature, args):
            builder.fence("seq_cst")
            return context.get_dummy_value()

        return types.void(), generate

    @intrinsic(prefer_literal=True)
    def axpy(typing, out, factor, x, T):
        width = _literal(T)
        if width is None:
            return None

        def generate(context, builder, signature, args):
            v = _Vectors(context, builder, signature.args[0].dtype, width)
            factor = v.splat(args[1])
            for i in range(v.count):
                v.store(v.multiply_add(factor, v.load(args[2], i), v.load(args[0], i)), args[0], i)
            return context.get_dummy_value()

        return types.void(out, out.dtype, x, T), generate

    @intrinsic(prefer_literal=True)
    def dot(typing, x, y, T):
        width = _literal(T)
        if width is None:
            return None

        def generate(context, builder, signature, args):
            v = _Vectors(context, builder, signature.args[0].dtype, width)
            return v.dot([(v.load(args[0], i), v.load(args[1], i)) for i in range(v.count)])

        return x.dtype(x, y, T), generate

    @intrinsic(prefer_literal=True)
    def axpy_dot(typing, out, factor, x, y, T):
        width = _literal(T)
        if width is None:
            return None

        def generate(context, builder, signature, args):
            v = _Vectors(context, builder, signature.args[0].dtype, width)
            factor = v.splat(args[1])
            pairs = []
            for i in range(v.count):
                loaded = v.load(args[3], i)
                v.store(v.multiply_add(factor, loaded, v.load(args[0], i)), args[0], i)
                pairs.append((v.load(args[2], i), loaded))
            return v.dot(pairs)

        return out.dtype(out, out.dtype, x, y, T), generate
