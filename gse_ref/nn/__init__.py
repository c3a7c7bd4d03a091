"""Modules, parameters, differentiable sparse operations and the probe protocol."""

from .activation import ACTIVATIONS as ACTIVATIONS
from .activation import Activation as Activation
from .activation import ReLU as ReLU
from .initial import initialise as initialise
from .linear import Linear as Linear
from .module import Module as Module
from .module import Sequential as Sequential
from .ops import sampled_product as sampled_product
from .ops import sparse_matmul as sparse_matmul
from .parameter import Parameter as Parameter
from .parameter import SparseParameter as SparseParameter
from .probe import Observer as Observer
from .probe import is_probing as is_probing
from .probe import probe as probe
from .probe import probing as probing
