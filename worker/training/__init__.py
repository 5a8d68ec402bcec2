"""The trainer: carries out one run with torch. Knows no registry and no database."""

from typing import TYPE_CHECKING

from sparse_coding import on_demand

if TYPE_CHECKING:
    from worker.training import assignment as assignment
    from worker.training import baselines_run as baselines_run
    from worker.training import fork_server as fork_server
    from worker.training import materials as materials
    from worker.training import pipe as pipe
    from worker.training import progress as progress
    from worker.training import sweep_run as sweep_run
    from worker.training import trainer as trainer
    from worker.training import training_run as training_run
else:
    __getattr__ = on_demand.importer(__name__)
