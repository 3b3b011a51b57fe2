"""A workspace on a server: the modules, their executions and their history are there; builds and checks are here."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import UUID

from akatsuki_wasm.contracts import ExecutableModule, User
from akatsuki_wasm.documents import module_from_document
from akatsuki_wasm.errors import (
    ArgumentError,
    ConfigError,
    DigestMismatchError,
    PermissionDeniedError,
    ServerUnreachableError,
)
from akatsuki_wasm.module import Module
from akatsuki_wasm.remote.client import Client, object_of
from akatsuki_wasm.remote.lines import Lines
from akatsuki_wasm.remote.store import RemoteStore
from akatsuki_wasm.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from akatsuki_wasm.config import Settings
    from akatsuki_wasm.contracts import BaseSource, Message, OwnerType, StoredModule
    from akatsuki_wasm.module_home import ModuleExecutor
    from akatsuki_wasm.registry.models import Generation, GenerationStatus, WasmExecution
    from akatsuki_wasm.registry.registry import Registry

_LEAVE_OUT = "Work on this machine for that: server='' (--server '' on the command line)."


class RemoteWorkspace(Workspace):
    """As `Workspace`, on the server that the settings name, acting for whom their token says.

    Args:
        settings: With `server` and `token`.
        acting_as: Must be None.
        options: As for `Workspace`.

    Raises:
        ConfigError: The URL is none, the token would go over the network unencrypted, or a user is named.
    """

    def __init__(self, settings: Settings, *, acting_as: str | None = None, **options: Any) -> None:
        if acting_as is not None:
            raise ConfigError(
                f"on a server the token says who acts: {acting_as!r} cannot be asked for",
                hint="Leave the user out, and use that user's token.",
            )
        super().__init__(settings, **options)
        token = None if settings.token is None else settings.token.get_secret_value()
        self.client = Client(settings.server, token, allow_http=settings.allow_http)

    # ------------------------------------------------------------ parts

    @cached_property
    def user(self) -> User:
        """Who acts, as the server says."""
        found = self.client.get("/api/me")
        try:
            return User(UUID(found["id"]), str(found["name"]), bool(found["isAdmin"]))
        except (KeyError, TypeError, ValueError) as exc:
            raise ServerUnreachableError(
                f"{self.client.url} does not say who the token's user is",
                hint="Is the URL that of an akatsuki server, and of a version that fits?",
            ) from exc

    @cached_property
    def registry(self) -> Registry:
        """Is not here.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(
            f"this works on a registry of this machine, and the workspace is on {self.client.url}", hint=_LEAVE_OUT
        )

    @cached_property
    def store(self) -> RemoteStore:
        """The server's modules, to deploy to."""
        return RemoteStore(self.client)

    @cached_property
    def lines(self) -> Lines:
        """Connections that can be cut."""
        return Lines(self.client)

    def acting(self, user: User, *args: Any, **options: Any) -> NoReturn:
        """Not on a server, where a token says who acts.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError("on a server the token says who acts", hint="Open a workspace with the other user's token.")

    def close(self) -> None:
        """Closes the connections."""
        lines = self.__dict__.pop("lines", None)
        if lines is not None:
            lines.close()
        self.__dict__.pop("executor", None)
        self.client.close()

    def __repr__(self) -> str:
        return f"<RemoteWorkspace at {self.client.url}>"

    # ------------------------------------------------------------ modules

    def load(self, reference: str | UUID) -> Module:
        """As `Workspace.load`."""
        try:
            return self._module(self._resolve(reference, "execute"))
        except PermissionDeniedError:
            return self._module(self._resolve(reference, "read"))

    def _resolve(self, reference: str | UUID, operation: str) -> Any:
        return self.client.get("/api/modules/resolve", reference=str(reference), operation=operation)

    def _module(self, document: Any) -> Module:
        stored = module_from_document(document)
        return Module(self, name=stored.name, stored=stored)

    def list_modules(self, owner_type: OwnerType | None = None) -> list[StoredModule]:
        """As `Workspace.list_modules`."""
        return [module_from_document(each) for each in self.client.items("/api/modules", ownerType=owner_type)]

    def enable(self, module: str | UUID | Module) -> Module:
        """As `Workspace.enable`."""
        return self._change(module, "enable")

    def disable(self, module: str | UUID | Module) -> Module:
        """As `Workspace.disable`."""
        return self._change(module, "disable")

    def share(
        self,
        module: str | UUID | Module,
        users: Iterable[str | UUID] = (),
        *,
        remove: Iterable[str | UUID] = (),
        public: bool | None = None,
    ) -> Module:
        """As `Workspace.share`, with ids of users: a server does not know them by name.

        Raises:
            ArgumentError: One is no id.
        """
        wanted: dict[str, Any] = {"users": _ids(users), "remove": _ids(remove)}
        return self._change(module, "share", wanted if public is None else {**wanted, "isPublic": public})

    def delete(self, module: str | UUID | Module) -> None:
        """As `Workspace.delete`."""
        # Not again where the answer got lost: that it is not there would be told as an error.
        self.client.send("DELETE", f"/api/modules/{self._id_of(module)}", repeat=False)

    def _change(self, module: str | UUID | Module, change: str, body: Any = None) -> Module:
        path = f"/api/modules/{self._id_of(module)}/{change}"
        options = {} if body is None else {"json": body}
        return self._module(object_of(self.client.send("POST", path, repeat=True, **options)))

    # ------------------------------------------------------------ design

    def design(self, prompt: str, **options: Any) -> Module:
        """As `Workspace.design`, on the server: its generators, its settings, its toolchain.

        What runs code or reads files of this machine in the middle of a design cannot be asked for: `oracle` and
        `like`, the lock file, the generator ``manual``. What it makes is deployed there.

        Raises:
            ArgumentError: Such is asked for; otherwise as `Workspace.design`.
        """
        from akatsuki_wasm.designing import DesignOptions
        from akatsuki_wasm.remote.designs import RemoteDesign, request_of

        wanted = DesignOptions(**options)
        body = request_of(self.settings, prompt, wanted)
        stored = RemoteDesign(self.client, self.lines, self.plugins.tell, wanted.control).run(body)
        return Module(self, name=stored.name, stored=stored)

    def base(self, module: str | UUID | Module) -> BaseSource:
        """As `Workspace.base`; the server knows again which module it is of."""
        from akatsuki_wasm.remote.designs import RemoteBase

        found = module if isinstance(module, Module) else self.load(module)
        base = super().base(found)
        return RemoteBase(base.rust, base.name, base.prompt, base.generation, module_id=str(found.id))

    # ------------------------------------------------------------ history

    def history(self, module: str | UUID | Module | None = None, limit: int = 50) -> list[WasmExecution]:
        """As `Workspace.history`."""
        from akatsuki_wasm.remote.records import execution_from_document  # it brings sqlalchemy

        which = {"own": "true"} if module is None else {"module": str(self._id_of(module))}
        found = self.client.items("/api/executions", limit=limit, **which)
        return [execution_from_document(each) for each in found]

    def generations(
        self, text: str = "", limit: int = 50, *, status: GenerationStatus | None = None
    ) -> list[Generation]:
        """As `Workspace.generations`."""
        from akatsuki_wasm.remote.records import generation_from_document

        return [
            generation_from_document(each, lambda each=each: self._generation(each["id"]))  # type: ignore[misc]
            for each in self.client.items("/api/generations", limit=limit, text=text or None, status=status)
        ]

    def generation(self, generation_id: str | UUID) -> Generation:
        """As `Workspace.generation`."""
        from akatsuki_wasm.remote.records import generation_from_document

        found = self._generation(generation_id)
        return generation_from_document(found, lambda: found)

    def _generation(self, generation_id: str | UUID) -> Any:
        return self.client.get(f"/api/generations/{_in_path(generation_id)}")

    # ------------------------------------------------------------ what cannot be there

    def prompt_of(self, prompt: str, **options: Any) -> tuple[Message, ...]:
        """Not on a server, whose templates and settings are its own.

        Raises:
            ArgumentError: Always.
        """
        raise ArgumentError("what a server would ask a language model cannot be shown beforehand", hint=_LEAVE_OUT)

    # ------------------------------------------------------------ what modules need

    @cached_property
    def executor(self) -> ModuleExecutor:
        """Executes on the server."""
        from akatsuki_wasm.remote.executor import RemoteExecutor  # it brings numpy

        return RemoteExecutor(self.settings, self.client, self.lines, lambda: self.pipeline)

    def read_wasm(self, stored: StoredModule) -> bytes:
        """The bytes of a module, verified against their digest."""
        data = self.client.send("GET", f"/api/modules/{stored.id}/wasm", repeat=True).content
        _check_digest(data, stored.digest, f"the bytes of {stored.name}@{stored.version}")
        return data

    def read_source(self, stored: StoredModule) -> str | None:
        """The author's Rust, verified against its digest, or None for a module that was not built."""
        digest = stored.provenance.get("source_digest")
        if digest is None:
            return None
        data = self.client.send("GET", f"/api/modules/{stored.id}/source", repeat=True).content
        _check_digest(data, str(digest), f"the source of {stored.name}@{stored.version}")
        return data.decode()

    def executable(self, stored: StoredModule) -> ExecutableModule:
        """A stored module as execution plugins on this machine get it."""
        return ExecutableModule(stored.digest, stored.manifest, lambda: self.read_wasm(stored), stored.name)

    def open_parts(self, stored: StoredModule | None) -> None:
        """Opens what an execution needs before threads want it."""
        _ = self.pipeline, self.executor, self.client.http


def _check_digest(data: bytes, digest: str, what: str) -> None:
    found = hashlib.sha256(data).hexdigest()
    if found != digest:
        raise DigestMismatchError(
            f"{what} came with the digest {found[:12]}…: expected {digest[:12]}…",
            hint="Something between here and the server altered them.",
        )


def _ids(users: Iterable[str | UUID]) -> list[str]:
    found = []
    for each in users:
        try:
            found.append(str(each if isinstance(each, UUID) else UUID(each)))
        except ValueError:
            raise ArgumentError(
                f"{each!r} is no id of a user, and a server knows users by their ids alone",
                hint="Ask them for theirs: it is the subject of their token, and `id` at /api/me.",
            ) from None
    return found


def _in_path(reference: str | UUID) -> str:
    """A reference as a segment of a path."""
    from urllib.parse import quote

    return quote(str(reference), safe="")
