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
from ..studies import STUDIES, study
from ..training import stored_config
from .compare import Compare
from .conformance import Conformance
from .cost import Cost
from .data import Data
from .info import Info
from .scaling import Scaling
from .selftest import Selftest
from .study import Study
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


def _preset(name: str, arguments: Sequence[str]) -> dict[str, Any]:
    """Return the settings of a preset, without those that an option gives another answer to."""
    settings = preset(name)
    if _value_of("--probe-samples", arguments) is not None:
        settings["probe_per_class"] = None
    return {**settings, "preset": name}


def _train(arguments: Sequence[str]) -> Train:
    """Return what ``train`` starts from: what a run was configured with if it is resumed, a preset, or nothing."""
    run, name = _value_of("--resume", arguments), _value_of("--preset", arguments)
    if run is not None and name is not None:
        raise InputError("--resume goes on with the settings of its run: leave --preset out")
    if run is not None:
        return Train.of(stored_config(run))
    if name is None:
        return Train()
    return Train(**_preset(name, arguments))


def _compare(arguments: Sequence[str]) -> Compare:
    """Return what ``compare`` starts from: a preset, or nothing; the methods are its own."""
    name = _value_of("--preset", arguments)
    settings = {} if name is None else _preset(name, arguments)
    settings.pop("method", None)
    return Compare(**settings)


def _study(arguments: Sequence[str]) -> Study:
    """Return what ``study NAME`` starts from: what the study sets, and a preset over it."""
    if not arguments or arguments[0].startswith("-"):
        if {"-h", "--help"} & set(arguments):
            return Study(name="NAME")
        raise InputError(f"study wants a name first: gse-ref study NAME ...; available: {', '.join(STUDIES)}")
    settings, name = dict(study(arguments[0]).base), _value_of("--preset", arguments)
    if name is not None:
        settings |= _preset(name, arguments)
    settings.pop("method", None)
    return Study(name=arguments[0], **settings)


def _parse(arguments: Sequence[str]) -> Any:
    asked, options = arguments[0], arguments[1:]
    train = _train(options) if asked == "train" else Train()
    compare = _compare(options) if asked == "compare" else Compare()
    study_command = _study(options) if asked == "study" else Study(name="NAME")
    commands = (
        Annotated[Train, tyro.conf.subcommand("train", default=train)]
        | Annotated[Compare, tyro.conf.subcommand("compare", default=compare)]
        | Annotated[Study, tyro.conf.subcommand("study", default=study_command)]
        | Annotated[Info, tyro.conf.subcommand("info")]
        | Annotated[Data, tyro.conf.subcommand("data")]
        | Annotated[Cost, tyro.conf.subcommand("cost")]
        | Annotated[Scaling, tyro.conf.subcommand("scaling")]
        | Annotated[Conformance, tyro.conf.subcommand("conformance")]
        | Annotated[Selftest, tyro.conf.subcommand("selftest")]
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
    except KeyboardInterrupt as interrupted:
        print(f"gse-ref: {str(interrupted) or 'interrupted'}", file=sys.stderr)
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
