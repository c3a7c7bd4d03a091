"""Vector words for the inner loops: tiles that LLVM keeps in registers, each word with its plain twin.

`T` is a literal (16, 32, … floats); a pointer is what `at` returns. Under ``NUMBA_DISABLE_JIT=1`` the plain
twins of the same names run instead: pointers are then array views, so every kernel body runs as Python.

The words write down in which order sums are taken and where a product is fused with a sum. No kernel has
fastmath flags, which leave both to the compiler: it decided otherwise for code that ran where it was compiled than
for the same code out of Numba's cache, and for arrays that lay close together.

Numba's cache does not notice an edit of this file, `vectors` or `sums`: clear ``__pycache__`` (or NUMBA_CACHE_DIR)
after one.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

from .vectors import LINE, Vectors

_I32, _I64 = ir.IntType(32), ir.IntType(64)


def _literal(value):
    return value.literal_value if isinstance(value, types.IntegerLiteral) else None


def _widens(dtype, to):
    return isinstance(dtype, types.Float) and dtype.bitwidth <= to.bitwidth


if config.DISABLE_JIT:  # type: ignore[attr-defined]

    def tile(like, T):
        """Return a T-wide scratch of the dtype of `like`, an array or a pointer, uninitialised."""
        return np.empty(T, like.dtype)

    def zeros(like, T):
        """Return a `tile` of zeros."""
        return np.zeros(T, like.dtype)

    def at(array, offset):
        """Return a pointer to ``array.flat[offset]``, or so many elements on from a pointer."""
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

    def fma(a, b, c):
        """Return a * b + c, rounded once where it is compiled."""
        return a * b + c

    class _Arrays:
        """The operations of formulas, on arrays."""

        absolute, subtract, negative = np.abs, np.subtract, np.negative

        @staticmethod
        def multiply_add(a, b, c):
            return a * b + c

        @staticmethod
        def where_positive(sign, a):
            return np.where(sign > 0, a, a.dtype.type(0))

    def moved(pointers, offset):
        """Return the pointers, so many elements on."""
        return tuple(pointer[offset:] for pointer in pointers)

    def accumulator(formula):
        """Return the word that adds the terms of a formula to tiles: out[:count] += term, count ≤ T.

        Parameters
        ----------
        formula : called with the operations (`subtract`, `multiply_add`, …), a vector of each source, in the dtype
            of outs, and one of each scalar, it returns for each of outs a vector, or a pair of which the product is
            added, fused. The word takes (outs, sources, scalars, count, T), the first three tuples; outs and
            scalars are of one dtype, sources of that or a narrower float.
        """

        def word(outs, sources, scalars, count, T):
            loaded = [source[:count].astype(outs[0].dtype) for source in sources]
            for out, term in zip(outs, formula(_Arrays, *loaded, *scalars), strict=True):
                out[:count] += term[0] * term[1] if isinstance(term, tuple) else term

        return word

    def add_up(x, T):
        """Return the sum of x[:T]."""
        return np.sum(x[:T])

    def dot(x, y, T):
        """Return the sum of x[:T] * y[:T]."""
        return np.sum(x[:T] * y[:T])

    def axpy_dot(out, factor, x, y, T):
        """out[:T] += factor * y[:T]; return the sum of x[:T] * y[:T]. One load of y feeds both."""
        out[:T] += factor * y[:T]
        return np.sum(x[:T] * y[:T])

else:

    def _word(signature, dtype, T, emit):
        """Return what Numba asks of an intrinsic on tiles of T values of `dtype`; None where T is no literal.

        Parameters
        ----------
        emit : writes the code; called with `Vectors` and the arguments, it returns the result or None.
        """
        width = _literal(T)
        if width is None:
            return None

        def generate(context, builder, signature, args):
            result = emit(Vectors(context, builder, dtype, width), *args)
            return context.get_dummy_value() if result is None else result

        return signature, generate

    @intrinsic(prefer_literal=True)
    def tile(typing, like, T):
        def emit(v, like, T):
            return v.scratch()

        return _word(types.CPointer(like.dtype)(like, T), like.dtype, T, emit)

    @intrinsic(prefer_literal=True)
    def zeros(typing, like, T):
        def emit(v, like, T):
            scratch = v.scratch()
            v.fill(scratch, v.zero)
            return scratch

        return _word(types.CPointer(like.dtype)(like, T), like.dtype, T, emit)

    @intrinsic
    def at(typing, array, offset):
        # A pointer instead of an index: the wrap-around test of x[o + b] would stop vectorisation.
        def generate(context, builder, signature, args):
            kind, data = signature.args[0], args[0]
            if not isinstance(kind, types.CPointer):
                data = context.make_array(kind)(context, builder, data).data
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
            for line in range(0, size, LINE):
                address = builder.gep(start, [ir.Constant(_I64, line)])
                builder.call(function, [address, *(ir.Constant(_I32, v) for v in (0, 3, 1))])
            return context.get_dummy_value()

        return types.void(array, types.intp, T), generate

    @intrinsic(prefer_literal=True)
    def fill(typing, out, value, T):
        def emit(v, out, value, T):
            v.fill(out, v.splat(value))

        return _word(types.void(out, out.dtype, T), out.dtype, T, emit)

    def _mover(streamed):
        @intrinsic(prefer_literal=True)
        def move(typing, out, source, T):
            def emit(v, out, source, T):
                for i in range(v.count):
                    v.store(v.load(source, i), out, i, streamed)

            return _word(types.void(out, source, T), out.dtype, T, emit)

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
        def emit(v, out, factor, x, T):
            factor = v.splat(factor)
            for i in range(v.count):
                v.store(v.multiply_add(factor, v.load(x, i), v.load(out, i)), out, i)

        return _word(types.void(out, out.dtype, x, T), out.dtype, T, emit)

    @intrinsic
    def fma(typing, a, b, c):
        if not (isinstance(a, types.Float) and a == b == c):
            return None

        def generate(context, builder, signature, args):
            return builder.fma(*args)

        return a(a, b, c), generate

    @intrinsic
    def moved(typing, pointers, offset):
        def generate(context, builder, signature, args):
            parts = cgutils.unpack_tuple(builder, args[0], len(pointers))
            return context.make_tuple(builder, pointers, [builder.gep(part, [args[1]]) for part in parts])

        return pointers(pointers, types.intp), generate

    def accumulator(formula):
        @intrinsic(prefer_literal=True)
        def word(typing, outs, sources, scalars, count, T):
            dtype = outs[0].dtype
            if not all(_widens(source.dtype, dtype) for source in sources):
                return None

            def emit(v, *args):
                pointers, given, shared = (
                    cgutils.unpack_tuple(v.builder, value, len(kinds))
                    for value, kinds in zip(args, (outs, sources, scalars), strict=False)
                )
                shared = [v.splat(value) for value in shared]
                for i in range(v.count):
                    within = v.within(i, args[3])
                    loaded = [
                        v.load_part(pointer, i, kind.dtype, within)
                        for pointer, kind in zip(given, sources, strict=True)
                    ]
                    for out, term in zip(pointers, formula(v, *loaded, *shared), strict=True):
                        v.store(v.accumulate(term, within, v.load(out, i)), out, i)

            return _word(types.void(outs, sources, scalars, types.intp, T), dtype, T, emit)

        return word

    @intrinsic(prefer_literal=True)
    def add_up(typing, x, T):
        def emit(v, x, T):
            return v.chained(v.add, [(v.load(x, i),) for i in range(v.count)])

        return _word(x.dtype(x, T), x.dtype, T, emit)

    @intrinsic(prefer_literal=True)
    def dot(typing, x, y, T):
        def emit(v, x, y, T):
            return v.dot([(v.load(x, i), v.load(y, i)) for i in range(v.count)])

        return _word(x.dtype(x, y, T), x.dtype, T, emit)

    @intrinsic(prefer_literal=True)
    def axpy_dot(typing, out, factor, x, y, T):
        def emit(v, out, factor, x, y, T):
            factor, pairs = v.splat(factor), []
            for i in range(v.count):
                loaded = v.load(y, i)
                v.store(v.multiply_add(factor, loaded, v.load(out, i)), out, i)
                pairs.append((v.load(x, i), loaded))
            return v.dot(pairs)

        return _word(out.dtype(out, out.dtype, x, y, T), out.dtype, T, emit)
