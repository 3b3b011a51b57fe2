"""Names and versions of modules: what a new one may be called, and which one a reference means.

A name belongs to its owner: the constraint is unique (owner, name, version). The rule for new modules:

* A *user* module may not take a name that its creator already sees at another owner: a system module's, a public one's,
  one that is shared with him; otherwise it would silently hide that module from him, or be mistaken for it. A private
  module of somebody else reserves nothing, since a refusal would tell that it exists.
* *System* modules of one name are one line of versions, whichever admin stores the next one; so are *admin* modules.
  An admin may give them any name that no other owner's visible module has.
* All versions under one owner's name have one owner type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import or_, select

from akatsuki_wasm.contracts import MODULE_NAME, OwnerType, User
from akatsuki_wasm.errors import ConflictError, UploadError
from akatsuki_wasm.registry import policy
from akatsuki_wasm.registry.models import WasmModule
from akatsuki_wasm.registry.versions import FIRST, MAX_LENGTH, Version

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def check_name(name: str) -> str:
    """The name itself.

    Raises:
        UploadError: It is not a module name.
    """
    if not MODULE_NAME.fullmatch(name):
        raise UploadError(
            f"{name[:80]!r} is not a module name: expected 1 to 63 lower-case letters, digits and hyphens, "
            "not beginning with a hyphen",
            hint="Choose a name such as vintage-filter.",
        )
    if is_uuid(name):
        raise UploadError(
            f"{name!r} is not a module name: it is written as an id", hint="Choose a name such as vintage-filter."
        )
    return name


def check_version(version: str) -> str:
    """The version itself.

    Raises:
        UploadError: It is not a semantic version.
    """
    try:
        return str(Version.parse(version))
    except ValueError as exc:
        raise UploadError(
            f"{version[:80]!r} is not a version: expected three numbers such as 1.0.0, at most {MAX_LENGTH} characters",
            hint="Leave the version out to get the next one.",
        ) from exc


def is_uuid(text: str) -> bool:
    """Whether `text` is written as an id is."""
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def next_place(session: Session, user: User, name: str, owner_type: OwnerType, version: str | None) -> str:
    """Decides the version of a new module, or refuses its name.

    Args:
        session: Of the transaction that will insert the row, so that the answer still holds then.
        user: Who stores it.
        name: Checked module name.
        owner_type: Of the new module.
        version: Checked version, or None for the next one.

    Raises:
        ConflictError: The name or the version is taken.
    """
    seen = or_(WasmModule.owner_id == user.id, policy.published(user, WasmModule))
    rows = session.scalars(select(WasmModule).where(WasmModule.module_name == name, seen)).all()
    line = [row for row in rows if row.owner_type == owner_type and (row.owner_id == user.id or owner_type != "user")]
    for row in rows:
        if row in line:
            continue
        if row.owner_id == user.id:
            raise ConflictError(
                f"the name {name!r} is taken by your own {row.owner_type} module",
                hint=f"Choose another name, or pass --owner-type {row.owner_type} for its next version.",
            )
        raise ConflictError(
            f"the name {name!r} is taken by another user's module ({row.owner_type}, id {row.id})",
            hint="Choose another name with --name.",
        )
    taken = sorted((Version.parse(row.version) for row in line), reverse=True)
    if version is None:
        return str(taken[0].next() if taken else FIRST)
    if version in {str(each) for each in taken}:
        raise ConflictError(
            f"the module {name!r} has a version {version} already",
            hint=f"Leave the version out to get {taken[0].next()}.",
        )
    return version
