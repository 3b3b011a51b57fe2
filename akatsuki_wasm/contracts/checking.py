"""What the check stage found wrong: one fact for each case that did not hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from akatsuki_wasm.contracts.making import Diagnostic

CheckKind = Literal["automatic", "example", "oracle"]
"""``automatic``: a case made from the types; ``example``: a call that the user gave; ``oracle``: a
reference's answer."""


@dataclass(frozen=True)
class Failure:
    """One case that did not hold.

    Attributes:
        kind: Who asked for it.
        case: The call that was made, as text, such as ``f(2, 3)``.
        expected: What was expected, as text.
        got: What came instead, as text.
        message: One line that names the case.
        line: Line of the author's file where the guest panicked, from 1, or None.
        help: What to write instead, or empty.
    """

    kind: CheckKind
    case: str
    expected: str
    got: str
    message: str
    line: int | None = None
    help: str = ""

    @property
    def diagnostic(self) -> Diagnostic:
        """The same for who repairs the source."""
        text = f"{self.message}; expected {self.expected}, got {self.got}"
        return Diagnostic("error", text, self.line, code="check", help=self.help)
