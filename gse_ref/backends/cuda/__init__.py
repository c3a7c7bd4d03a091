"""The CUDA kernels: their table and their source text. Nothing here needs CUDA.

Conventions of the ``.cu`` files, which NVRTC compiles for a device and a C++ compiler for the tests: no library
is included; an entry point is ``extern "C"``, named after its kernel and dtypes (``spmm_float32``); parameters are
pointers, ``long long`` and ``double``, pointers to const where nothing is written; shared memory is
``extern __shared__ __align__(16) unsigned char shared_memory[]``, its size given at the launch; a block has one
axis of threads. No atomics on floats: every element is written by one thread, every sum runs in an order that the
launch alone decides, so that results do not depend on scheduling.
"""

from .source import OPTIONS as OPTIONS
from .source import include_folder as include_folder
from .source import source as source
from .table import KERNELS as KERNELS
from .table import Kernel as Kernel
from .table import entries as entries
from .table import files as files
