-- PostgreSQL's row-level security: roles and claims as Supabase has them, then what registry/row_security.py renders.
-- Statements end with a semicolon and an empty line.

do $roles$ begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'authenticated') then
    create role authenticated nologin noinherit;
  end if;
exception when duplicate_object or unique_violation then null; -- roles belong to all databases of a server
end $roles$;

-- The service logs in as this role, which owns nothing and may do nothing until it takes the role `authenticated`.
-- It has no password: whoever runs the service gives it one.
do $roles$ begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'akatsuki_app') then
    create role akatsuki_app login noinherit nosuperuser nobypassrls nocreatedb nocreaterole;
  end if;
exception when duplicate_object or unique_violation then null;
end $roles$;

do $roles$ begin
  if not pg_catalog.pg_has_role('akatsuki_app', 'authenticated', 'member') then
    grant authenticated to akatsuki_app;
  end if;
end $roles$;

-- The owner too may act for users, with `akatsuki db status` and `db copy`; he who may not grant that does without.
do $roles$ begin
  grant authenticated to current_user;
exception when insufficient_privilege or invalid_grant_operation then null;
end $roles$;

do $auth$ begin
  if to_regnamespace('auth') is null then
    create schema auth;
  end if;
  if to_regprocedure('auth.jwt()') is null then
    create function auth.jwt() returns jsonb language sql stable as
      $jwt$ select nullif(current_setting('request.jwt.claims', true), '')::jsonb $jwt$;
  end if;
  if to_regprocedure('auth.uid()') is null then
    create function auth.uid() returns uuid language sql stable as
      $uid$ select nullif(auth.jwt() ->> 'sub', '')::uuid $uid$;
  end if;
  if not pg_catalog.has_schema_privilege('authenticated', 'auth', 'usage') then
    grant usage on schema auth to authenticated;
  end if;
  if not pg_catalog.has_schema_privilege('authenticated', current_schema(), 'usage') then
    execute format('grant usage on schema %I to authenticated', current_schema());
  end if;
end $auth$;

do $revoke$ begin
  revoke all on akatsuki_schema_version from public, authenticated;
  if exists (select from pg_catalog.pg_roles where rolname = 'anon') then
    revoke all on akatsuki_schema_version from anon;
  end if;
end $revoke$;

grant select on akatsuki_schema_version to authenticated;

create or replace function akatsuki_guard_module() returns trigger language plpgsql set search_path = '' as $guard$
begin
  if not pg_catalog.row_security_active(tg_relid) then
    return new;
  end if;
  if new.status is distinct from old.status and not (
    old.status in ('active', 'disabled') and new.status in ('active', 'disabled')
    and coalesce(old.owner_type = 'system' and ((select coalesce(auth.jwt() -> 'app_metadata' ->> 'role', '') = 'admin')) or old.owner_type = 'admin' and ((select coalesce(auth.jwt() -> 'app_metadata' ->> 'role', '') = 'admin')) or old.owner_type = 'user' and ((select coalesce(auth.jwt() -> 'app_metadata' ->> 'role', '') = 'admin') or old.owner_id = (select auth.uid())), false)
  ) then
    raise insufficient_privilege using message = 'the row-level security policy lets this user not change the status';
  end if;
  if to_jsonb(new) - array['status', 'updated_at'] is distinct from to_jsonb(old) - array['status', 'updated_at']
    and not coalesce(old.owner_type = 'system' and ((select coalesce(auth.jwt() -> 'app_metadata' ->> 'role', '') = 'admin')) or old.owner_type = 'admin' and ((select coalesce(auth.jwt() -> 'app_metadata' ->> 'role', '') = 'admin')) or old.owner_type = 'user' and (old.owner_id = (select auth.uid())), false)
  then
    raise insufficient_privilege using message = 'the row-level security policy lets this user change only the status';
  end if;
  return new;
end
$guard$;

drop trigger if exists akatsuki_guard_module on wasm_modules;

create trigger akatsuki_guard_module before update on wasm_modules for each row execute function akatsuki_guard_module();

alter table wasm_modules enable row level security;

alter table wasm_modules force row level security;

drop policy if exists akatsuki_select on wasm_modules;

