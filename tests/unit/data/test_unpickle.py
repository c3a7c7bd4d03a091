"""The reader of pickles: what it admits, and that a hostile file makes nothing happen."""

import os
import pickle
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gse_ref.data import unpickle
from gse_ref.data.unpickle import loads
from gse_ref.errors import DataError
from tests.unit.data.cifar_files import array, mapping, number, part, pickled, several, text

GOOD = pickled("cifar100", *part("cifar100", 0))


class Runs:
    """Pickles to a call."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def refused(content, message="."):
    with pytest.raises(DataError, match=message) as caught:
        loads(content, "data_batch_1")
    assert str(caught.value).startswith("data_batch_1: not a pickle of arrays, lists, dicts and strings: ")
    assert "nothing in it was executed" in str(caught.value)
    return str(caught.value)


def test_reads_what_python_2_wrote():
    images, coarse, fine = part("cifar100", 0)
    found = loads(GOOD, "train")
    assert list(found) == [b"batch_label", b"fine_labels", b"coarse_labels", b"data", b"filenames"]
    assert found[b"fine_labels"] == fine
    assert found[b"coarse_labels"] == coarse
    assert found[b"data"].dtype == np.uint8
    assert np.array_equal(found[b"data"], images)
    assert found[b"filenames"][3] == b"leptodactylus_pentadactylus_s_000003.png"


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_agrees_with_pickle_on_what_it_admits(protocol):
    value = {
        "data": np.arange(6, dtype=np.uint8).reshape(2, 3),
        "labels": [0, 255, 256, 65535, 65536, -1, 2**40, -(2**50)],
        b"bytes \xff": "text é",
        3: [None, True, False, (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), {}, []],
        "long": "x" * 300,
        "long bytes": bytes(range(256)) * 2,
    }
    found = loads(pickle.dumps(value, protocol), "f")
    assert np.array_equal(found.pop("data"), value.pop("data"))
    assert found == value


def test_column_order_of_an_array_is_honoured():
    values = np.arange(6, dtype=np.uint8).reshape(2, 3)
    raw = array((2, 3), values.tobytes("F"), fortran=True)
    found = loads(mapping({b"data": raw}), "f")[b"data"]
    assert np.array_equal(found, values)
    assert found.flags.c_contiguous, "what is gathered by rows must lie by rows"


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Runs(os.system, "touch {mark}"), r"it wants '\w+\.system', which is not admitted"),
        (Runs(eval, "open({mark!r}, 'w')"), r"it wants '\w+\.eval'"),
        (Runs(exec, "open({mark!r}, 'w')"), r"it wants '\w+\.exec'"),
        (Runs(getattr, "", "join"), r"it wants '\w+\.getattr'"),
        (Runs(__import__, "os"), r"it wants '\w+\.__import__'"),
        (np.array([None, 1], object), "an array of dtype 'O8'"),
        (np.arange(3), "an array of dtype 'i8'"),
        (np.zeros(2, [("a", "u1")]), "an array of dtype 'V1'"),
        (np.uint8(3), "it wants 'numpy._?core.multiarray.scalar'"),
        ({1, 2}, r"it wants '\w+\.set'|opcode"),
        (1.5, "opcode b'G'"),
        (2**3000, r"opcode b'\\x8b'"),
        ({(1, 2): 3}, "a tuple as key of a dict"),
        (os.system, r"it wants '\w+\.system'"),
        (np.ndarray, "a global that nothing uses"),
        ([np.dtype("u1")], "a dtype that nothing uses"),
    ],
)
def test_nothing_else_is_admitted(tmp_path, value, message, protocol):
    mark = tmp_path / "executed"
    if isinstance(value, Runs):
        function, arguments = value.call
        value = Runs(function, *(text.replace("{mark}", str(mark)) for text in arguments))
    refused(pickle.dumps({"data": value}, protocol), message)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"ccopyreg\n_reconstructor\n)R", "it wants 'copyreg._reconstructor'"),
        (b"cnumpy.core.multiarray\nfrombuffer\n)R", "it wants 'numpy.core.multiarray.frombuffer'"),
        (b"cos\nsystem\n\x1b[2J", "it wants 'os.system'"),
        (b"c\x1b[2J\nx\n", r"it wants '\\x1b\[2J\.x'"),
        (b"cnumpy\nndarray\n)R", "calls numpy.ndarray with arguments that are not admitted"),
        (b"cnumpy\nndarray\n}b", "a state to something that has none"),
        (b"cnumpy\nndarray\n)\x81", "opcode"),
        (b"cnumpy\ndtype\n)R", "calls numpy.dtype"),
        (b"cnumpy\ndtype\nU\x02u1\x85R", "a dtype that nothing uses"),
        (b"cnumpy\nndarray\n", "a global that nothing uses"),
        (b"c_codecs\nencode\nX\x01\x00\x00\x00aU\x06base64\x86R", "another encoding than latin1"),
        (b"c_codecs\nencode\nX\x03\x00\x00\x00\xe2\x82\xacU\x06latin1\x86R", "a text that is no byte string"),
        (b"X\x01\x00\x00\x00\xff", "not UTF-8"),
        (b"U\x05numpyU\x05dtype\x93", "the name of a global is no text"),
        (b"K\x01)R", "it calls something that is not admitted"),
        (b"h\x07", "refers to object 7, which is not there"),
        (b"q\x00", "its stack runs empty"),
        (b"0", "its stack runs empty"),
        (b"t", "a mark is missing"),
        (b"(K\x01", "its stack runs empty|left over"),
        (b"K\x01K\x02", "1 objects are left over"),
        (b"K\x01K\x02a", "an item without its list"),
        (b"}K\x01K\x02K\x03s0", "an item without its dict"),
        (b"}(K\x01u", "a key without a value"),
        (b"}]K\x01s", "a list as key"),
        (b"S'text'\n", "opcode b'S'"),
        (b"P0\n", "opcode b'P'"),
        (b"K\x01Q", "opcode b'Q'"),
        (b"\x82\x01", "opcode"),
        (b"ios\nsystem\n", "opcode b'i'"),
        (b"\x97", "opcode"),
        (b"c" + b"a" * 300 + b"\nx\n", "a name without end"),
        (b"T\xff\xff\xff\xff", "it is cut short: -1 bytes wanted"),
        (b"T\xff\xff\xff\x7f", "it is cut short: 2147483647 bytes wanted"),
        (b"B\xff\xff\xff\xff", "it is cut short: 4294967295 bytes wanted"),
        (array((2, 3), bytes(5)), "an array of 5 bytes that do not fit its shape"),
        (array((1 << 16, 1 << 30), bytes(5)), "do not fit its shape"),
        (array((-1, -5), bytes(5)), "do not fit its shape"),
        (array((1, 1, 1, 1, 5), bytes(5)), "do not fit its shape"),
        (array((5,), bytes(5), b"i8"), "dtype 'i8'"),
        (array((5,), bytes(5), b"O"), "dtype 'O'"),
        (array((5,), bytes(5)) + b"Nb", "a state to something that has none"),
        (array((5,), bytes(5)).partition(b"(K\x01")[0], "an array without content"),
        (array((5,), bytes(5)).partition(b"(K\x01")[0] + b"Nb", "an array without shape and content"),
        (array((5,), bytes(5)).partition(b"(K\x01")[0] + b"(K\x01K\x05\x85NK\x00Ntb", "does not hold bytes"),
    ],
)
def test_hostile_opcodes(body, message):
    refused(b"\x80\x02" + body + b".", message)


@pytest.mark.parametrize(
    "content", [b"", b"\x80", b"(dp0\n.", b"\x80\x01N.", b"\x80\x05N.", b"PK\x03\x04", b"\x1f\x8b\x08"]
)
def test_other_beginnings(content):
    refused(content, "does not begin as protocol 2 to 4|cut short")


def test_every_truncation_is_refused():
    short = mapping(
        {b"data": array((2, 3), bytes(6)), b"labels": several([number(300), number(-1), text(b"x" * 300)])}
    )
    assert loads(short, "f")[b"labels"][:2] == [300, -1]
    for length in range(len(short)):
        refused(short[:length])


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_a_changed_byte_is_refused_or_harmless(position, value):
    changed = bytearray(GOOD)
    changed[position] = value
    try:
        loads(bytes(changed), "f")
    except DataError:
        return


@given(st.binary(max_size=200))
def test_noise_is_refused_or_harmless(noise):
    try:
        loads(b"\x80\x02" + noise, "f")
    except DataError:
        return


@pytest.mark.parametrize(
    "deep", [b"]" * 100_000 + b"a" * 99_999, b"N" + b"\x85" * 100_000, b"}" + b"K\x00}" * 100_000 + b"s" * 100_000]
)
def test_deep_nesting_does_not_recurse(deep):
    assert loads(b"\x80\x02" + deep + b".", "f") is not None


def test_a_deep_key_is_not_hashed():
    refused(b"\x80\x02}N" + b"\x85" * 100_000 + b"Ns.", "a tuple as key")


def test_a_list_that_holds_itself_is_just_a_list():
    found = loads(b"\x80\x02]q\x00h\x00a.", "f")
    assert found[0] is found


def test_far_memo_numbers_take_no_memory():
    tracemalloc.start()
    try:
        assert loads(b"\x80\x02Nr\xff\xff\xff\xff.", "f") is None
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20


def test_bytes_are_not_multiplied():
    once = b"c_codecs\nencode\nX" + struct.pack("<I", 1000) + b"a" * 1000 + b"U\x06latin1\x86q\x01R"
    assert loads(b"\x80\x02" + once + b".", "f") == b"a" * 1000
    refused(b"\x80\x02(" + once + b"c_codecs\nencode\nh\x01R" * 50 + b"t.", "more bytes than it holds")


def test_steps_are_counted(monkeypatch):
    monkeypatch.setattr(unpickle, "_MOST_STEPS", 100)
    assert loads(b"\x80\x02(" + b"]" * 98 + b"t.", "f") == ([],) * 98
    refused(b"\x80\x02(" + b"]" * 99 + b"t.", "more than 100 steps")
