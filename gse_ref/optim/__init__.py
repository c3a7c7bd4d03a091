"""Optimizers as data: `init` makes the state, `update` takes a step, `remap` follows a topology update."""

from .adam import Adam as Adam
from .rates import Rate as Rate
from .rates import constant as constant
from .rates import cosine as cosine
from .rates import multi_step as multi_step
from .rates import warmup as warmup
from .sgd import SGD as SGD
from .state import SlotMap as SlotMap
from .state import State as State
from .state import Trainable as Trainable
from .state import momentum_of as momentum_of
from .state import remap as remap
from .state import restore as restore
