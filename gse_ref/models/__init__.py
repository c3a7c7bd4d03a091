"""Models: compositions of modules."""

from .cost import SavingAt as SavingAt
from .cost import cost_layers as cost_layers
from .cost import saving_curve as saving_curve
from .cost import with_density as with_density
from .count import LayerCount as LayerCount
from .count import layer_counts as layer_counts
from .mlp import mlp as mlp
from .resnet import large_resnet as large_resnet
from .resnet import small_resnet as small_resnet
from .table import MODELS as MODELS
from .table import ModelSpec as ModelSpec
from .table import build_model as build_model
from .vgg import small_vgg as small_vgg
