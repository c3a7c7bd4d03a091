"""Memory allocation functions that refuse blocks beyond a limit: compiled, for they run without the interpreter."""

from __future__ import annotations

from ctypes import CFUNCTYPE, c_ssize_t

from numba import cfunc, types

#: What the functions share, int64 each: the most bytes of a block; the largest refused; the largest asked for.
LIMIT, REFUSED, LARGEST = range(3)

#: A size, or an address as a number.
_word = types.intp


def _function(address, words, returns=True):
    """Return the C function at an address, of so many words (pointers and sizes), for compiled code to call."""
    return CFUNCTYPE(c_ssize_t if returns else None, *[c_ssize_t] * words)(address)


@cfunc(_word(types.CPointer(_word), _word))
def _admits(shared, size):
    # Without max and the like: what Numba makes of them it cannot compile where NUMBA_DISABLE_JIT is set.
    if size > shared[LARGEST]:
        shared[LARGEST] = size
    if size <= shared[LIMIT]:
        return 1
    if size > shared[REFUSED]:
        shared[REFUSED] = size
    return 0


def limited(context, malloc, calloc, realloc, free, sized_free):
    """Return malloc, calloc, realloc and free that do as the functions at these addresses, within the limit.

    Each takes the address of the shared numbers as its context and hands on `context`, which the given functions
    take. Where a block is refused 0 is returned, as if memory had run out. Nothing here touches the interpreter:
    any thread may call at any time, with or without its lock.

    Parameters
    ----------
    context, malloc, calloc, realloc, free : addresses, as CPython's and NumPy's tables of allocators hold them.
    sized_free : whether free takes the size of the block too, as NumPy's does.
    """
    admits = _function(_admits.address, 2)
    inner_malloc, inner_calloc, inner_realloc = _function(malloc, 2), _function(calloc, 3), _function(realloc, 3)
    inner_free = _function(free, 3 if sized_free else 2, returns=False)

    @cfunc(_word(_word, _word))
    def outer_malloc(shared, size):
        return inner_malloc(context, size) if admits(shared, size) else 0

    @cfunc(_word(_word, _word, _word))
    def outer_calloc(shared, count, size):
        return inner_calloc(context, count, size) if admits(shared, count * size) else 0

    @cfunc(_word(_word, _word, _word))
    def outer_realloc(shared, block, size):
        return inner_realloc(context, block, size) if admits(shared, size) else 0

    def plain_free(shared, block):
        inner_free(context, block)

    def free_with_size(shared, block, size):
        inner_free(context, block, size)

    words = (_word, _word, _word) if sized_free else (_word, _word)
    outer_free = cfunc(types.void(*words))(free_with_size if sized_free else plain_free)
    return outer_malloc, outer_calloc, outer_realloc, outer_free
