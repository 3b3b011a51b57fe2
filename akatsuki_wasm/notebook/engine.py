"""Our papermill: nbclient with a kernel on unix sockets and its own environment; parameters that people can read."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.translators import PythonTranslator, papermill_translators

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "akatsuki"


class LocalEngine(NBClientEngine):  # type: ignore[misc]  # papermill ships no types
    """Starts the kernel of this very Python, off the network.

    Papermill's own engine opens TCP ports on the loopback interface, where every user of the machine can connect.
    """

    @classmethod
    def execute_managed_notebook(  # noqa: PLR0917 - papermill fixes the order
        cls,
        nb_man: Any,
        kernel_name: str,
        log_output: bool = False,
        stdout_file: Any = None,
        stderr_file: Any = None,
        start_timeout: int = 60,
        execution_timeout: int | None = None,
        environment: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Executes the notebook; papermill's base class keeps the books.

        Args:
            nb_man: Papermill's execution manager.
            kernel_name: Which kernel.
            log_output: Unused: outputs are in the notebook.
            stdout_file: Unused.
            stderr_file: Unused.
            start_timeout: Seconds that the kernel may take to start.
            execution_timeout: Seconds that one cell may take, or None.
            environment: The kernel's whole environment.
            kwargs: Of papermill; not used.
        """
        # A unix socket's path may have about 100 bytes, which the user's own folders can exceed.
        with tempfile.TemporaryDirectory(prefix="ak-") as folder:
            client = PapermillNotebookClient(
                nb_man,
                kernel_name=kernel_name,
                startup_timeout=start_timeout,
                timeout=execution_timeout,
                log_output=False,
            )
            client.create_kernel_manager()
            client.km.transport = "ipc"
            client.km.ip = str(Path(folder) / "kernel")
            return client.execute(env=dict(environment) if environment is not None else None)


class ReadableTranslator(PythonTranslator):  # type: ignore[misc]  # papermill ships no types
    """Writes parameters into the notebook as people read them: papermill's own escapes every letter beyond ASCII."""

    @classmethod
    def translate_escaped_str(cls, str_val: object) -> str:
        """The Python literal of a text."""
        return repr(str(str_val))


papermill_engines.register(NAME, LocalEngine)
papermill_translators.register("python", ReadableTranslator)
