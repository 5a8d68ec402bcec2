"""The outcome of one attempt: what is known of its end, and the transition of the registry that follows from it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from registry import models, run_blobs, runs
from registry.database.tables import Run
from sparse_coding.specs import runs as run_specs
from sparse_coding.specs.runs import AnySpec
from worker import exits, messages
from worker.supervising import publication

Ending = messages.Result | messages.Stopped | messages.Error

Transition = Callable[[Session], Run]


@dataclass(eq=False)
class Outcome:
    """Collects what decides how the run ends, while the attempt goes on."""

    run_id: str
    fence: int
    asked: AnySpec | None = None
    """The spec, once it was parsed."""
    dataset_digest: str | None = None
    outputs: list[run_blobs.Output] = field(default_factory=list)
    """Files of the result, which lie in the store."""
    ending: Ending | None = None
    """The last message of the trainer, or an error in its place."""
    returncode: int | None = None
    """Exit status of the trainer; None while it runs."""

    def end_with(self, ending: Ending) -> None:
        """Take an ending, unless there is one already."""
        self.ending = self.ending or ending

    def transition(self, stop_request: messages.StopRequest | None) -> Transition:
        """The write that ends the attempt; `stop_request` was sent to the trainer."""
        run_id, fence, ending = self.run_id, self.fence, self.ending
        if isinstance(ending, messages.Result):
            return self._success(ending)
        if stop_request == "cancel" or (stop_request == "pause" and isinstance(ending, messages.Stopped)):
            return lambda session: runs.acknowledge_stop(session, run_id, fence)
        if ending is None and stop_request != "release":  # else this worker killed it
            assert self.returncode is not None
            ending = exits.verdict(self.returncode)
        if isinstance(ending, messages.Error):
            return self._failure(ending)
        return lambda session: runs.release(session, run_id, fence)

    def _success(self, ending: messages.Result) -> Transition:
        publications = self._publications(ending)
        return lambda session: runs.succeed(
            session, self.run_id, self.fence, result=ending.summary, outputs=self.outputs, publish=publications
        )

    def _failure(self, error: messages.Error) -> Transition:
        return lambda session: runs.fail(
            session, self.run_id, self.fence, code=error.code, detail=error.detail, may_pass=error.may_pass
        )

    def _publications(self, result: messages.Result) -> list[models.Publication]:
        """What the run publishes: a model for each weights file. Only training makes such files."""
        assert self.asked is not None
        made = {output.member: output.stored for output in self.outputs if output.role == "weights"}
        return [
            models.Publication(
                name=str(learned.spec.name),
                member=learned.number,
                spec=run_specs.document(learned.spec),
                spec_version=run_specs.SPEC_VERSION,
                result=learned.result,
                weights=made[learned.number],
                dataset_name=learned.spec.dataset.name,
                dataset_digest=str(self.dataset_digest),
            )
            for learned in publication.learned(self.asked, result.summary)
            if learned.number in made
        ]
