"""The text of `_STATUS.txt` in a hot folder, for users without technical knowledge. Pure."""

from dataclasses import dataclass

from mattingd import words
from mattingd.core.snapshot import StayingView
from mattingd.domain.text import readable
from mattingd.journal.drops import FolderStanding
from mattingd.outputs.error_notes import in_sentences
from mattingd.words import Language

RUNNING = frozenset({"reading", "ready", "inferring", "matted", "finishing", "prepared"})
"""States of a picture that is being worked on."""
_MINUTE, _HOUR = 60, 3600


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything that the file reports."""

    standing: FolderStanding
    settling: int
    """Files that are still being copied."""
    place: str
    """Where the cut-outs are."""
    eta_seconds: float | None
    paused: bool = False
    offline: bool = False
    opens: str | None = None
    """When the folder is worked on again, if it is outside its hours."""
    staying: tuple[StayingView, ...] = ()
    """Sub-folders that stay here because of single pictures."""

    @property
    def running(self) -> int:
        """Number of pictures in work."""
        return sum(number for state, number in self.standing.live.items() if state in RUNNING)

    @property
    def waiting(self) -> int:
        """Number of waiting pictures and files."""
        return sum(self.standing.live.values()) - self.running + self.settling

    @property
    def worth_telling(self) -> bool:
        """Whether there is anything to report: an empty file is removed."""
        return bool(self.running or self.waiting or self.standing.failed or self.standing.is_open)


def status_text(now: Situation, language: Language) -> str | None:
    """Return the file's text without its first line, which contains the time.

    None when there is nothing to report.
    """
    if not now.worth_telling:
        return None

    def say(name: str, **params: str | float) -> str:
        return words.label(language, name, **params)

    lines = [say("status_running", number=now.running)] if now.running else []
    if now.waiting:
        lines.append(say("status_waiting", number=now.waiting))
    if done := now.standing.counts.get("done", 0):
        lines.append(say("status_done", number=done, place=now.place))
    if now.standing.unsure:
        lines.append(say("status_look", number=now.standing.unsure))
    if now.eta_seconds is not None and now.waiting + now.running:
        lines.append(say("status_eta", time=duration(now.eta_seconds, language)))
    lines += _standstill(now, language)
    if now.standing.failed:
        lines += ["", *_failures(now.standing, language)]
    if now.standing.unsure:
        lines += ["", *_to_look_at(now.standing, language)]
    for folder in now.staying:
        pictures = say("comma").join(map(readable, folder.waits_for))
        lines += ["", say("status_stays", folder=readable(folder.name), pictures=pictures)]
    return "\n".join([*lines, "", say("status_foot"), ""])


def first_line(time: str, language: Language) -> str:
    """Return the first line, by which our file is recognised."""
    return words.label(language, "status_title", time=time)


def duration(seconds: float, language: Language) -> str:
    """Describe roughly how long something takes."""
    if seconds < _MINUTE:
        return words.label(language, "less_than_a_minute")
    if seconds < 2 * _HOUR:
        return words.label(language, "minutes", number=round(seconds / _MINUTE))
    return words.label(language, "hours", number=round(seconds / _HOUR))


def _standstill(now: Situation, language: Language) -> list[str]:
    """Why nothing is begun in the folder."""
    lines = []
    if now.paused and now.waiting:
        lines += ["", words.label(language, "status_paused")]
    elif now.opens and now.waiting:
        lines += ["", words.label(language, "status_hours", time=now.opens)]
    return [*lines, "", words.label(language, "status_offline")] if now.offline else lines


def _failures(standing: FolderStanding, language: Language) -> list[str]:
    lines = [words.label(language, "status_failed", number=standing.all_failed)]
    for record in standing.failed:
        lines.append(words.label(language, "status_what", name=readable(record.path)))
        for reason in record.reasons[:1]:
            what, do = in_sentences(record.root + b"/" + record.path, reason, language)
            lines.append(words.label(language, "status_why", what=what))
            if do:
                below = "\n" + words.label(language, "status_indent")
                lines.append(words.label(language, "status_do", do=do.replace("\n", below)))
    if (more := standing.all_failed - len(standing.failed)) > 0:
        lines.append(words.label(language, "status_more", number=more))
    return lines


def _to_look_at(standing: FolderStanding, language: Language) -> list[str]:
    """Which cut-outs need checking."""
    lines = [words.label(language, "status_unsure")]
    lines += [words.label(language, "status_what", name=readable(path)) for path in standing.unsure_paths]
    if (more := standing.unsure - len(standing.unsure_paths)) > 0:
        lines.append(words.label(language, "status_unsure_more", number=more))
    return lines
