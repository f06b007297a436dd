"""What a measurement has to say."""

from dataclasses import dataclass


class NotMeasured(Exception):
    """Something that a row needs is not here; the message says what."""


@dataclass
class Line:
    """One figure: what it is of, and beside it what was measured in the same rounds; a target, if there is one."""

    what: str
    figure: str
    beside: str = ""
    target: str = ""
    reached: bool | None = None
