"""The sparse core: topologies, edits, budgets and initial patterns."""

from .budgets import BUDGETS as BUDGETS
from .budgets import LayerShape as LayerShape
from .budgets import layer_budgets as layer_budgets
from .edit import SlotMap as SlotMap
from .edit import edit as edit
from .patterns import bernoulli as bernoulli
from .patterns import empty as empty
from .patterns import erdos_renyi as erdos_renyi
from .patterns import full as full
from .sampling import sample_inactive as sample_inactive
from .sets import difference as difference
from .sets import overlap as overlap
from .sets import union as union
from .topology import Topology as Topology
