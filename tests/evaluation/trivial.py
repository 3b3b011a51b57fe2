"""Modules that do nothing, with the signatures of ones that do: no case of a suite may be met by one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from akatsuki_wasm import wit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from akatsuki_wasm.contracts import Function, Parameter

ANSWERS = ("zero", "one", "first", "last", "refuse")
"""Nothing (0, an empty text or list, a picture without pixels), something, the first or the last argument of the
result's type (something where there is none), an error where the result may be one (nothing elsewhere)."""


def trivial_module(functions: Sequence[Function], answer: str) -> str:
    """The Rust of a module whose functions all answer in one of the ways of `ANSWERS`."""
    records = {type_ for each in functions for type_ in _payload(each.result) if isinstance(type_, wit.Record)}
    structs = [_struct(record) for record in sorted(records, key=str) if record != wit.IMAGE]
    return "\n".join([*structs, *(_function(each, answer) for each in functions)])


def _payload(type_: wit.Type | None) -> tuple[wit.Type | None]:
    return (type_.ok if isinstance(type_, wit.Result) else type_,)


def _struct(record: wit.Record) -> str:
    fields = "".join(f"    pub {name.replace('-', '_')}: {_rust(type_)},\n" for name, type_ in record.fields)
    return f"pub struct {_camel(record.name)} {{\n{fields}}}\n"


def _function(function: Function, answer: str) -> str:
    params = ", ".join(f"{param.name}: {_borrowed(param.type)}" for param in function.params)
    (payload,) = _payload(function.result)
    assert payload is not None
    fallible = isinstance(function.result, wit.Result)
    if fallible and answer == "refuse":
        body = 'Err("no".to_string())'
    else:
        value = _answer(payload, answer, function.params)
        body = f"Ok({value})" if fallible else value
    result = f"Result<{_rust(payload)}, String>" if fallible else _rust(payload)
    unused = "".join(f"    let _ = &{param.name};\n" for param in function.params)
    return f"/// Does nothing.\npub fn {function.name}({params}) -> {result} {{\n{unused}    {body}\n}}\n"


def _answer(type_: wit.Type, answer: str, params: Sequence[Parameter]) -> str:
    if answer in ("zero", "refuse"):
        return _nothing(type_)
    if answer != "one":
        found = [param for param in params if _same_kind(param.type, type_)]
        if found:
            return _given(found[0 if answer == "first" else -1], type_)
    return _something(type_)


def _same_kind(given: wit.Type, wanted: wit.Type) -> bool:
    numbers = isinstance(given, wit.Primitive) and isinstance(wanted, wit.Primitive)
    if numbers and given.is_number and wanted.is_number:
        return True
    if isinstance(given, wit.List) and isinstance(wanted, wit.List) and given.is_numeric and wanted.is_numeric:
        return True
    return given == wanted


def _given(param: Parameter, wanted: wit.Type) -> str:
    match wanted:
        case wit.Primitive("string"):
            return f"{param.name}.to_string()"
        case wit.Primitive():
            return f"{param.name} as {_rust(wanted)}" if param.type != wanted else param.name
        case wit.List(element) if param.type != wanted:
            return f"{param.name}.iter().map(|&each| each as {_rust(element)}).collect()"
        case wit.List():
            return f"{param.name}.to_vec()"
        case _:
            return f"{param.name}.clone()"


def _nothing(type_: wit.Type) -> str:
    if type_ == wit.IMAGE:
        return "Image::new(0, 0)"
    match type_:
        case wit.Primitive("string"):
            return "String::new()"
        case wit.Primitive("bool"):
            return "false"
        case wit.Primitive() if type_.is_float:
            return "0.0"
        case wit.Primitive():
            return "0"
        case wit.List():
            return "Vec::new()"
        case wit.Tuple(items):
            return f"({', '.join(map(_nothing, items))})"
        case wit.Record(name, fields):
            return f"{_camel(name)} {{ {', '.join(f'{each}: {_nothing(of)}' for each, of in fields)} }}"
        case _:
            raise AssertionError(f"no case gives {type_}")


def _something(type_: wit.Type) -> str:
    if type_ == wit.IMAGE:
        return "Image::filled(9, 8, [128, 128, 128, 255])"
    match type_:
        case wit.Primitive("string"):
            return '"a".to_string()'
        case wit.Primitive("bool"):
            return "true"
        case wit.Primitive() if type_.is_float:
            return "1.0"
        case wit.Primitive():
            return "1"
        case wit.List(element):
            return f"vec![{_something(element)}]"
        case wit.Tuple(items):
            return f"({', '.join(map(_something, items))})"
        case wit.Record(name, fields):
            return f"{_camel(name)} {{ {', '.join(f'{each}: {_something(of)}' for each, of in fields)} }}"
        case _:
            raise AssertionError(f"no case gives {type_}")


def _borrowed(type_: wit.Type) -> str:
    match type_:
        case wit.Primitive("string"):
            return "&str"
        case wit.List(element):
            return f"&[{_rust(element)}]"
        case wit.Record():
            return f"&{_rust(type_)}"
        case _:
            return _rust(type_)


def _rust(type_: wit.Type) -> str:
    if type_ == wit.IMAGE:
        return "Image"
    match type_:
        case wit.Primitive("string"):
            return "String"
        case wit.Primitive(name):
            return name.replace("s", "i") if name[0] == "s" else name
        case wit.List(element):
            return f"Vec<{_rust(element)}>"
        case wit.Tuple(items):
            return f"({', '.join(map(_rust, items))})"
        case wit.Record(name):
            return _camel(name)
        case _:
            raise AssertionError(f"no case takes {type_}")


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("-"))
