"""A function's parameters as command-line options and arguments, made from the module's manifest."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from akatsuki_wasm import wit
from akatsuki_wasm.cli.run_fixed import SHIELD, fixed_options
from akatsuki_wasm.contracts import MISSING
from akatsuki_wasm.values.bind import bind, check_range, describe_type, range_text
from akatsuki_wasm.values.text import contains_image, parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from akatsuki_wasm.contracts import Function, Parameter
    from akatsuki_wasm.module import Module

_NEGATIVE = re.compile(r"-(?:\.?\d|inf\b|nan\b)", re.IGNORECASE)


class _Given(str):
    """A parameter's value as it stood on the command line, unlike a default."""

    __slots__ = ()


class FunctionCommand(click.Command):
    """A command whose positional arguments may be negative numbers, and whose help sets parameters apart."""

    own: int = 0
    """How many of `params`, from the first, belong to the function."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [f"{SHIELD}{word}" if _NEGATIVE.match(word) else word for word in args])

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the function's parameters first, then the options of every function."""
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        for title, part in (("Parameters", options[: self.own]), ("Options", options[self.own :])):
            rows = [record for record in (option.get_help_record(ctx) for option in part) if record]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


class ShadowedOption(click.Option):
    """A parameter whose name is an option of run already: its help says how to give it, and no option is added."""

    def __init__(self, param: Parameter, index: int) -> None:
        # A name that nobody types, as click wants one for each option.
        super().__init__([f"--shadowed-{index}", f"p{index}"])
        self._record = (f"--param {param.name}={_kind(param.type)}", _option_help(param))

    def get_help_record(self, ctx: click.Context) -> tuple[str, str]:
        return self._record


def function_command(module: Module, function: Function, given: Mapping[str, Any]) -> FunctionCommand:
    """The command that executes `function`.

    Args:
        module: The loaded module.
        function: One of its functions.
        given: Values of run's own options that stood before MODULE.
    """
    fixed = fixed_options()
    taken = {name for option in fixed for name in option.opts} | {"--help", "-h"}
    own = [_option(param, index, taken) for index, param in enumerate(function.params)]

    def execute(values: tuple[str, ...], **options: Any) -> None:
        from akatsuki_wasm.cli.run_result import check_output, execute_and_show

        texts = [_Given(value.removeprefix(SHIELD)) for value in values]
        named = _named(function, options, (*given["named"], *options["named"]))
        merged = {name: options[name] or given[name] for name in ("output", "timeout_ms", "as_json")}
        csv = options["csv"] or given["csv"]
        if csv is not None and len(texts) <= len(function.params):
            from akatsuki_wasm.cli.run_csv import execute_csv

            constants = {**dict(zip((param.name for param in function.params), texts, strict=False)), **named}
            pairs = (*given["column"], *options["column"])
            on_error = options["on_error"] or given["on_error"] or "raise"
            execute_csv(module, function, csv, pairs=pairs, given=constants, on_error=on_error, **merged)
            return
        bound = bind(function, texts, named)
        inputs = [Path(text) for text, param in zip(bound, function.params, strict=True) if _is_path(param, text)]
        check_output(function, inputs, merged["output"], options["force"] or given["force"])
        execute_and_show(module, function, convert(function, bound), inputs=inputs, **merged)

    command = FunctionCommand(
        function.name,
        callback=execute,
        params=[*own, *fixed, click.Argument(["values"], nargs=-1, metavar=_metavar(function))],
        help=f"{function.doc or f'Execute {function.name}.'}\n\n\b\nSignature: {function.signature}",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    command.own = len(own)
    return command


def _metavar(function: Function) -> str:
    names = [param.name.upper() if param.required else f"[{param.name.upper()}]" for param in function.params]
    return " ".join(names)


def _option(param: Parameter, index: int, taken: set[str]) -> click.Option:
    """The option of one parameter; a shadowed one where its name is taken."""
    flag = f"--{wit.kebab(param.name)}"
    is_bool = param.type == wit.BOOL
    names = [flag, f"--no-{flag[2:]}"] if is_bool else [flag]
    if taken.intersection(names):
        return ShadowedOption(param, index)
    taken.update(names)
    if is_bool:
        return click.Option(["/".join(names), f"p{index}"], default=None, help=_option_help(param))
    return click.Option([flag, f"p{index}"], metavar=_kind(param.type), help=_option_help(param))


def _option_help(param: Parameter) -> str:
    facts = []
    if param.minimum is not None or param.maximum is not None:
        facts.append(range_text(param))
    if param.default is not MISSING and param.type != wit.BYTES:
        default = param.default
        facts.append(f"default {str(default).lower() if isinstance(default, bool) or default is None else default}")
    elif param.required:
        facts.append("required")
    if isinstance(param.type, wit.Enum | wit.Flags | wit.Variant):
        facts.insert(0, describe_type(param.type))
    return f"{param.doc}{' ' if param.doc and facts else ''}{'[' + ', '.join(facts) + ']' if facts else ''}"


def _kind(type_: wit.Type) -> str:
    if type_ == wit.IMAGE:
        return "PATH"
    match type_:
        case wit.Option(inner):
            return _kind(inner)
        case wit.List() if type_.is_numeric:
            return "NUMBERS"
        case wit.List(element) if element == wit.IMAGE:
            return "PATHS"
        case wit.Primitive("string"):
            return "TEXT"
        case wit.Primitive("char"):
            return "CHAR"
        case wit.Primitive():
            return "INTEGER" if type_.is_integer else "NUMBER"
        case wit.Bytes():
            return "TEXT|@FILE|-"
        case wit.Enum():
            return "NAME"
        case wit.Flags():
            return "NAMES"
        case wit.Variant():
            return "NAME|JSON"
        case _:
            return "JSON"


def _named(function: Function, options: Mapping[str, Any], pairs: Sequence[str]) -> dict[str, _Given]:
    """The values that were given by name: as options, or as ``--param NAME=VALUE``."""
    found: dict[str, _Given] = {}
    for index, param in enumerate(function.params):
        value = options.get(f"p{index}")
        if value is not None:
            text = str(value).lower() if isinstance(value, bool) else str(value).removeprefix(SHIELD)
            found[param.name] = _Given(text)
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{pair!r} is not NAME=VALUE.", param_hint="'--param'")
        found[wit.snake(name)] = _Given(text)
    return found


def _is_path(param: Parameter, value: Any) -> bool:
    return isinstance(value, _Given) and param.type in (wit.IMAGE, wit.Option(wit.IMAGE)) and value.lower() != "none"


def convert(function: Function, bound: Sequence[Any]) -> list[Any]:
    """One Python value for each parameter, in order; images are read last, so that cheap mistakes show first.

    Args:
        function: The signature.
        bound: For each parameter, its text or its default.

    Raises:
        ArgumentError: A text is of the wrong type, out of its range, or names no readable image.
    """
    values = list(bound)
    order = sorted(range(len(values)), key=lambda index: contains_image(function.params[index].type))
    for index in order:
        param, value = function.params[index], values[index]
        if isinstance(value, _Given):
            values[index] = parse(param, value)
            check_range(param, values[index])
    return values
