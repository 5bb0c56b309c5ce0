"""Why a running daemon refuses a request."""


class RefusedError(Exception):
    """The request is refused, or not answered; the message says why, `code` does so for programs."""

    def __init__(self, why: str, code: str = "refused") -> None:
        super().__init__(why)
        self.code = code
