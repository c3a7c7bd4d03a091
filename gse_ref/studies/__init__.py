"""Studies: many runs side by side, what they say, and the questions of the paper as tables over them."""

from .catalogue import STUDIES as STUDIES
from .catalogue import study as study
from .comparison import Display as Display
from .comparison import Result as Result
from .comparison import Silent as Silent
from .comparison import Stopped as Stopped
from .comparison import carry_through as carry_through
from .execution import Executor as Executor
from .execution import Job as Job
from .grid import Arm as Arm
from .grid import particular as particular
from .grid import points as points
from .grid import product as product
from .processes import cores as cores
from .processes import in_processes as in_processes
from .study import Study as Study
from .study import carry_out as carry_out
from .summary import Row as Row
from .summary import against as against
from .summary import summarise as summarise
from .summary import summary_json as summary_json
from .summary import table as table
from .summary import write_summary as write_summary
from .worker import Outcome as Outcome
