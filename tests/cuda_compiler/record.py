"""Write the record of the CUDA kernels: ``python -m tests.cuda_compiler.record``, after a change of a source."""

from __future__ import annotations

import json
from typing import Any

from gse_ref.backends import cuda, gpu
from gse_ref.backends.cuda.record import digests
from tests.contract.checks import CHECKS
from tests.contract.emulated import emulated
from tests.cuda_compiler.nvrtc import ARCHITECTURES, Usage, compile_for, version
from tests.host_cuda.device import ORDERS, HostDevice
from tests.meta.planted import judge


def usage() -> dict[str, dict[str, dict[str, int]]]:
    """Compile every source; return by entry point and architecture what it takes of a multiprocessor."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    for file in cuda.files():
        for architecture in ARCHITECTURES:
            compiled = compile_for(cuda.source(file), file, architecture)
            for name in cuda.entries(file):
                found.setdefault(name, {})[architecture] = compiled.usage[name]._asdict()
    return found


def emulated_entries() -> set[str]:
    """Run every contract check on the host, in each order of the threads; return what it launched.

    Raises
    ------
    AssertionError : a check finds a fault, so that there is nothing to record.
    """
    launched = []
    for order in ORDERS:
        device = HostDevice(order)
        backend = emulated(device=device)
        for function in gpu.OPERATIONS:
            judge(CHECKS[function], backend, examples=60)
        launched.append(set(device.launched))
    return set.intersection(*launched)


def made() -> dict[str, Any]:
    """Return the record of the sources as they are."""
    passed = emulated_entries()
    kernels = {
        name: {"rung": "host-emulated" if name in passed else "compiled", **rows} for name, rows in usage().items()
    }
    return {
        "compiler": f"NVRTC {version()}",
        "fields": list(Usage._fields),
        "sources": digests(),
        "kernels": kernels,
    }


if __name__ == "__main__":
    record = made()
    for row in record["kernels"].values():
        row.update({architecture: list(row[architecture].values()) for architecture in ARCHITECTURES})
    rows = ",\n".join(f"    {json.dumps(name)}: {json.dumps(row)}" for name, row in record["kernels"].items())
    head = "".join(
        f"  {json.dumps(key)}: {json.dumps(record[key])},\n" for key in ("compiler", "fields", "sources")
    )
    path = cuda.include_folder() / "record.json"
    path.write_text(f'{{\n{head}  "kernels": {{\n{rows}\n  }}\n}}\n', encoding="utf-8")
    print(f"{len(record['kernels'])} entry points recorded in {path.name}")
