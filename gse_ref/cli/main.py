"""The command ``gse-ref``: parses, runs, and turns errors into one line and an exit code."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import tyro

from ..errors import GseError, InputError
from ..presets import preset
from ..training import Interrupted, stored_config
from .data import Data
from .info import Info
from .scaling import Scaling
from .train import Train

INTERRUPTED = 130


def _value_of(option: str, arguments: Sequence[str]) -> str | None:
    """Return the word after the last `option`."""
    found = None
    for position, word in enumerate(arguments):
        name, equals, value = word.partition("=")
        if name.replace("_", "-") == option:
            following = arguments[position + 1 : position + 2]
            found = value if equals else following[0] if following else None
    return found


def _defaults(arguments: Sequence[str]) -> Train:
    """Return what ``train`` starts from: what a run was configured with if it is resumed, a preset, or nothing."""
    run, name = _value_of("--resume", arguments), _value_of("--preset", arguments)
    if run is not None and name is not None:
        raise InputError("--resume goes on with the settings of its run: leave --preset out")
    if run is not None:
        return Train.of(stored_config(run))
    if name is None:
        return Train()
    settings = preset(name)
    if _value_of("--probe-samples", arguments) is not None:
        settings["probe_per_class"] = None  # the other answer to the same question
    return Train(**settings, preset=name)


def _parse(arguments: Sequence[str]) -> Any:
    train = _defaults(arguments) if arguments[:1] == ["train"] else Train()
    commands = (
        Annotated[Train, tyro.conf.subcommand("train", default=train)]
        | Annotated[Info, tyro.conf.subcommand("info")]
        | Annotated[Data, tyro.conf.subcommand("data")]
        | Annotated[Scaling, tyro.conf.subcommand("scaling")]
    )
    return tyro.cli(
        commands,
        args=list(arguments),
        prog="gse-ref",
        description="Train networks that stay sparse from the first step to the last.",
        config=(tyro.conf.OmitSubcommandPrefixes,),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0 good, 1 a check failed or training diverged, 2 usage or bad input, 3 a missing optional dependency,
    130 interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name of a file may not fit the terminal's encoding
    try:
        command = _parse(words)
        command.run()
        sys.stdout.flush()
    except Interrupted as interrupted:
        print(f"gse-ref: {interrupted}", file=sys.stderr)
        return INTERRUPTED
    except KeyboardInterrupt:
        print("gse-ref: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader left; say no more
        return 0
    except GseError as error:
        print(f"gse-ref: {error}", file=sys.stderr)
        return error.exit_code
    except MemoryError as error:
        print(
            f"gse-ref: not enough memory: {error}; lower the widths, the density, the batch or the images",
            file=sys.stderr,
        )
        return InputError.exit_code
    except OSError as error:
        print(f"gse-ref: {error}", file=sys.stderr)
        return InputError.exit_code
    return 0