create policy akatsuki_select on wasm_modules for select to authenticated using (owner_type = 'system' and ((select auth.uid()) is not null) or owner_type = 'admin' and ((select coalesce(auth.jwt() -> 'app_metadata' ->> 'role', '') = 'admin')) or owner_type = 'user' and ((select coalesce(auth.jwt() -> 'app_metadata' ->> 'role', '') = 'admin') or owner_id = (select auth.uid()) or is_public or jsonb_exists(allowed_users, (select auth.uid())::text)));

drop policy if exists akatsuki_insert on wasm_modules;

create policy akatsuki_insert on wasm_modules for insert to authenticated with check (owner_type = 'system' and ((select coalesce(auth.jwt() -> 'app_metadata' ->> 'role', '') = 'admin')) or owner_type = 'admin' and ((select coalesce(auth.jwt() -> 'app_metadata' ->> 'role', '') = 'admin')) or owner_type = 'user' and (owner_id = (select auth.uid())));

drop policy if exists akatsuki_update on wasm_modules;

create policy akatsuki_update on wasm_modules for update to authenticated using (owner_type = 'system' and ((select coalesce(auth.jwt() -> 'app_metadata' ->> 'role', '') = 'admin')) or owner_type = 'admin' and ((select coalesce(auth.jwt() -> 'app_metadata' ->> 'role', '') = 'admin')) or owner_type = 'user' and ((select coalesce(auth.jwt() -> 'app_metadata' ->> 'role', '') = 'admin') or owner_id = (select auth.uid()))) with check (owner_type = 'system' and ((select coalesce(auth.jwt() -> 'app_metadata' ->> 'role', '') = 'admin')) or owner_type = 'admin' and ((select coalesce(auth.jwt() -> 'app_metadata' ->> 'role', '') = 'admin')) or owner_type = 'user' and ((select coalesce(auth.jwt() -> 'app_metadata' ->> 'role', '') = 'admin') or owner_id = (select auth.uid())));

drop policy if exists akatsuki_delete on wasm_modules;

create policy akatsuki_delete on wasm_modules for delete to authenticated using (owner_type = 'system' and ((select coalesce(auth.jwt() -> 'app_metadata' ->> 'role', '') = 'admin')) or owner_type = 'admin' and ((select coalesce(auth.jwt() -> 'app_metadata' ->> 'role', '') = 'admin')) or owner_type = 'user' and ((select coalesce(auth.jwt() -> 'app_metadata' ->> 'role', '') = 'admin') or owner_id = (select auth.uid())));

do $revoke$ begin
  revoke all on wasm_modules from public, authenticated;
  if exists (select from pg_catalog.pg_roles where rolname = 'anon') then
    revoke all on wasm_modules from anon;
  end if;
end $revoke$;

grant select, insert, delete, update (description, metadata, timeout_ms, max_execution_time_ms, max_memory_pages, is_public, allowed_users, status, updated_at) on wasm_modules to authenticated;

alter table wasm_executions enable row level security;

alter table wasm_executions force row level security;

drop policy if exists akatsuki_select on wasm_executions;

create policy akatsuki_select on wasm_executions for select to authenticated using (((select coalesce(auth.jwt() -> 'app_metadata' ->> 'role', '') = 'admin') or executor_id = (select auth.uid())));

drop policy if exists akatsuki_insert on wasm_executions;

create policy akatsuki_insert on wasm_executions for insert to authenticated with check ((executor_id = (select auth.uid())));

drop policy if exists akatsuki_update on wasm_executions;

drop policy if exists akatsuki_delete on wasm_executions;

create policy akatsuki_delete on wasm_executions for delete to authenticated using (((select coalesce(auth.jwt() -> 'app_metadata' ->> 'role', '') = 'admin')));

do $revoke$ begin
  revoke all on wasm_executions from public, authenticated;
  if exists (select from pg_catalog.pg_roles where rolname = 'anon') then
    revoke all on wasm_executions from anon;
  end if;
end $revoke$;

grant select, insert, delete on wasm_executions to authenticated;

alter table generations enable row level security;

alter table generations force row level security;

drop policy if exists akatsuki_select on generations;

