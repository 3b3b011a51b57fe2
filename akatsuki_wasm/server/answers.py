"""Results of executions as bodies of answers: the contract's JSON, or the image or column alone on request."""

from __future__ import annotations

import io
import json
from functools import lru_cache
from math import isfinite
from typing import TYPE_CHECKING, Any

from akatsuki_wasm import wit
from akatsuki_wasm.errors import RequestError
from akatsuki_wasm.server import arrow_bodies
from akatsuki_wasm.values.json import to_json

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import BatchValue, ExecutionResult, Function, StoredModule

JSON = "application/json"
_IMAGES = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}
_OPTIONS: dict[str, dict[str, Any]] = {
    "PNG": {"compress_level": 1},  # five times as quick as the default, for a tenth more bytes
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95},
}


def media_type(accept: str, function: Function, *, batch: bool) -> str:
    """What an ``Accept`` header makes of a function's result: its first type that the result can be, or else JSON."""
    if accept in ("", "*/*", JSON):
        return JSON
    result = function.result.ok if isinstance(function.result, wit.Result) else function.result
    for part in accept.split(","):
        name = part.partition(";")[0].strip().lower()
        if name in (JSON, "*/*", "application/*"):
            return JSON
        if (batch and name == arrow_bodies.MEDIA_TYPE) or (result == wit.IMAGE and name in _IMAGES):
            return name
        if result == wit.IMAGE and name == "image/*":
            return "image/png"
    return JSON


def document(stored: StoredModule, value: Any, result: ExecutionResult, **more: Any) -> bytes:
    """The contract's answer as JSON."""
    module = _module(str(stored.id), stored.name, stored.version, stored.owner_type)
    rest = "".join(f',"{name}":{_json(each)}' for name, each in more.items())
    hit = "true" if result.cache_hit else "false"
    return (
        f'{{"result":{_json(value)}{rest},"executionTimeMs":{_json(result.execution_time_ms)},'
        f'"memoryUsedBytes":{result.memory_used_bytes},"cacheHit":{hit},"module":{module}}}'
    ).encode()


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def _json(value: Any) -> str:
    if type(value) is int or (type(value) is float and isfinite(value)):  # as the encoder has it, and sooner
        return repr(value)
    return _encode(value)


@lru_cache(maxsize=2048)
def _module(module_id: str, name: str, version: str, owner_type: str) -> str:
    return _json({"id": module_id, "name": name, "version": version, "ownerType": owner_type})


def encode(media: str, stored: StoredModule, function: Function, result: ExecutionResult) -> bytes:
    """One call's answer."""
    if media != JSON:
        return _image(result.value, media)
    return document(stored, to_json(function.result, result.value), result)


def encode_batch(
    media: str, stored: StoredModule, function: Function, result: ExecutionResult, *, errors: bool
) -> bytes:
    """A batch's answer.

    Args:
        media: JSON or an Arrow stream.
        stored: The module.
        function: That was applied.
        result: Its value is a `BatchValue`.
        errors: Whether the errors of rows are asked for.
    """
    batch: BatchValue = result.value
    if media == arrow_bodies.MEDIA_TYPE:
        return _columns(batch, errors=errors)
    kind = function.result.ok if isinstance(function.result, wit.Result) else function.result
    kind = kind.inner if isinstance(kind, wit.Option) else kind
    values = [None if each is None else to_json(kind, each) for each in batch.tolist()]
    more = {"errors": [{"row": row, "message": message} for row, message in batch.errors]} if errors else {}
    return document(stored, values, result, **more)


def _columns(batch: BatchValue, *, errors: bool) -> bytes:
    from akatsuki_wasm.values.arrow import arrow_result, load_pyarrow

    columns: dict[str, Any] = {"result": arrow_result(batch)}
    if errors:
        texts: list[str | None] = [None] * batch.rows
        for row, message in batch.errors:
            texts[row] = message
        columns["error"] = load_pyarrow().array(texts, "string")
    return arrow_bodies.write_columns(columns)


def _image(record: Any, media: str) -> bytes:
    from akatsuki_wasm.values.images import to_pil

    return encode_image(to_pil(record), media)


def encode_image(image: Any, media: str) -> bytes:
    """A PIL image as a file.

    Args:
        image: Of any mode; transparency is set on white where the format has none.
        media: ``image/png``, ``image/jpeg`` or ``image/webp``.

    Raises:
        RequestError: The format cannot hold an image of that size.
    """
    from PIL import Image

    kind = _IMAGES[media]
    if kind == "JPEG" and image.mode != "RGB":
        rgba, image = image.convert("RGBA"), Image.new("RGB", image.size, "white")
        image.paste(rgba, mask=rgba.getchannel("A"))
    buffer = io.BytesIO()
    try:
        image.save(buffer, kind, **_OPTIONS[kind])
    except (OSError, ValueError, SystemError) as exc:
        raise RequestError(
            f"an image of {image.width}x{image.height} cannot be sent as {media} ({exc})", hint="Ask for image/png."
        ) from exc
    return buffer.getvalue()
