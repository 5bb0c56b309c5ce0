"""Reasons for tests that only pass them on."""

from mattingd.domain.reasons import Reason

why = Reason.as_written
