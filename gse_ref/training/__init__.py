"""Training: the configuration, the only loop, and the run folder."""

from .config import TrainConfig as TrainConfig
from .run import Interrupted as Interrupted
from .run import RunResult as RunResult
from .run import stored_config as stored_config
from .run import train as train
