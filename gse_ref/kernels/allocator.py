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


@cfunc(_word(_word))
def _holds_names(size):
    """Whether CPython's table of a dictionary has exactly this many bytes if all keys are strings.

    A head of 32 bytes, 2**k indices of 1, 2 or 4 bytes, and 16 bytes for each of ⌊2**(k + 1) / 3⌋ entries
    (`PyDictKeysObject` of CPython 3.11 and later).
    """
    slots = 8
    while slots * 8 < size:
        index = 1 if slots < 1 << 8 else 2 if slots < 1 << 16 else 4
        if 32 + slots * index + slots * 2 // 3 * 16 == size:
            return 1
        slots *= 2
    return 0


_admits_array, _holds = _function(_admits.address, 2), _function(_holds_names.address, 1)


@cfunc(_word(_word, _word))
def _admits_unless_names(shared, size):
    return 1 if _holds(size) else _admits_array(shared, size)


_admits_object = _function(_admits_unless_names.address, 2)


def limited(context, malloc, calloc, realloc, free, sized_free):
    """Return malloc, calloc, realloc and free that do as the functions at these addresses, within the limit.

    Each takes the address of the shared numbers as its context and hands on `context`, which the given functions
    take. Where a block is refused 0 is returned, as if memory had run out. Nothing here touches the interpreter:
    any thread may call at any time, with or without its lock.

    Parameters
    ----------
    context, malloc, calloc, realloc, free : addresses, as CPython's and NumPy's tables of allocators hold them.
    sized_free : whether free takes the size of the block too, as NumPy's does. The others are CPython's: there
        the table of a dictionary of strings passes, for every process has one of all its interned names, which
        doubles or is written anew in the middle of whatever runs.
    """
    admits = _admits_array if sized_free else _admits_object
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
