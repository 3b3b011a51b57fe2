"""Reads the `akatsuki.module` document strictly: every wrong shape is an `InvalidModuleError` that names the field.

The document comes out of a binary that anybody may have written, so its size, its counts and its depth are capped, and
a record can only be made of records before it. `akatsuki_wasm.manifest` has the format and the writer.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from akatsuki_wasm import wit
from akatsuki_wasm.contracts import ABI_VERSION, MISSING, Function, Manifest, ModuleKind, Parameter
from akatsuki_wasm.errors import InvalidModuleError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SECTION = "akatsuki.module"
MAX_BYTES = 1024 * 1024
"""Largest document: some hundred functions with their docs."""
MAX_FUNCTIONS = 1_000
MAX_PARAMETERS = 256
MAX_TEXT = 64 * 1024

IDENTIFIER = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
"""Names that people write: snake_case."""

RESERVED_RECORDS = frozenset((*wit.PRIMITIVES, "list", "option", "result", "tuple"))
"""Names that WIT has for its own types, so that no record can have them."""


MAX_TYPE_WEIGHT = 1_000
"""Most parts of one type, records written out: records that double each other would make its layout endless."""


def weight(type_: wit.Type) -> int:
    """How many parts a type has; counting stops soon after `MAX_TYPE_WEIGHT`."""
    count, open_ = 0, [type_]
    while open_ and count <= MAX_TYPE_WEIGHT:
        count += 1
        open_ += wit.children(open_.pop())
    return count


def invalid(problem: str) -> InvalidModuleError:
    """The error for a document that is wrong."""
    return InvalidModuleError(
        f"the module's description ({SECTION}) is wrong: {problem}", hint="build the module again"
    )


def load(data: bytes) -> Manifest:
    """Reads a manifest and tolerates nothing: any wrong shape is named.

    Args:
        data: UTF-8 JSON of at most `MAX_BYTES`.

    Raises:
        InvalidModuleError: Names the field and what was expected of it.
    """
    if len(data) > MAX_BYTES:
        raise invalid(f"it is {len(data)} bytes long, at most {MAX_BYTES} are allowed")
    try:
        document = json.loads(data.decode(), parse_constant=_no_constant, object_pairs_hook=_unique)
    except UnicodeDecodeError as exc:
        raise invalid("it is not UTF-8") from exc
    except RecursionError as exc:
        raise invalid("it is nested too deeply") from exc
    except ValueError as exc:
        raise invalid(f"it is not JSON: {exc}") from exc
    return _Loader().manifest(document)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError(f"a key is given twice among {', '.join(repr(key) for key, _ in pairs)}")
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def fits(value: Any, type_: wit.Type) -> bool:
    """Whether a JSON value can be a default: of a scalar type, an option of one, or an empty list or input."""
    match type_:
        case wit.List():
            return bool(value == [])
        case wit.Bytes():
            return bool(value == "")
        case wit.Option(inner):
            return value is None or fits(value, inner)
        case wit.Primitive("bool"):
            return isinstance(value, bool)
        case wit.Primitive("string"):
            return isinstance(value, str)
        case wit.Primitive("char"):
            return isinstance(value, str) and len(value) == 1 and not 0xD800 <= ord(value) <= 0xDFFF
        case wit.Primitive(name) if name in wit.INTEGER_RANGES:
            low, high = wit.INTEGER_RANGES[name]
            return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        case wit.Primitive():
            return _is_number(value) and math.isfinite(value)
        case _:
            return False


class _Loader:
    """Reads one document; `known` grows with its records, so that a record can only be made of earlier ones."""

    def __init__(self) -> None:
        self.known: dict[str, wit.Type] = {}
        self.is_contract = True

    def manifest(self, document: Any) -> Manifest:
        keys = ("abi", "build", "description", "functions", "kind", "records")
        fields = self.object(document, "the document", keys)
        abi = fields["abi"]
        if not isinstance(abi, int) or isinstance(abi, bool) or abi < 0:
            raise invalid(f"abi is {abi!r}, expected a whole number")
        if abi > ABI_VERSION:
            raise InvalidModuleError(
                f"the module is of ABI version {abi}, and this installation knows {ABI_VERSION}",
                hint="upgrade akatsuki-wasm",
            )
        kind: ModuleKind
        match fields["kind"]:
            case "akatsuki":
                kind = "akatsuki"
            case "core" | "component" | "command" as foreign:
                kind = foreign
            case other:
                raise invalid(f'kind is {other!r}, expected "akatsuki", "core", "component" or "command"')
        if (kind == "akatsuki") != (abi > 0):
            raise invalid(f"kind {kind!r} does not go with abi {abi}")
        self.is_contract = kind != "component"
        if kind == "command":
            self.known["bytes"] = wit.BYTES
        for index, record in enumerate(self.array(fields["records"], "records", MAX_FUNCTIONS)):
            self.record(record, f"records[{index}]")
        functions = tuple(
            self.function(each, f"functions[{index}]", kind)
            for index, each in enumerate(self.array(fields["functions"], "functions", MAX_FUNCTIONS))
        )
        for what, names in (
            ("name", [each.name for each in functions]),
            ("export", [each.export for each in functions]),
        ):
            self.distinct(names, f"functions: the {what}")
        return Manifest(
            functions, self.text(fields["description"], "description"), kind, abi, self.build(fields["build"])
        )

    def build(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise invalid(f"build is {_shown(value)}, expected an object")
        return value

    def record(self, value: Any, where: str) -> None:
        form = "fields"
        if not self.is_contract and isinstance(value, dict):
            form = next((each for each in ("cases", "enum", "flags") if each in value), form)
        fields = self.object(value, where, ("name", form))
        name = self.identifier(fields["name"], f"{where}.name")
        if name in RESERVED_RECORDS:
            raise invalid(f"{where}.name is {name!r}, which is a type of WIT")
        if name in self.known:
            raise invalid(f"{where}.name is {name!r}, which is there already")
        place = f"{where}.{form}"
        items = self.array(fields[form], place, MAX_PARAMETERS)
        if not items:
            raise invalid(f"{place} is empty")
        made = self.named(form, name, items, place)
        if weight(made) > MAX_TYPE_WEIGHT:
            raise invalid(f"{where}: {name!r} has more than {MAX_TYPE_WEIGHT} parts")
        self.known[name] = made

    def named(self, form: str, name: str, items: list[Any], place: str) -> wit.Named:
        """The named type of one of the four forms."""
        if form in ("enum", "flags"):
            labels = tuple(self.identifier(each, f"{place}[{index}]") for index, each in enumerate(items))
            self.distinct(labels, f"{place}: the name")
            return wit.Enum(name, labels) if form == "enum" else wit.Flags(name, labels)
        found: list[tuple[str, wit.Type]] = []
        cases: list[tuple[str, wit.Type | None]] = []
        for index, pair in enumerate(items):
            at = f"{place}[{index}]"
            if not isinstance(pair, list) or len(pair) != 2:
                raise invalid(f"{at} is {_shown(pair)}, expected [name, type]")
            label = self.identifier(pair[0], at)
            if form == "cases" and pair[1] is None:
                cases.append((label, None))
                continue
            type_ = self.type(pair[1], at)
            found.append((label, type_))
            cases.append((label, type_))
        self.distinct([label for label, _ in cases], f"{place}: the name")
        return wit.Record(name, tuple(found)) if form == "fields" else wit.Variant(name, tuple(cases))

    def function(self, value: Any, where: str, kind: ModuleKind) -> Function:
        fields = self.object(value, where, ("name", "export", "doc", "params", "result"), ("batch",))
        read_name = self.identifier if kind == "akatsuki" else self.name
        params = tuple(
            self.parameter(each, f"{where}.params[{index}]")
            for index, each in enumerate(self.array(fields["params"], f"{where}.params", MAX_PARAMETERS))
        )
        self.distinct([each.name for each in params], f"{where}.params: the name")
        result = fields["result"]
        return Function(
            read_name(fields["name"], f"{where}.name"),
            params,
            None if result is None else self.type(result, f"{where}.result", is_result=True),
            self.text(fields["doc"], f"{where}.doc"),
            self.name(fields["export"], f"{where}.export"),
            self.name(fields["batch"], f"{where}.batch") if "batch" in fields else None,
        )

    def parameter(self, value: Any, where: str) -> Parameter:
        fields = self.object(value, where, ("name", "type", "doc"), ("min", "max", "default"))
        name, type_ = self.identifier(fields["name"], f"{where}.name"), self.type(fields["type"], f"{where}.type")
        inner = type_.inner if isinstance(type_, wit.Option) else type_
        minimum, maximum = fields.get("min"), fields.get("max")
        for key in ("min", "max"):
            if key in fields:
                if not (isinstance(inner, wit.Primitive) and inner.is_number):
                    raise invalid(f"{where}.{key} is given for the type {type_}, which has no range")
                if not _is_number(fields[key]) or not math.isfinite(fields[key]):
                    raise invalid(f"{where}.{key} is {_shown(fields[key])}, expected a number")
        if minimum is not None and maximum is not None and minimum > maximum:
            raise invalid(f"{where}.min is {minimum}, above max {maximum}")
        default = fields.get("default", MISSING)
        if default is not MISSING:
            if not fits(default, type_):
                raise invalid(f"{where}.default is {_shown(default)}, expected a value of {type_}")
            if _is_number(default) and not in_range(default, minimum, maximum):
                raise invalid(f"{where}.default is {default}, outside its range")
        return Parameter(name, type_, self.text(fields["doc"], f"{where}.doc"), minimum, maximum, default)

    def type(self, value: Any, where: str, *, is_result: bool = False) -> wit.Type:
        text = self.text(value, where)
        try:
            type_ = wit.parse(text, self.known)
        except ValueError as exc:
            said = str(exc).replace(repr(text), _shown(text))  # the text may be as long as the document
            raise invalid(f"{where}: {said}") from exc
        if weight(type_) > MAX_TYPE_WEIGHT:
            raise invalid(f"{where}: {_shown(text)} has more than {MAX_TYPE_WEIGHT} parts")
        payload: wit.Type | None = type_
        if is_result and isinstance(type_, wit.Result):
            payload = type_.ok
            if self.is_contract and type_.err != wit.STRING:
                raise invalid(f"{where}: {_shown(text)} has an error that is no text: expected result<…, string>")
        if self.is_contract and payload is not None and (problem := misplaced(payload)):
            raise invalid(f"{where}: {_shown(text)} {problem}")
        return type_

    def object(
        self, value: Any, where: str, required: Sequence[str], optional: Sequence[str] = ()
    ) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise invalid(f"{where} is {_shown(value)}, expected an object")
        for key in required:
            if key not in value:
                raise invalid(f"{where} has no {key!r}")
        for key in value:
            if key not in required and key not in optional:
                raise invalid(f"{where} has the unknown key {key!r}")
        return value

    def array(self, value: Any, where: str, limit: int) -> list[Any]:
        if not isinstance(value, list):
            raise invalid(f"{where} is {_shown(value)}, expected an array")
        if len(value) > limit:
            raise invalid(f"{where} has {len(value)} items, at most {limit} are allowed")
        return value

    def text(self, value: Any, where: str) -> str:
        if not isinstance(value, str):
            raise invalid(f"{where} is {_shown(value)}, expected text")
        if len(value) > MAX_TEXT:
            raise invalid(f"{where} is {len(value)} characters long, at most {MAX_TEXT} are allowed")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise invalid(f"{where} has half a surrogate pair")
        return value

    def name(self, value: Any, where: str) -> str:
        text = self.text(value, where)
        if not text or len(text) > 200 or not text.isprintable():
            raise invalid(f"{where} is {_shown(text)}, expected a printable name of at most 200 characters")
        return text

    def identifier(self, value: Any, where: str) -> str:
        text = self.text(value, where)
        if len(text) > 200 or not IDENTIFIER.fullmatch(text):
            raise invalid(f"{where} is {_shown(text)}, expected a snake_case name")
        return text

    def distinct(self, names: Sequence[str], what: str) -> None:
        for name, count in Counter(map(wit.kebab, names)).items():
            if count > 1:
                raise invalid(f"{what} {name!r} is given twice")


def in_range(value: float, minimum: float | None, maximum: float | None) -> bool:
    """Whether a number is inside inclusive bounds, of which None means there is none."""
    return (minimum is None or value >= minimum) and (maximum is None or value <= maximum)


def misplaced(type_: wit.Type) -> str:
    """Why a type is none of the contract's, although WIT has it; empty where it is one.

    A result may only be what a function returns, and an option's inner type is no option.
    """
    if isinstance(type_, wit.Result):
        return "has a result inside another type: only what a function returns may be a result"
    if isinstance(type_, wit.Option) and isinstance(type_.inner, wit.Option):
        return "has an option directly inside an option"
    return next(filter(None, map(misplaced, wit.children(type_))), "")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
