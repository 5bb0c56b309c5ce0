"""Waits until a picture has ended, by asking the journal at growing intervals."""

import asyncio

from starlette.concurrency import run_in_threadpool

from mattingd.web.context import Context
from mattingd.web.schemas import Job

FIRST_SECONDS, LONGEST_SECONDS = 0.03, 0.4
PATIENCE_SECONDS = 300.0


async def ended(context: Context, job: str, seconds: float = PATIENCE_SECONDS) -> Job:
    """Return the job once it has ended, or as it is after `seconds`.

    Raises:
        ProblemError: there is no such job.
    """
    pause, left = FIRST_SECONDS, seconds
    while True:
        told = await run_in_threadpool(context.desk.job, job)
        if told.state not in {"waiting", "working"} or left <= 0 or context.stopping:
            return told
        await asyncio.sleep(min(pause, left))
        left -= pause
        pause = min(pause * 1.3, LONGEST_SECONDS)
