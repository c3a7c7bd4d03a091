"""``gse-ref cost``: one JSON object, tables for people, clear refusals."""

from __future__ import annotations

import json

import numba
import numpy as np
import pytest

from gse_ref.cli import main
from gse_ref.cost import METHOD_FLOPS
from tests.bounds import assert_close

compiled = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="minutes when kernels run as plain Python")


@compiled
def test_resnet50_as_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "--model",
        "resnet50",
        "--image",
        "224",
        "--density",
        "0.01",
        "--budget",
        "erdos_renyi",
        "--every",
        "100",
    ]
    assert main(["cost", *words, "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    told = json.loads(out)
    assert told["forward_flops"]["dense"] == 8_178_368_512
    assert sum(layer["nnz"] for layer in told["layers"]) == 255_029 == round(0.01 * 25_502_912)
    assert sum(layer["flops"] for layer in told["layers"]) == told["forward_flops"]["sparse"]
    assert [row["method"] for row in told["methods"]] == list(METHOD_FLOPS)
    rows = {row["method"]: row for row in told["methods"]}
    sparse, dense = told["forward_flops"].values()
    assert rows["gse"]["flops"] == (300 * sparse + 2 * sparse + 2 * sparse) / 101
    assert rows["rigl"]["flops"] == (300 * sparse + 2 * sparse + dense) / 101
    assert round(100 * (1 - rows["gse"]["of_rigl"]), 2) == 11.15
    assert rows["dense"]["of_dense"] == rows["rigl"]["of_rigl"] == 1
    assert rows["rigl-sketch"]["flops_at_least"] == rows["gse"]["flops"]
    assert rows["rigl"]["held_bytes"] - rows["static"]["held_bytes"] == 4 * 25_502_912
    assert rows["snip"]["peak_bytes"] > rows["gse"]["peak_bytes"]


def test_tables_name_layers_and_methods(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["cost", "--model", "mlp", "--hidden", "512", "512", "--density", "0.02"]
    assert main([*words, "--method", "gse", "rigl", "rigl-sketch"]) == 0
    lines = capsys.readouterr().out.splitlines()
    first = next(line.split() for line in lines if line.startswith("layers.0"))
    assert first[:4] == ["layers.0", "512×784", "1", "401,408"]
    total = next(line.split() for line in lines if line.startswith("all"))
    assert total == ["all", "668,672", "13,373", "0.02", "26.7", "k", "100", "%"]
    shown = [line.split()[0] for line in lines[-3:]]
    assert shown == ["gse", "rigl", "rigl-sketch"]
    assert " to " in lines[-1]
    assert "T = 100, γ = 1" in "\n".join(lines)


def test_defaults_follow_the_model(capsys: pytest.CaptureFixture[str]) -> None:
    def layers(*words: str) -> list[dict]:
        assert main(["cost", *words, "--json"]) == 0
        return json.loads(capsys.readouterr().out)["layers"]

    small = layers("--model", "mlp", "--hidden")
    assert [layer["shape"] for layer in small] == [[10, 784]]
    small = layers(
        "--model", "mlp", "--hidden", "--image", "5", "--channels", "2", "--classes", "3", "--density", "0.1"
    )
    assert [layer["shape"] for layer in small] == [[3, 50]]
    small = layers("--model", "vgg11", "--width", "0.5", "--density", "0.1")
    assert small[0]["shape"] == [8, 27]
    assert small[0]["positions"] == 1024
    assert small[0]["kernel"] == [3, 3]


def test_fewer_connections_than_layers_are_left_real(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["cost", "--model", "mlp", "--hidden", "20", "--image", "4", "--density", "1e-6", "--budget", "uniform"]
    assert main([*words, "--json"]) == 0
    out, err = capsys.readouterr()
    assert "fewer connections than layers" in err
    shares = np.array([layer["nnz"] for layer in json.loads(out)["layers"]])
    assert_close(shares, np.array([320e-6, 200e-6]), 520e-6, 2)
    assert main(words) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model", "resnet5"], "unknown model 'resnet5': did you mean"),
        (["--method", "gse", "rigle"], "unknown method 'rigle': did you mean 'rigl'"),
        (["--density", "0"], "density must be in (0, 1], got 0.0"),
        (["--budget", "erdos"], "unknown budget 'erdos'"),
        (["--every", "0"], "every must be a whole number, at least 1, got 0"),
        (["--subset-factor", "0"], "subset_factor must be positive"),
        (["--optimizer", "sdg"], "unknown optimizer 'sdg'"),
        (["--batch-size", "0"], "batch_size must be"),
        (["--image", "0"], "image must be a whole number of at least 1 and below 65536, got 0"),
        (["--image", "20"], "32"),
        (["--channels", "-1"], "channels must be"),
        (["--classes", "100000"], "classes must be"),
        (["--hidden", "5"], "means nothing to resnet50"),
        (["--model", "mlp", "--width", "2"], "means nothing to mlp"),
    ],
)
def test_bad_input_is_one_clear_message(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", *words]) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert len(err.splitlines()) == 1
    assert out == ""
