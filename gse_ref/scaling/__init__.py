"""The complexity study: measure, fit, verdict, plot."""

from .clock import SystemClock as SystemClock
from .clock import quiet as quiet
from .predict import Limits as Limits
from .sizes import FORMS as FORMS
from .sizes import Plan as Plan
from .sizes import form as form
from .study import Study as Study
from .study import activations_for as activations_for
from .study import run as run
from .study import to_json as to_json
from .subject import Subject as Subject
from .subjects import METHODS as METHODS
from .subjects import subjects as subjects
from .target import target as target
from .yardstick import machine as machine
