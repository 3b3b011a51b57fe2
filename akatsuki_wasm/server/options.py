"""How the service is served, and whether others may reach it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from akatsuki_wasm.config import Settings


@dataclass(frozen=True)
class Options:
    """How a process serves.

    Attributes:
        hosts: Names that requests may ask for; any where empty.
        log_level: Of `service_log.LEVELS`.
        access_log: Whether each request is logged.
        trust_all_proxies: Whether ``X-Forwarded-…`` headers count whoever sends them, as behind a unix socket; only
            those from this machine do otherwise.
    """

    hosts: tuple[str, ...] = ()
    log_level: str = "warning"
    access_log: bool = False
    trust_all_proxies: bool = False


def has_real_authentication(settings: Settings) -> bool:
    """Whether tokens come from somebody else than this machine."""
    return settings.jwt_secret is not None or bool(settings.jwt_jwks_url)
