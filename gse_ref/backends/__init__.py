"""Backends: the specification, the definition, the fast kernels, and the choice between them."""

from .api import AliasTable as AliasTable
from .api import Backend as Backend
from .api import Geometry as Geometry
from .api import Pairs as Pairs
from .api import TransposePlan as TransposePlan
from .memory import aligned as aligned
from .memory import available_memory as available_memory
from .memory import empty as empty
from .memory import keep_freed_memory as keep_freed_memory
from .select import active as active
from .select import available as available
from .select import default as default
from .select import get as get
from .select import use as use
from .shadow import shadow as shadow
from .threads import most_threads as most_threads
from .threads import thread_limit as thread_limit
from .tolerance import bound as bound
