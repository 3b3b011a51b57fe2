"""A module's functions as Python functions, with signatures, docstrings and defaults; and as facts for JSON."""

from __future__ import annotations

import inspect
import json
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, cast

from akatsuki_wasm import wit
from akatsuki_wasm.contracts import MISSING, Function, Parameter
from akatsuki_wasm.values.bind import describe_type, range_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from akatsuki_wasm.background import Execution
    from akatsuki_wasm.module import Module


class ModuleFunction(Protocol):
    """One function of a module as a Python function with a real signature and docstring."""

    __name__: str
    __qualname__: str
    __signature__: inspect.Signature
    function: Function
    """What the manifest says of it."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Executes it; see `Module.call`."""
        ...

    def batch(self, *columns: Any, **options: Any) -> Any:
        """Applies it to whole columns; see `Module.batch`."""
        ...

    def start(self, *args: Any, **kwargs: Any) -> Execution:
        """Executes it on a thread of its own; see `Module.start`."""
        ...

    def map(self, values: Iterable[Any], /, *args: Any, **options: Any) -> Iterator[Any]:
        """Applies it to each of many values; see `Module.map`."""
        ...


def python_function(module: Module, function: Function) -> ModuleFunction:
    """Makes the Python function of one of a module's functions."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return module.call(function.name, *args, **kwargs)

    made = cast("ModuleFunction", call)
    made.__name__ = function.name
    made.__qualname__ = f"{module.name}.{function.name}"
    made.__module__ = module.name
    made.__doc__ = docstring(function)
    made.__signature__ = signature(function)
    made.function = function
    # A function has no methods.
    made.batch = partial(module.batch, function.name)  # type: ignore[method-assign]
    made.start = partial(module.start, function.name)  # type: ignore[method-assign]
    made.map = partial(module.map, function=function.name)  # type: ignore[method-assign]
    return made


class Annotation(str):
    """A type's name in a signature, shown without quotes: the types of the guest contract are no Python classes."""

    __slots__ = ()
    __repr__ = str.__str__


_ANNOTATIONS = {"bool": "bool", "char": "str", "string": "str", "f32": "float", "f64": "float"}


def annotation(type_: wit.Type | None) -> str:
    """The Python type of a contract type, as text for signatures."""
    if type_ is None:
        return "None"
    if type_ == wit.IMAGE:
        return "Image"
    match type_:
        case wit.Primitive(name):
            return _ANNOTATIONS.get(name, "int")
        case wit.Option(inner):
            return f"{annotation(inner)} | None"
        case wit.Result(ok):
            return annotation(ok)
        case wit.List(element):
            return "ndarray" if type_.is_numeric else f"list[{annotation(element)}]"
        case wit.Tuple(items):
            return f"tuple[{', '.join(map(annotation, items))}]"
        case wit.Enum():
            return "str"
        case wit.Flags():
            return "frozenset[str]"
        case wit.Variant():
            return "Case"
        case _:
            return wit.record_class(type_).__name__ if isinstance(type_, wit.Record) else str(type_)


def signature(function: Function) -> inspect.Signature:
    """The Python signature of a function, with defaults."""
    kind: Any = inspect.Parameter.POSITIONAL_OR_KEYWORD
    params, defaults_began = [], False
    for param in function.params:
        default: Any = inspect.Parameter.empty
        if param.default is not MISSING:
            default = param.default.encode() if param.type == wit.BYTES else param.default
        elif not param.required:
            default = None
        defaults_began = defaults_began or default is not inspect.Parameter.empty
        # Python allows no plain parameter after one with a default; such a one is given by name.
        plain_after = defaults_began and default is inspect.Parameter.empty
        kind = inspect.Parameter.KEYWORD_ONLY if plain_after else kind
        params.append(
            inspect.Parameter(param.name, kind, default=default, annotation=Annotation(annotation(param.type)))
        )
    return inspect.Signature(params, return_annotation=Annotation(annotation(function.result)))


def docstring(function: Function) -> str:
    """The docstring of a function: the author's words, each parameter with its type, range and default."""
    lines = [function.doc or function.signature]
    if function.params:
        lines += ["", "Args:"]
        lines += [f"    {param.name}: {describe_parameter(param)}" for param in function.params]
    returned = describe_type(_plain(function.result)) if function.result else "nothing"
    lines += ["", "Returns:", f"    {returned[0].upper()}{returned[1:]}."]
    return "\n".join(lines)


def _plain(type_: wit.Type | None) -> wit.Type:
    inner = type_.ok if isinstance(type_, wit.Result) else type_
    return inner if inner is not None else wit.Tuple(())


def describe_parameter(param: Parameter) -> str:
    """One line: help, type, range and default."""
    facts = [describe_type(param.type)]
    if param.minimum is not None or param.maximum is not None:
        facts.append(range_text(param))
    if param.default is not MISSING:
        facts.append(f"default {json.dumps(param.default, ensure_ascii=False)}")
    text = ", ".join(facts)
    return f"{param.doc} ({text})" if param.doc else f"{text[0].upper()}{text[1:]}."


def function_facts(function: Function) -> dict[str, Any]:
    """JSON-able facts of a function: name, signature, documentation and parameters."""
    return {
        "name": function.name,
        "signature": function.signature,
        "description": function.doc,
        "batch": function.batch is not None,
        "parameters": [
            {
                "name": param.name,
                "type": str(param.type),
                "description": param.doc,
                "minimum": param.minimum,
                "maximum": param.maximum,
                **({} if param.default is MISSING else {"default": param.default}),
                "required": param.required,
            }
            for param in function.params
        ],
        "result": None if function.result is None else str(function.result),
    }
