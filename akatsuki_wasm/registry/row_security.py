"""The policy as PostgreSQL's row-level security: the SQL that a migration holds literally, rendered from `policy`.

The tables then decide for themselves, whoever asks and through which program: a query as the role `authenticated` sees
and changes what `policy.allows` says for the user whose claims are in ``request.jwt.claims``, and no more. Three things
work together:

* *policies* decide about rows;
* *grants on columns* keep from everybody what never changes: ids, owners, names, versions, digests, manifests;
* a *trigger* decides about what depends on both: an admin may disable somebody's module and not rewrite it.

Foreign keys' ``ON DELETE`` actions and checks are PostgreSQL's own and ask no policy.
https://www.postgresql.org/docs/current/ddl-rowsecurity.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from akatsuki_wasm.registry import policy
from akatsuki_wasm.registry.acting import ROLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from akatsuki_wasm.registry.policy import Ground, Operation

MODULES = "wasm_modules"
TABLES = (MODULES, *policy.RECORDS, "design_events")
"""The tables that it holds for."""
GUARD = "akatsuki_guard_module"

# Selected, so that the planner asks once for a query and not once for a row.
_USER = "(select auth.uid())"
_ADMIN = "(select coalesce(auth.jwt() -> 'app_metadata' ->> 'role', '') = 'admin')"

_UPDATABLE = {
    MODULES: (
        *("description", "metadata", "timeout_ms", "max_execution_time_ms", "max_memory_pages"),
        *("is_public", "allowed_users", "status", "updated_at"),
    ),
    "idempotency_keys": ("request_sha256", "status", "answer", "created_at"),
    "designs": ("status", "cancel_requested", "error", "module_id", "generation_id", "updated_at"),
}
"""The columns that may change at all. Without an entry, a table's rows stay as they were written."""


def statements() -> tuple[str, ...]:
    """All statements, which may also be run again where an older version of them was."""
    found = [_guard(), f"drop trigger if exists {GUARD} on {MODULES}"]
    found.append(f"create trigger {GUARD} before update on {MODULES} for each row execute function {GUARD}()")
    for table in TABLES:
        found += [f"alter table {table} enable row level security", f"alter table {table} force row level security"]
        for command in ("select", "insert", "update", "delete"):
            name = f"akatsuki_{command}"
            found.append(f"drop policy if exists {name} on {table}")
            condition = _condition(table, command)
            if condition is not None:
                found.append(f"create policy {name} on {table} for {command} to {ROLE} {_clauses(command, condition)}")
        # A Supabase project grants everything on new tables to everybody, TRUNCATE included, which asks no policy.
        found.append(_revoke(table))
        found.append(f"grant {_privileges(table)} on {table} to {ROLE}")
    return tuple(found)


def _clauses(command: str, condition: str) -> str:
    using, check = f"using ({condition})", f"with check ({condition})"
    return {"insert": check, "update": f"{using} {check}"}.get(command, using)


def _condition(table: str, command: str) -> str | None:
    """What must hold of a row; None where nobody may."""
    if table == MODULES:
        operations: dict[str, tuple[Operation, ...]] = {
            "select": ("read",),
            "insert": ("create",),
            "update": ("update", "disable"),  # the trigger tells them apart
            "delete": ("delete",),
        }
        return _governed(operations[command])
    if table == "design_events":  # who sees a design sees what happened in it, and only its design's deletion ends it
        seen = "exists (select 1 from designs where designs.id = design_events.design_id)"
        return seen if command in {"select", "insert"} else None
    rule = policy.RECORDS[table]
    grounds = rule.grounds.get(command)
    return None if grounds is None else _any(grounds, rule.owner)


def _governed(operations: Sequence[Operation], row: str = "") -> str:
    """Whether the user may do one of `operations` with a module: `row`, or the one that a policy is asked of."""
    parts = []
    for owner_type, rules in policy.RULES.items():
        grounds = frozenset[policy.Ground]().union(*(rules[each] for each in operations))
        parts.append(f"{row}owner_type = '{owner_type}' and {_any(grounds, f'{row}owner_id', row)}")
    return " or ".join(parts)


def _any(grounds: Iterable[Ground], owner: str, row: str = "") -> str:
    holds: dict[Ground, str] = {
        "everyone": f"{_USER} is not null",
        "admin": _ADMIN,
        "owner": f"{owner} = {_USER}",
        "public": f"{row}is_public",
        "shared": f"jsonb_exists({row}allowed_users, {_USER}::text)",
    }
    return f"({' or '.join(holds[each] for each in sorted(grounds))})"


def _guard() -> str:
    """The trigger's function. It asks nothing where row-level security does not hold either."""
    return f"""create or replace function {GUARD}() returns trigger language plpgsql set search_path = '' as $guard$
begin
  if not pg_catalog.row_security_active(tg_relid) then
    return new;
  end if;
  if new.status is distinct from old.status and not (
    old.status in ('active', 'disabled') and new.status in ('active', 'disabled')
    and coalesce({_governed(["disable"], "old.")}, false)
  ) then
    raise insufficient_privilege using message = 'the row-level security policy lets this user not change the status';
  end if;
  if to_jsonb(new) - array['status', 'updated_at'] is distinct from to_jsonb(old) - array['status', 'updated_at']
    and not coalesce({_governed(["update"], "old.")}, false)
  then
    raise insufficient_privilege using message = 'the row-level security policy lets this user change only the status';
  end if;
  return new;
end
$guard$"""


def _revoke(table: str) -> str:
    return f"""do $revoke$ begin
  revoke all on {table} from public, {ROLE};
  if exists (select from pg_catalog.pg_roles where rolname = 'anon') then
    revoke all on {table} from anon;
  end if;
end $revoke$"""  # noqa: S608 - our own tables' names


def _privileges(table: str) -> str:
    whole = [each for each in ("select", "insert", "delete") if _condition(table, each) is not None]
    columns = _UPDATABLE.get(table)
    return ", ".join(whole if columns is None else [*whole, f"update ({', '.join(columns)})"])
