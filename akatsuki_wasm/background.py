"""Executions that the caller does not wait for: one on a thread of its own, or one for each of many values."""

from __future__ import annotations

import os
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TYPE_CHECKING, Any

from akatsuki_wasm import wit
from akatsuki_wasm.contracts import Control
from akatsuki_wasm.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from akatsuki_wasm.contracts import ExecutionResult
    from akatsuki_wasm.module import Module
    from akatsuki_wasm.module_functions import ModuleFunction

MAX_THREADS = 32


class Execution:
    """An execution under way on a thread of its own, as `Module.start` gives it.

    Args:
        name: For people, such as ``filters.vintage``.
        work: Executes.
        control: That `work` listens to.
    """

    def __init__(self, name: str, work: Callable[[], ExecutionResult], control: Control) -> None:
        self.name = name
        self._control = control
        self._future: Future[ExecutionResult] = Future()

        def run() -> None:
            try:
                self._future.set_result(work())
            except BaseException as exc:  # noqa: BLE001 - handed to who asks for the result, which raises it
                self._future.set_exception(exc)

        # A daemon: a process that ends does not wait for a guest's time limit.
        threading.Thread(target=run, name=f"akatsuki-{name}", daemon=True).start()

    def cancel(self) -> None:
        """Asks it to stop. Returns at once; soon `result` raises an `ExecutionCancelled`, if it was not done."""
        self._control.cancel()

    def done(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self._future.done()

    def result(self, timeout: float | None = None) -> ExecutionResult:
        """Waits for its end and gives the value together with what it cost.

        Args:
            timeout: Seconds to wait at most. The execution goes on when they are over.

        Raises:
            ExecutionCancelled: `cancel` ended it.
            ExecuteError: The call is wrong, the guest failed or a limit was met.
            TimeoutError: It has not ended yet.
        """
        try:
            return self._future.result(timeout)
        except FutureTimeoutError as exc:
            if self._future.done():  # an error of the execution itself
                raise
            raise TimeoutError(f"{self.name} is still under way after {timeout:g} s") from exc

    def value(self, timeout: float | None = None) -> Any:
        """As `result`, but only the value."""
        return self.result(timeout).value

    def __repr__(self) -> str:
        if not self.done():
            state = "cancelling" if self._control.cancelled else "under way"
        else:
            state = "failed" if self._future.exception() is not None else "done"
        return f"<Execution of {self.name}: {state}>"


def mapped_function(module: Module, name: str | None) -> ModuleFunction:
    """The function that `Module.map` applies: the named one, the only one, or the only one of an image.

    Raises:
        ArgumentError: None is named, and several could be meant; or it has no parameter.
        FunctionNotFoundError: There is none of that name.
    """
    if name is not None:
        found = module.function(name)
    else:
        every = list(module.functions.values())
        images = [each for each in every if each.function.params and each.function.params[0].type == wit.IMAGE]
        chosen = every if len(every) == 1 else images
        if len(chosen) != 1:
            raise ArgumentError(
                f"{module.name} has {len(chosen) or 'no'} functions of an image: which one is meant?",
                hint=f"Name it: map(…, function={next(iter(module.functions), 'name')!r}).",
            )
        found = chosen[0]
    if not found.function.params:
        raise ArgumentError(f"{found.function.name} has no parameter to map over", hint="Choose another function.")
    return found


def map_values(
    one: Callable[[Any, Control], Any], values: Iterable[Any], *, threads: int | None, is_image: bool
) -> Iterator[Any]:
    """Applies a function to each value, on several threads; results come in order, as soon as they are there.

    A few values more than there are threads are taken in advance, so memory stays bounded however many there are.
    Where the caller stops early, or one fails, those under way are cancelled and waited for.

    Args:
        one: Executes for one value.
        values: In order; taken on the caller's thread, one at a time.
        threads: Most executions at once; one for each processor core where None.
        is_image: Whether a path among the values is the place of an image.
    """
    count = threads if threads is not None else (os.cpu_count() or 1)
    if not isinstance(count, int) or count < 1:
        raise ArgumentError(f"threads is {threads!r}: expected 1 or more", hint="Leave it out for all cores.")
    count = min(count, MAX_THREADS)
    return _mapped(one, values, count, is_image=is_image)


def _mapped(
    one: Callable[[Any, Control], Any], values: Iterable[Any], threads: int, *, is_image: bool
) -> Iterator[Any]:
    control = Control()

    def work(value: Any) -> Any:
        if is_image and isinstance(value, str | os.PathLike):
            from pathlib import Path

            from akatsuki_wasm.values.image_files import read_image

            value = read_image(Path(value), "image")
        return one(value, control)

    under_way: deque[Future[Any]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="akatsuki-map")
    try:
        for value in values:
            under_way.append(pool.submit(work, value))
            if len(under_way) > threads:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        control.cancel()
        pool.shutdown(wait=True, cancel_futures=True)
