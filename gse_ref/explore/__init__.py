"""Exploration: distributions, candidates, selection and the methods made of them."""

from .criteria import CRITERIA as CRITERIA
from .methods import DENSE as DENSE
from .methods import METHODS as METHODS
from .methods import Method as Method
from .methods import method as method
from .observe import OBSERVED as OBSERVED
from .observe import explored_share as explored_share
from .observe import jaccard_distance as jaccard_distance
from .observe import recall as recall
from .observe import survival as survival
from .proposal import Numbers as Numbers
from .proposal import Problem as Problem
from .proposal import Proposal as Proposal
from .proposal import Proposer as Proposer
from .proposal import Request as Request
from .proposal import Target as Target
from .schedules import SCHEDULES as SCHEDULES
from .schedules import Timing as Timing
from .schedules import is_due as is_due
from .schedules import prune_fraction as prune_fraction
from .select import SCOPES as SCOPES
from .select import select as select
from .update import LayerChange as LayerChange
from .update import TopologyUpdate as TopologyUpdate
from .update import update as update
