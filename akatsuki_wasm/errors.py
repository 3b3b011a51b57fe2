"""Every error that crosses a public boundary of akatsuki_wasm.

The tree::

    AkatsukiError
      ConfigError
      LockError
      PluginError
        PluginLoadError
        StageUnhandledError
        MissingExtraError
      StageError
        GenerateError              .exchange
          ModelError
          MissingKeyError
          UnusableReplyError
          NoMatchError
        BuildError
          ToolchainError
          SourceRejectedError      .problems
          CompileError             .diagnostics
          BuildTimeoutError
        CheckError                 .case .expected .got .kind .failures .passed .tried
        RepairError                .attempts
        DesignCancelled            .exchange
        UploadError
          StorageError
          DigestMismatchError
          InvalidModuleError
        ExecuteError
          FunctionNotFoundError
          ArgumentError
          GuestError               .value
          GuestTrap                .kind
          ExecutionTimeout
          ExecutionCancelled
          FuelLimitError
          MemoryLimitError
          ResultTooLargeError
      NotebookError                .cell
      NotFoundError
      PermissionDeniedError
      ConflictError
      ServiceError                 .retry_after
        ServerUnreachableError
        AuthenticationError
        RequestError
          RequestTooLargeError
        QuotaError
        OverloadedError

Each class has a stable ``code`` for machines, and each instance a ``hint``: the next thing to do, for people.
``str(error)`` is the one line that says what was wrong and what was expected; the hint is kept apart from it so that a
face can set it on a line of its own. Errors survive pickling, whatever extra facts they carry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from akatsuki_wasm.contracts import CheckKind, Diagnostic, Exchange, Failure


def _rebuild(cls: type[AkatsukiError], state: dict[str, Any], args: tuple[Any, ...]) -> AkatsukiError:
    """Makes an unpickled error again without calling a subclass's ``__init__``, whose arguments may differ."""
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class AkatsukiError(Exception):
    """The root of the tree.

    Args:
        message: One line: what was wrong, what was got beside what was expected.
        hint: The next thing to do, one line, or empty.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    @property
    def message(self) -> str:
        """The one line, without the hint."""
        return str(self.args[0]) if self.args else self.code

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), dict(self.__dict__), self.args)


class ConfigError(AkatsukiError):
    """A setting is unknown, of the wrong type, or contradicts another."""

    code = "config"


class LockError(AkatsukiError):
    """A locked design is not the one that ``akatsuki.lock`` pins, or cannot be made from memory alone."""

    code = "lock"


class PluginError(AkatsukiError):
    """Something about a plugin is wrong."""

    code = "plugin"


class PluginLoadError(PluginError):
    """A plugin could not be imported or registered."""

    code = "plugin-load"


class StageUnhandledError(PluginError):
    """Every plugin that was asked passed on a stage."""

    code = "stage-unhandled"


class MissingExtraError(PluginError):
    """An optional dependency that this work needs is not installed."""

    code = "missing-extra"


class StageError(AkatsukiError):
    """A stage of the pipeline failed."""

    code = "stage"


class GenerateError(StageError):
    """No usable source came from the generator.

    Args:
        message: One line.
        hint: The next thing to do.
        exchange: The question and answer of a language model that it is about, or None.
    """

    code = "generate"

    def __init__(self, message: str, *, hint: str = "", exchange: Exchange | None = None) -> None:
        super().__init__(message, hint=hint)
        self.exchange = exchange


class ModelError(GenerateError):
    """The language model, or the way to it, failed."""

    code = "model"


class MissingKeyError(GenerateError):
    """A generator needs a key that is not set."""

    code = "missing-key"


class UnusableReplyError(GenerateError):
    """The generator answered, but not with a source.

    Args:
        message: One line.
        hint: The next thing to do.
        exchange: The question and answer, or None.
        final: Whether asking again is of no use: the model refuses.
    """

    code = "unusable-reply"

    def __init__(self, message: str, *, hint: str = "", exchange: Exchange | None = None, final: bool = False) -> None:
        super().__init__(message, hint=hint, exchange=exchange)
        self.final = final


class NoMatchError(GenerateError):
    """The offline catalogue has nothing that serves the prompt."""

    code = "no-match"


class BuildError(StageError):
    """No wasm came from the source."""

    code = "build"


class ToolchainError(BuildError):
    """There is no Rust toolchain that can build for wasm32, or it is broken."""

    code = "toolchain"


class SourceRejectedError(BuildError):
    """The source is outside the guest contract.

    Args:
        message: One line; the first problem, with its line number.
        problems: All problems, as diagnostics on the author's own lines.
        hint: What to write instead of the first one.
    """

    code = "source-rejected"

    def __init__(self, message: str, *, problems: Sequence[Diagnostic] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.problems = tuple(problems)


class CompileError(BuildError):
    """rustc refused the source.

    Args:
        message: One line; the first error, with its line number.
        diagnostics: rustc's diagnostics on the author's own lines, errors first.
        hint: What rustc suggests for the first one, or empty.
    """

    code = "compile"

    def __init__(self, message: str, *, diagnostics: Sequence[Diagnostic] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.diagnostics = tuple(diagnostics)


class BuildTimeoutError(BuildError):
    """The build took longer than it may."""

    code = "build-timeout"


class CheckError(StageError):
    """A built module did not do what a case expected.

    Args:
        message: One line that names the case.
        case: The call that was made, as text, such as ``f(2, 3)``.
        expected: What was expected, as text.
        got: What came instead, as text.
        hint: The next thing to do.
        kind: Who asked for the case: ``automatic``, ``example`` or ``oracle``.
        failures: All cases that did not hold, this one first; of automatic cases the first of each function.
        passed: Cases, examples and rows that held.
        tried: Those that were tried.
    """

    code = "check"

    def __init__(
        self,
        message: str,
        *,
        case: str,
        expected: str,
        got: str,
        hint: str = "",
        kind: CheckKind = "automatic",
        failures: Sequence[Failure] = (),
        passed: int = 0,
        tried: int = 0,
    ) -> None:
        super().__init__(message, hint=hint)
        self.case = case
        self.expected = expected
        self.got = got
        self.kind = kind
        self.failures = tuple(failures)
        self.passed = passed
        self.tried = tried

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All failures for who repairs the source, on the author's own lines where a panic says its line."""
        return tuple(each.diagnostic for each in self.failures)


