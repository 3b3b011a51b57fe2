"""The bytes that one owner's modules of one owner type have together, and the limit of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from akatsuki_wasm.errors import QuotaError
from akatsuki_wasm.registry.models import WasmModule

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy.orm import Session

    from akatsuki_wasm.contracts import OwnerType, UploadTarget


def lock_of(target: UploadTarget) -> tuple[str, ...]:
    """What a transaction that is to hold the limit must be the only one with; see `Database.serialize`."""
    return () if target.max_stored_bytes is None else (f"akatsuki:bytes:{target.user.id}",)


def stored_bytes(session: Session, owner_id: UUID, owner_type: OwnerType) -> int:
    """Bytes of all modules of an owner and owner type, in whatever status; each version counts whole.

    Two modules with the same bytes count twice, although they are kept once: what an owner has left does not depend on
    what others stored.
    """
    own = (WasmModule.owner_id == owner_id, WasmModule.owner_type == owner_type)
    return int(session.scalar(select(func.coalesce(func.sum(WasmModule.wasm_size_bytes), 0)).where(*own)) or 0)


def check(session: Session, target: UploadTarget, size: int) -> None:
    """Refuses a module that the target's owner has no room for.

    Args:
        session: Of a transaction with `lock_of` where the answer must hold until the row is inserted.
        target: Owner, owner type and limit.
        size: Bytes of the module.

    Raises:
        QuotaError: It would be more than `UploadTarget.max_stored_bytes`.
    """
    allowed = target.max_stored_bytes
    if allowed is None:
        return
    used = stored_bytes(session, target.user.id, target.owner_type)
    if used + size > allowed:
        raise QuotaError(
            f"the module has {size:,} bytes, and your {target.owner_type} modules have {used:,} of the {allowed:,} "
            "that they may have together",
            hint="Delete modules, or versions of them, that you no longer need.",
        )
