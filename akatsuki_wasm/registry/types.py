"""Column types that mean the same on SQLite and PostgreSQL: UTC timestamps, JSON, lists of user ids."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import JSON, Boolean, ColumnElement, DateTime, Dialect, FunctionElement
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import TypeDecorator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import InstrumentedAttribute
    from sqlalchemy.sql.compiler import SQLCompiler
    from sqlalchemy.sql.operators import OperatorType
    from sqlalchemy.types import TypeEngine


class Json(TypeDecorator[Any]):
    """JSON text on SQLite, jsonb on PostgreSQL; Python's None is SQL's NULL."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name != "postgresql":
            return self.impl_instance
        from sqlalchemy.dialects.postgresql import JSONB  # it brings asyncio, which SQLite has no use for

        return JSONB(none_as_null=True)

    def coerce_compared_value(self, op: OperatorType | None, value: Any) -> TypeEngine[Any]:
        """Lets ``column["key"]`` take a text as a key, as SQLAlchemy's documentation asks of wrapped JSON types."""
        return self.impl_instance.coerce_compared_value(op, value)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC. SQLite keeps no zone, so it is taken off on the way in and put on on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone: expected an aware datetime")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class UuidList(TypeDecorator[tuple[UUID, ...]]):
    """A tuple of UUIDs as a JSON array of their texts, sorted and without repetition."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return Json().load_dialect_impl(dialect)

    def process_bind_param(self, value: Sequence[UUID] | None, dialect: Dialect) -> list[str]:
        return sorted({str(each) for each in value or ()})

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[UUID, ...]:
        return tuple(UUID(each) for each in value or ())


class contains(FunctionElement[bool]):  # noqa: N801 - reads as the SQL function that it is
    """``contains(column, text)``: whether a column that is a JSON array of texts has `text` in it."""

    type = Boolean()
    inherit_cache = True

    def __init__(self, column: InstrumentedAttribute[tuple[UUID, ...]] | ColumnElement[Any], text: str) -> None:
        from sqlalchemy import String, literal

        super().__init__(column, literal(text, String))


@compiles(contains, "sqlite")
def _contains_sqlite(element: contains, compiler: SQLCompiler, **options: Any) -> str:
    column, text = (compiler.process(each, **options) for each in element.clauses)
    return f"EXISTS (SELECT 1 FROM json_each({column}) AS item WHERE item.value = {text})"  # noqa: S608 - compiled SQL


@compiles(contains, "postgresql")
def _contains_postgresql(element: contains, compiler: SQLCompiler, **options: Any) -> str:
    column, text = (compiler.process(each, **options) for each in element.clauses)
    return f"jsonb_exists({column}, {text})"


class says(FunctionElement[bool]):  # noqa: N801 - reads as the SQL function that it is
    """``says(column, keys, text)``: whether a JSON column has `text` in a string under one of `keys`, at any depth.

    Latin letters count the same in upper and lower case.
    """

    type = Boolean()
    inherit_cache = True

    def __init__(self, column: InstrumentedAttribute[Any], keys: Sequence[str], text: str) -> None:
        from sqlalchemy import String, literal

        escaped = text.replace("/", "//").replace("%", "/%").replace("_", "/_")
        super().__init__(column, literal(f"%{escaped}%", String), *(literal(key, String) for key in keys))


@compiles(says, "sqlite")
def _says_sqlite(element: says, compiler: SQLCompiler, **options: Any) -> str:
    column, pattern, *keys = (compiler.process(each, **options) for each in element.clauses)
    return (
        f"EXISTS (SELECT 1 FROM json_tree({column}) AS item WHERE item.type = 'text'"  # noqa: S608 - compiled SQL
        f" AND item.key IN ({', '.join(keys)}) AND item.value LIKE {pattern} ESCAPE '/')"
    )


@compiles(says, "postgresql")
def _says_postgresql(element: says, compiler: SQLCompiler, **options: Any) -> str:
    column, pattern, *keys = (compiler.process(each, **options) for each in element.clauses)
    return (
        f"EXISTS (SELECT 1 FROM jsonb_path_query({column}, 'strict $.** ? (@.type() == \"object\")') AS object(value),"  # noqa: S608 - compiled SQL
        f" jsonb_each_text(object.value) AS item WHERE item.key IN ({', '.join(keys)})"
        f" AND item.value ILIKE {pattern} ESCAPE '/')"
    )