create policy akatsuki_select on generations for select to authenticated using (((select coalesce(auth.jwt() -> 'app_metadata' ->> 'role', '') = 'admin') or owner_id = (select auth.uid())));

drop policy if exists akatsuki_insert on generations;

create policy akatsuki_insert on generations for insert to authenticated with check ((owner_id = (select auth.uid())));

drop policy if exists akatsuki_update on generations;

drop policy if exists akatsuki_delete on generations;

do $revoke$ begin
  revoke all on generations from public, authenticated;
  if exists (select from pg_catalog.pg_roles where rolname = 'anon') then
    revoke all on generations from anon;
  end if;
end $revoke$;

grant select, insert on generations to authenticated;

alter table idempotency_keys enable row level security;

alter table idempotency_keys force row level security;

drop policy if exists akatsuki_select on idempotency_keys;

create policy akatsuki_select on idempotency_keys for select to authenticated using (((select coalesce(auth.jwt() -> 'app_metadata' ->> 'role', '') = 'admin') or owner_id = (select auth.uid())));

drop policy if exists akatsuki_insert on idempotency_keys;

create policy akatsuki_insert on idempotency_keys for insert to authenticated with check ((owner_id = (select auth.uid())));

drop policy if exists akatsuki_update on idempotency_keys;

create policy akatsuki_update on idempotency_keys for update to authenticated using ((owner_id = (select auth.uid()))) with check ((owner_id = (select auth.uid())));

drop policy if exists akatsuki_delete on idempotency_keys;

create policy akatsuki_delete on idempotency_keys for delete to authenticated using (((select coalesce(auth.jwt() -> 'app_metadata' ->> 'role', '') = 'admin') or owner_id = (select auth.uid())));

do $revoke$ begin
  revoke all on idempotency_keys from public, authenticated;
  if exists (select from pg_catalog.pg_roles where rolname = 'anon') then
    revoke all on idempotency_keys from anon;
  end if;
end $revoke$;

grant select, insert, delete, update (request_sha256, status, answer, created_at) on idempotency_keys to authenticated;

alter table designs enable row level security;

alter table designs force row level security;

drop policy if exists akatsuki_select on designs;

create policy akatsuki_select on designs for select to authenticated using (((select coalesce(auth.jwt() -> 'app_metadata' ->> 'role', '') = 'admin') or owner_id = (select auth.uid())));

drop policy if exists akatsuki_insert on designs;

create policy akatsuki_insert on designs for insert to authenticated with check ((owner_id = (select auth.uid())));

drop policy if exists akatsuki_update on designs;

create policy akatsuki_update on designs for update to authenticated using (((select coalesce(auth.jwt() -> 'app_metadata' ->> 'role', '') = 'admin') or owner_id = (select auth.uid()))) with check (((select coalesce(auth.jwt() -> 'app_metadata' ->> 'role', '') = 'admin') or owner_id = (select auth.uid())));

drop policy if exists akatsuki_delete on designs;

create policy akatsuki_delete on designs for delete to authenticated using (((select coalesce(auth.jwt() -> 'app_metadata' ->> 'role', '') = 'admin')));

do $revoke$ begin
  revoke all on designs from public, authenticated;
  if exists (select from pg_catalog.pg_roles where rolname = 'anon') then
    revoke all on designs from anon;
  end if;
end $revoke$;

grant select, insert, delete, update (status, cancel_requested, error, module_id, generation_id, updated_at) on designs to authenticated;

alter table design_events enable row level security;

alter table design_events force row level security;

drop policy if exists akatsuki_select on design_events;

create policy akatsuki_select on design_events for select to authenticated using (exists (select 1 from designs where designs.id = design_events.design_id));

drop policy if exists akatsuki_insert on design_events;

create policy akatsuki_insert on design_events for insert to authenticated with check (exists (select 1 from designs where designs.id = design_events.design_id));

drop policy if exists akatsuki_update on design_events;

drop policy if exists akatsuki_delete on design_events;

do $revoke$ begin
  revoke all on design_events from public, authenticated;
  if exists (select from pg_catalog.pg_roles where rolname = 'anon') then
    revoke all on design_events from anon;
  end if;
end $revoke$;

grant select, insert on design_events to authenticated;
