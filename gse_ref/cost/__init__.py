"""What methods cost: exact FLOPs and bytes from the shapes of layers and their numbers of connections."""

from .flops import FALLS as FALLS
from .flops import METHOD_FLOPS as METHOD_FLOPS
from .flops import MethodFlops as MethodFlops
from .flops import Saving as Saving
from .flops import method_flops as method_flops
from .flops import saving as saving
from .layers import Layer as Layer
from .layers import Work as Work
from .memory import STATE_SLOTS as STATE_SLOTS
from .memory import Storage as Storage
from .memory import Traffic as Traffic
from .memory import peak_storage as peak_storage
from .memory import step_traffic as step_traffic
from .memory import training_storage as training_storage
from .setting import Setting as Setting
