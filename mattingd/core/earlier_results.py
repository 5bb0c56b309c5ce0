"""When a picture need not be made: an earlier result of it still counts, or of the same picture elsewhere."""

from mattingd.core.inference import Inference
from mattingd.core.job_store import JobStore
from mattingd.core.lifecycle import Job, Trigger
from mattingd.core.worker_pool import WorkerPool
from mattingd.domain.commands import FindSame
from mattingd.domain.events import EarlierFound, SameContent
from mattingd.domain.jobs import Fit, PreviousResult
from mattingd.domain.reasons import Reason
from mattingd.domain.text import readable

SAME_AS_LAST = Reason.of("same_content")


def known(work: JobStore, job: Job) -> bytes:
    """Return the hash of the content whose last result still counts; b"" when none does."""
    last = job.last
    if last is None or job.forced or job.stamp.strokes or last.painted:
        return b""
    if job.follows is not None and not last.outputs:
        return b""  # outputs that are missing are made with the present paths
    return last.sha256 if made_so(work, job) else b""


def made_so(work: JobStore, job: Job) -> bool:
    """Whether the present settings and weights made the last result: its matte would be the same."""
    last, weights = job.last, work.weights_of(job)
    return last is not None and last.recipe == job.recipe.hash and last.model in {None, weights}


class EarlierResults:
    """Compares pictures that were read with earlier results. One owner: the scheduler."""

    def __init__(self, work: JobStore, pool: WorkerPool, inference: Inference) -> None:
        self.work = work
        self.pool = pool
        self.inference = inference

    def is_as_last(self, job: Job) -> bool:
        """Whether a picture that was read is as it was for its last result, which still counts."""
        return not job.forced and job.last is not None and job.follows is None and self._same(job, job.last)

    def same_content(self, job: Job, fact: SameContent) -> None:
        """End a job whose file has the content of its last result, under this name or another."""
        job.sha256 = fact.sha256
        moved = job.follows is not None
        why = Reason.of("moved", before=readable(job.follows or b""))
        self.work.move(job, Trigger.SAME, why if moved else SAME_AS_LAST, sha256=fact.sha256, painted=b"")

    def look_for_same(self, job: Job, fit: Fit) -> None:
        """Ask the journal for cut-outs of the same picture; without a use for them send it to the model."""
        asks = self.work.policy.reuse_same
        asks = asks and not any(preset.finisher for preset in job.presets)  # a plug-in may be another by now
        if not asks or job.forced or job.painted or job.stamp.strokes or self.work.unusable(job):
            self.inference.ready(job, fit.shape)
            return
        job.asks = True
        self.work.out.append(FindSame(job.id, job.sha256 or b"", job.recipe.hash, self.work.weights_of(job)))

    def found(self, fact: EarlierFound) -> None:
        """Handle the journal's answer: have the cut-outs copied, or send the picture to the model."""
        job = self.work.jobs.get(fact.job)
        if job is None or not job.asks or job.fit is None or job.worker is None:
            return  # it was read again since, or is not in work any more
        job.asks, found = False, fact.result
        if (
            found is None
            or found.model != self.work.weights_of(job)
            or len(found.outputs) != len(job.outputs)
        ):
            self.inference.ready(job, job.fit.shape)
            return
        job.same = found
        job.model, job.device, job.precision = found.model, found.device, found.precision
        self.work.move(job, Trigger.RECALLED)
        self.pool.slots[job.worker].todo.append(job.id)

    def gone(self, job: Job) -> None:
        """A user removed or changed the earlier cut-outs: this picture gets its own."""
        job.same, fit = None, job.fit
        self.work.move(job, Trigger.AGAIN)
        if fit is not None:
            self.inference.ready(job, fit.shape)

    def _same(self, job: Job, last: PreviousResult) -> bool:
        """Whether the last result has this content, these strokes, settings and weights.

        Strokes belong to the matte that they were painted on, whichever weights are in use.
        """
        made_by = bool(job.painted) or last.model in {None, self.work.weights_of(job)}
        made_of = (last.sha256, last.painted, last.recipe)
        return made_by and made_of == (job.sha256, job.painted, job.recipe.hash)
