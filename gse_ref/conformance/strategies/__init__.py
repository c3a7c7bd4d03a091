"""Public Hypothesis strategies: what the checks draw, nasty corners included, for your own property tests too.

`values` draws numbers, `layer` topologies and products, `convolution` and `image` what has pixels, `exploration`
masses, scores and edits. Each docstring names the corners that its strategy reaches again and again.
"""

from .convolution import HEIGHT as HEIGHT
from .convolution import KERNELS as KERNELS
from .convolution import WORK as WORK
from .convolution import Convolution as Convolution
from .convolution import ConvPairs as ConvPairs
from .convolution import Patches as Patches
from .convolution import Window as Window
from .convolution import conv_pairs as conv_pairs
from .convolution import convolutions as convolutions
from .convolution import images as images
from .convolution import patches as patches
from .convolution import patterns as patterns
from .convolution import weights as weights
from .convolution import windows as windows
from .exploration import LAST_UNIFORM as LAST_UNIFORM
from .exploration import Drawn as Drawn
from .exploration import Edit as Edit
from .exploration import drawn as drawn
from .exploration import draws as draws
from .exploration import edits as edits
from .exploration import layer_shapes as layer_shapes
from .exploration import masses as masses
from .exploration import scores as scores
from .exploration import uniforms as uniforms
from .image import MANY as MANY
from .image import Normalised as Normalised
from .image import Pooled as Pooled
from .image import channels as channels
from .image import image_shapes as image_shapes
from .image import moderate as moderate
from .image import normalised as normalised
from .image import pooled as pooled
from .layer import Product as Product
from .layer import Sampled as Sampled
from .layer import Signed as Signed
from .layer import gathers as gathers
from .layer import mask_of as mask_of
from .layer import of_mask as of_mask
from .layer import products as products
from .layer import rectified as rectified
from .layer import sampled as sampled
from .layer import shapes as shapes
from .layer import signed as signed
from .layer import topologies as topologies
from .values import BATCHES as BATCHES
from .values import DTYPES as DTYPES
from .values import KINDS as KINDS
from .values import NOT_FINITE as NOT_FINITE
from .values import arrays as arrays
from .values import batches as batches
from .values import dtypes as dtypes
from .values import generators as generators
from .values import perhaps_spoilt as perhaps_spoilt
from .values import spoilt as spoilt
