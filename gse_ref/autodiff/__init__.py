"""Reverse-mode automatic differentiation on arrays of NumPy or another library, closed under differentiation."""

from .backward import backward as backward
from .backward import grad as grad
from .check import CheckResult as CheckResult
from .check import check_gradient as check_gradient
from .elementwise import absolute as absolute
from .elementwise import add as add
from .elementwise import div as div
from .elementwise import exp as exp
from .elementwise import gelu as gelu
from .elementwise import log as log
from .elementwise import maximum as maximum
from .elementwise import mul as mul
from .elementwise import neg as neg
from .elementwise import power as power
from .elementwise import relu as relu
from .elementwise import sigmoid as sigmoid
from .elementwise import sqrt as sqrt
from .elementwise import sub as sub
from .elementwise import tanh as tanh
from .elementwise import where as where
from .linalg import matmul as matmul
from .loss import cross_entropy as cross_entropy
from .loss import log_softmax as log_softmax
from .loss import logsumexp as logsumexp
from .loss import softmax as softmax
from .operators import attach
from .reduce import max as max
from .reduce import mean as mean
from .reduce import sum as sum
from .reduce import var as var
from .shape import broadcast_to as broadcast_to
from .shape import concatenate as concatenate
from .shape import index as index
from .shape import pad as pad
from .shape import reshape as reshape
from .shape import sum_to as sum_to
from .shape import transpose as transpose
from .tensor import Op as Op
from .tensor import Operand as Operand
from .tensor import Tensor as Tensor
from .tensor import apply as apply
from .tensor import as_tensor as as_tensor
from .tensor import is_grad_enabled as is_grad_enabled
from .tensor import no_grad as no_grad

attach()
