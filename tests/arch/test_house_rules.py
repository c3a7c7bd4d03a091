"""The rules of the house that a machine can check."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = sorted((ROOT / "gse_ref").rglob("*.py"))
SOURCES = [*PACKAGE, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "benchmarks").rglob("*.py"))]
TESTS = [path for path in SOURCES if "tests" in path.parts]


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def files_too_long(text: str) -> bool:
    return len(text.splitlines()) >= 400


def functions_too_long(text: str) -> list[str]:
    nodes = [n for n in ast.walk(ast.parse(text)) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return [f"{n.name}: {n.end_lineno - n.lineno + 1} lines" for n in nodes if n.end_lineno - n.lineno >= 60]


def literal_tolerances(text: str) -> list[str]:
    calls = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Call)]
    return [k.arg for call in calls for k in call.keywords if k.arg in ("rtol", "atol", "rel_tol", "abs_tol")]


def late_imports(text: str) -> list[str]:
    """Imports inside functions of anything but what the package loads late on purpose."""
    allowed = {"numba", "threadpoolctl", "scipy", "rich", "matplotlib", "importlib", "PIL"}
    allowed |= {"hypothesis", "pytest", "cupy"}
    found = []
    for function in ast.walk(ast.parse(text)):
        if not isinstance(function, ast.FunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Import):
                found += [a.name for a in node.names if a.name.split(".")[0] not in allowed]
            elif isinstance(node, ast.ImportFrom) and (
                node.level or (node.module or "").split(".")[0] not in allowed
            ):
                found.append("." * node.level + (node.module or ""))
    return found


def imports_of_cupy(text: str) -> list[str]:
    """Imports of CuPy or its companion anywhere in a file."""
    nodes = list(ast.walk(ast.parse(text)))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return [name for name in names if name.split(".")[0] in ("cupy", "cupyx")]


def fastmath_flags(text: str) -> list[int]:
    """Lines that leave the order of sums to the compiler."""
    calls = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Call)]
    return [call.lineno for call in calls for k in call.keywords if k.arg in ("fastmath", "flags")]


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_files_are_short_and_say_their_job(path: Path) -> None:
    text = path.read_text()
    assert not files_too_long(text), f"{_name(path)} has {len(text.splitlines())} lines, the house allows 399"
    assert not functions_too_long(text)
    assert ast.get_docstring(ast.parse(text)), f"{_name(path)} does not say its job"


@pytest.mark.parametrize("path", TESTS, ids=_name)
def test_tests_have_no_tolerance_of_their_own(path: Path) -> None:
    assert literal_tolerances(path.read_text()) == []


@pytest.mark.parametrize("path", PACKAGE, ids=_name)
def test_imports_stand_at_the_top(path: Path) -> None:
    late = late_imports(path.read_text())
    chooses_backend = {".naive", ".cpu", ".shadow", ".gpu", ".cupy_device"} if path.name == "select.py" else set()
    assert set(late) <= chooses_backend


@pytest.mark.parametrize("path", sorted((ROOT / "gse_ref" / "kernels").rglob("*.py")), ids=_name)
def test_no_kernel_leaves_the_order_of_sums_to_the_compiler(path: Path) -> None:
    assert fastmath_flags(path.read_text()) == []


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_one_file_imports_cupy(path: Path) -> None:
    assert bool(imports_of_cupy(path.read_text())) is (path.name == "cupy_device.py")


@pytest.mark.parametrize("path", PACKAGE, ids=_name)
def test_only_rng_makes_generators(path: Path) -> None:
    if path.name == "rng.py":
        return
    calls = re.findall(r"(?:np\.random\.(?!Generator\b)\w+|import random\b|default_rng)", path.read_text())
    assert calls == []


@pytest.mark.parametrize("path", PACKAGE, ids=_name)
def test_users_input_is_never_asserted(path: Path) -> None:
    assert not [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Assert)]


def test_the_definition_shares_nothing_with_the_kernels() -> None:
    for path in (ROOT / "gse_ref/backends").glob("naive*.py"):
        nodes = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ImportFrom)]
        own = {n.module or a.name for n in nodes if n.level for a in n.names}
        assert {name for name in own if not name.startswith("naive_")} == {"api"}, path
        assert {n.module for n in nodes if not n.level} <= {"__future__", "collections.abc", "typing"}, path


@pytest.mark.parametrize(
    ("rule", "planted"),
    [
        (files_too_long, "x = 1\n" * 400),
        (functions_too_long, "def f():\n" + "    x = 1\n" * 60),
        (literal_tolerances, "assert_allclose(a, b, rtol=1e-3)"),
        (late_imports, "def f():\n    from .kernels import spmm"),
        (fastmath_flags, "@njit(fastmath=True)\ndef f(): ..."),
        (fastmath_flags, "total = builder.fadd(a, b, flags=('reassoc',))"),
        (imports_of_cupy, "def f():\n    import cupy as cp"),
        (imports_of_cupy, "from cupyx.scipy import special"),
    ],
)
def test_each_rule_finds_what_it_forbids(rule, planted: str) -> None:
    assert rule(planted)


#: A run of two steps, in memory.
TINY = "data='synthetic:16:8:2', hidden=(4,), density=0.5, batch_size=4, epochs=1, out=None"
#: What only a user of the gpu backend pays for.
GPU = ("cupy", "gse_ref.backends.gpu", "gse_ref.backends.device", "gse_ref.backends.cuda")


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [
        ("import gse_ref", ("numba", "scipy", "numpy.random", "tyro", "rich")),
        ("import gse_ref.backends; gse_ref.backends.get('naive')", ("numba", "tyro")),
        ("import gse_ref.backends; gse_ref.backends.get('cpu')", GPU),
        ("import gse_ref.training, gse_ref.cli.main", GPU),
        (f"import gse_ref as g; g.train(g.TrainConfig({TINY}))", GPU),
        ("from gse_ref.conformance import *", ("numba", "torch", "cupy", "hypothesis", "tyro")),
    ],
)
def test_importing_is_light(statement: str, heavy: tuple[str, ...]) -> None:
    code = f"import sys; {statement}; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
