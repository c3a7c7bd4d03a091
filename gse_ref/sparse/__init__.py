"""The sparse core: topologies, edits, budgets and initial patterns."""

from .budgets import BUDGETS as BUDGETS
from .budgets import LayerShape as LayerShape
from .budgets import layer_budgets as layer_budgets
from .budgets import layer_shares as layer_shares
from .edit import SlotMap as SlotMap
from .edit import edit as edit
from .patterns import PATTERNS as PATTERNS
from .patterns import banded as banded
from .patterns import bernoulli as bernoulli
from .patterns import block as block
from .patterns import empty as empty
from .patterns import erdos_renyi as erdos_renyi
from .patterns import full as full
from .patterns import scale_free as scale_free
from .patterns import small_world as small_world
from .sampling import sample_inactive as sample_inactive
from .sampling import sample_inactive_in_rows as sample_inactive_in_rows
from .sets import difference as difference
from .sets import overlap as overlap
from .sets import union as union
from .topology import Topology as Topology
