"""Reasons why a picture is in its state, as codes with parameters that can be put into any language."""

from dataclasses import dataclass

from mattingd import words
from mattingd.words import Language, Param

DETAIL, ABOUT = "detail", "about"

_MOST = 2**63 - 1
"""The largest number that messages and other programs take."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A code of the tables in `words`, and its parameters. Falsy when empty.

    The parameter `detail` is a code itself, which shares the parameters. `about` names the file concerned if
    that is not the picture: its strokes, or one of several outputs.
    """

    code: str = ""
    params: tuple[tuple[str, Param], ...] = ()

    @classmethod
    def of(cls, code: str, **params: Param) -> "Reason":
        """Return the reason with this code and these parameters; numbers beyond 64 bits become text."""
        return cls(code, tuple((name, _carried(value)) for name, value in params.items()))

    @classmethod
    def as_written(cls, sentence: str) -> "Reason":
        """Return the reason for a sentence of journals before version 4; for empty text, an empty one."""
        return cls.of("as_written", text=sentence) if sentence else NO_REASON

    def within(self, code: str, **params: Param) -> "Reason":
        """Return a reason that has this one as its detail."""
        return Reason(code, ((DETAIL, self.code), *Reason.of(code, **params).params, *self.params))

    def about(self, file: str) -> "Reason":
        """Return the same reason about another file than the picture."""
        return Reason(self.code, (*self.params, (ABOUT, file)))

    def __bool__(self) -> bool:
        return bool(self.code)

    def __str__(self) -> str:
        return self.told("en")

    def told(self, language: Language) -> str:
        """Return one line that says what happened and what helps."""
        if not self.code:
            return ""
        params = dict(self.params)
        what = words.what_happened(language, self.code, params)
        do = words.what_to_do(language, self.code, params)
        file = f"{params[ABOUT]}: " if ABOUT in params else ""
        return file + (words.label(language, "what_do", what=what, do=do) if do else what)

    def told_plainly(self, language: Language) -> str:
        """Return sentences for whoever dropped the picture, without technical details."""
        if not self.code:
            return ""
        params = dict(self.params)
        said = words.for_designers(language, self.code, params)
        return words.label(language, "note_about", file=params[ABOUT], what=said) if ABOUT in params else said


def _carried(value: Param) -> Param:
    return str(value) if isinstance(value, int) and abs(value) > _MOST else value


NO_REASON = Reason()
"""Nothing to say."""
Reasons = tuple[Reason, ...]


def told(reasons: Reasons, language: Language = "en") -> str:
    """Return all of them in one line."""
    return words.label(language, "and_then").join(reason.told(language) for reason in reasons)


def told_plainly(reasons: Reasons, language: Language) -> str:
    """Return all of them for whoever dropped the picture."""
    return words.joined(language, *(reason.told_plainly(language) for reason in reasons))


def as_json(reasons: Reasons) -> list[dict[str, object]]:
    """Return them as codes with parameters, for programs that read answers."""
    return [{"code": reason.code, "params": dict(reason.params)} for reason in reasons]
