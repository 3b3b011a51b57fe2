"""Routers of endpoints, which `akatsuki_wasm.server.app` puts together."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic.alias_generators import to_camel


class Router(APIRouter):
    """A router whose operations are called, in the OpenAPI document, as their functions are, in camelCase.

    Args:
        options: Of FastAPI's.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(generate_unique_id_function=lambda route: to_camel(route.name), **options)
