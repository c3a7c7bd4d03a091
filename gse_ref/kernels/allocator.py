"""Memory allocation functions that refuse blocks beyond a limit: compiled, for they run without the interpreter."""

from __future__ import annotations

from ctypes import CFUNCTYPE, c_ssize_t

from numba import cfunc, types
from numba.extending import register_jitable

#: What the functions share, int64 each: the most bytes of a block; the largest refused; the largest asked for.
LIMIT, REFUSED, LARGEST = range(3)

_word, _shared = types.intp, types.CPointer(types.intp)


def _function(address, words, returns=True):
    """Return the C function at an address, of so many words (pointers and sizes), for compiled code to call."""
    return CFUNCTYPE(c_ssize_t if returns else None, *[c_ssize_t] * words)(address)


@register_jitable
def _admits(shared, size):
    shared[LARGEST] = max(shared[LARGEST], size)
    if size <= shared[LIMIT]:
        return True
    shared[REFUSED] = max(shared[REFUSED], size)
    return False


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
    inner_malloc, inner_calloc, inner_realloc = _function(malloc, 2), _function(calloc, 3), _function(realloc, 3)
    inner_free = _function(free, 3 if sized_free else 2, returns=False)

    @cfunc(_word(_shared, _word))
    def outer_malloc(shared, size):
        return inner_malloc(context, size) if _admits(shared, size) else 0

    @cfunc(_word(_shared, _word, _word))
    def outer_calloc(shared, count, size):
        return inner_calloc(context, count, size) if _admits(shared, count * size) else 0

    @cfunc(_word(_shared, _word, _word))
    def outer_realloc(shared, block, size):
        return inner_realloc(context, block, size) if _admits(shared, size) else 0

    def plain_free(shared, block):
        inner_free(context, block)

    def free_with_size(shared, block, size):
        inner_free(context, block, size)

    words = (_shared, _word, _word) if sized_free else (_shared, _word)
    outer_free = cfunc(types.void(*words))(free_with_size if sized_free else plain_free)
    return outer_malloc, outer_calloc, outer_realloc, outer_free
