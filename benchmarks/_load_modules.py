"""The modules of the load test: numbers and traps made from WebAssembly text, a picture's filter built from Rust."""

from __future__ import annotations

import io
import json
import subprocess
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import jwt
from wasmtime import wat2wasm

if TYPE_CHECKING:
    from pathlib import Path

    from _load_http import Connection
    from _load_service import Cluster

NAMESPACE = uuid.UUID("a6b0b6a0-6d63-4d0e-9b55-0b7c1a2d9f10")

INVERT = """/// Inverts the colours.
pub fn invert(image: Image) -> Image {
    image.map_rgb(|_, _, [r, g, b]| [255.0 - r, 255.0 - g, 255.0 - b])
}
"""


@dataclass(frozen=True)
class Person:
    """A user of the load test with a token.

    Attributes:
        name: For people.
        id: As in the token.
        headers: That make a request theirs.
    """

    name: str
    id: str
    headers: dict[str, str] = field(repr=False)


def person(name: str, secret: str, *, admin: bool = False) -> Person:
    """A user whose token lasts for hours."""
    subject = str(uuid.uuid5(NAMESPACE, name))
    claims = {
        "sub": subject,
        "email": f"{name}@example.org",
        "aud": "authenticated",
        "role": "authenticated",
        "exp": 2**31,
        "app_metadata": {"role": "admin"} if admin else {},
    }
    token = jwt.encode(claims, secret, algorithm="HS256")
    return Person(name, subject, {"authorization": f"Bearer {token}"})


def wasm_adding(number: int) -> bytes:
    """A module whose `add` adds `number`, whose `spin` never ends and whose `trap` traps."""
    return bytes(
        wat2wasm(
            f"""(module (memory (export "memory") 2 300)
                  (func (export "add") (param i32) (result i32) local.get 0 i32.const {number} i32.add)
                  (func (export "spin") (param i32) (result i32) (loop $on (br $on)) unreachable)
                  (func (export "trap") (param i32) (result i32) unreachable))"""
        )
    )


def wasm_inverting(cluster: Cluster, folder: Path) -> bytes | None:
    """A module whose `invert` inverts a picture; None where no Rust is installed."""
    from _load_service import BIN

    source, built = folder / "invert.rs", folder / "invert.wasm"
    source.write_text(INVERT, encoding="utf-8")
    environment = {name: value for name, value in cluster.environment.items() if name != "AKATSUKI_CACHE_DIR"}
    command = [BIN / "akatsuki", "build", source, "--out", built]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"  no pictures: {done.stderr.strip()[:300]}")
        return None
    return built.read_bytes()


@dataclass(frozen=True)
class Picture:
    """A picture as PNG, and the pixels that its inverse must have."""

    png: bytes
    inverse: bytes


def picture(seed: int, size: int = 96) -> Picture:
    """A picture of coloured noise."""
    import numpy as np
    from PIL import Image

    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return Picture(buffer.getvalue(), (255 - pixels).tobytes())


def pixels_of(png: bytes) -> bytes:
    """The pixels of a PNG, without transparency."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        return image.convert("RGB").tobytes()


async def upload(connection: Connection, who: Person, wasm: bytes, **module: object) -> dict[str, object]:
    """Uploads a module and returns its document; a `RuntimeError` where that failed."""
    boundary = "load-test-boundary"
    parts = [
        f'--{boundary}\r\ncontent-disposition: form-data; name="module"\r\n'
        f"content-type: application/json\r\n\r\n{json.dumps(module)}\r\n".encode(),
        f'--{boundary}\r\ncontent-disposition: form-data; name="wasm"; filename="m.wasm"\r\n'
        f"content-type: application/wasm\r\n\r\n".encode(),
        wasm,
        f"\r\n--{boundary}--\r\n".encode(),
    ]
    headers = who.headers | {"content-type": f"multipart/form-data; boundary={boundary}"}
    answer = await connection.ask("POST", "/api/modules", headers, b"".join(parts))
    if answer.status != 201:
        raise RuntimeError(f"the upload of {module} was answered {answer.status}: {answer.body[:500]!r}")
    found: dict[str, object] = json.loads(answer.body)
    return found