class RepairError(StageError):
    """No attempt of a design was right. Its cause (``__cause__``) is what was wrong with the best one.

    Args:
        message: One line: how many attempts there were, and what the best one lacked.
        attempts: All of them, `akatsuki_wasm.pipeline.Attempt`.
        hint: The next thing to do.
    """

    code = "repair"

    def __init__(self, message: str, *, attempts: Sequence[Any] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.attempts = tuple(attempts)


class DesignCancelled(StageError):  # noqa: N818 - reads as ExecutionCancelled does
    """The design was cancelled by who waited for it.

    Args:
        message: One line.
        hint: The next thing to do.
        exchange: The question to a language model that was on its way, with what had come of the answer; or None.
    """

    code = "design-cancelled"

    def __init__(
        self, message: str = "the design was cancelled", *, hint: str = "", exchange: Exchange | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.exchange = exchange


class UploadError(StageError):
    """A module could not be stored."""

    code = "upload"


class StorageError(UploadError):
    """The database or the blob storage failed."""

    code = "storage"


class DigestMismatchError(UploadError):
    """Stored bytes are not the bytes that their digest names."""

    code = "digest-mismatch"


class InvalidModuleError(UploadError):
    """The bytes are not a module that can be stored: truncated, invalid, or importing what is not provided."""

    code = "invalid-module"


class ExecuteError(StageError):
    """A function of a module could not be executed."""

    code = "execute"


class FunctionNotFoundError(ExecuteError):
    """The module has no function of that name."""

    code = "function-not-found"


class ArgumentError(ExecuteError):
    """An argument is missing, too many, of the wrong type or out of its range."""

    code = "argument"


MAX_GUEST_TEXT = 10_000
"""Characters of a guest's words in an error."""


def one_line(text: str) -> str:
    """A text that somebody else wrote, on one line, without what could move a terminal's cursor, and not endless."""
    clipped = text if len(text) <= MAX_GUEST_TEXT else f"{text[:MAX_GUEST_TEXT]}…"
    words = " ".join(clipped.split())
    return words if words.isprintable() else "".join(each if each.isprintable() else "\ufffd" for each in words)


def said_by_guest(text: str) -> str:
    """What a function gave as its error, on one line, or that it gave nothing."""
    return one_line(text) or "the function failed and does not say why"


class GuestError(ExecuteError):
    """The function itself answered with an error (``Err`` of a Rust ``Result``).

    Args:
        message: What it said; it is put on one line.
        value: The error itself where it is no text: of a component's ``result<_, T>``, the contract value of T.
        hint: The next thing to do.
    """

    code = "guest-error"

    def __init__(self, message: str, *, value: Any = None, hint: str = "") -> None:
        super().__init__(said_by_guest(message), hint=hint)
        self.value = value


class GuestTrap(ExecuteError):  # noqa: N818 - a trap is WebAssembly's own word for it
    """The guest trapped: a panic, an out-of-bounds access, a stack overflow and the like.

    Args:
        message: One line: what trapped, with the panic's text where there is one.
        kind: The trap code in lower case, such as ``unreachable`` or ``stack_overflow``.
        hint: The next thing to do.
    """

    code = "guest-trap"

    def __init__(self, message: str, *, kind: str = "unknown", hint: str = "") -> None:
        super().__init__(one_line(message), hint=hint)
        self.kind = kind


class ExecutionTimeout(ExecuteError):  # noqa: N818 - reads as subprocess.TimeoutExpired does
    """The execution ran past its deadline."""

    code = "timeout"


class ExecutionCancelled(ExecuteError):  # noqa: N818 - reads as asyncio.CancelledError does
    """The execution was cancelled by who waited for it."""

    code = "cancelled"


class FuelLimitError(ExecuteError):
    """The guest did all the units of work that its limit allows."""

    code = "fuel-limit"


class MemoryLimitError(ExecuteError):
    """The guest needs more memory than its limit."""

    code = "memory-limit"


class ResultTooLargeError(ExecuteError):
    """The result is larger than the limit for results."""

    code = "result-too-large"


class NotebookError(AkatsukiError):
    """A cell of a notebook failed.

    Args:
        message: One line that names the notebook, the cell and the error.
        cell: The failing cell's number as Jupyter shows it, from 1, or None where no cell ran.
        hint: Where the executed notebook is.
    """

    code = "notebook"

    def __init__(self, message: str, *, cell: int | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.cell = cell


class NotFoundError(AkatsukiError):
    """What was named does not exist, or the acting user may not know that it does."""

    code = "not-found"


class PermissionDeniedError(AkatsukiError):
    """The acting user may not do this."""

    code = "permission-denied"


class ConflictError(AkatsukiError):
    """The name or version is taken, or the row changed meanwhile."""

    code = "conflict"


class ServiceError(AkatsukiError):
    """The service, or the way to it, did not do what it was asked, whatever that was.

    Args:
        message: One line.
        hint: The next thing to do.
        retry_after: Seconds after which asking again may help, or None.
    """

    code = "service"

    def __init__(self, message: str, *, hint: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class ServerUnreachableError(ServiceError):
    """A server cannot be reached, or what answers is not this service."""

    code = "server-unreachable"


class AuthenticationError(ServiceError):
    """The request has no token, or one that is not accepted."""

    code = "unauthenticated"


class RequestError(ServiceError):
    """The request is malformed: its body, a header or a parameter of it."""

    code = "bad-request"


class RequestTooLargeError(RequestError):
    """The request, or a part of it, is larger than is taken."""

    code = "request-too-large"


class QuotaError(ServiceError):
    """The user, or the owner of a module, has used up what they may use for now."""

    code = "quota"


class OverloadedError(ServiceError):
    """The service has more to do than it can do in time, or is about to stop."""

    code = "overloaded"
