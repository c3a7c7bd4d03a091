"""Models: compositions of modules."""

from .mlp import mlp as mlp
from .table import MODELS as MODELS
from .table import ModelSpec as ModelSpec
from .table import build_model as build_model
