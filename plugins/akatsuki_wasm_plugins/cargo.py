"""The build stage: checks an author's file against the contract, renders the crate, builds it, appends the manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from akatsuki_wasm import hookimpl
from akatsuki_wasm.contracts import ABI_VERSION, Artifact

if TYPE_CHECKING:
    from akatsuki_wasm.config import Settings
    from akatsuki_wasm.contracts import BuildOptions, GuestProject


class CargoPlugin:
    """Builds with the cargo that is found on this machine; see `akatsuki_wasm.rust.toolchain`."""

    def __init__(self) -> None:
        self._settings: Settings | None = None

    @hookimpl
    def akatsuki_configure(self, settings: Settings) -> None:
        self._settings = settings

    @hookimpl(trylast=True)
    def akatsuki_build(self, project: GuestProject, options: BuildOptions) -> Artifact | None:
        # Imported here because they bring tree-sitter and jinja2, which most commands do not need.
        from akatsuki_wasm.confinement.probe import find_confinement
        from akatsuki_wasm.rust.build import BuildLimits, build_crate
        from akatsuki_wasm.rust.crates import permitted, require_permitted
        from akatsuki_wasm.rust.crates_build import module_crates, refuse_additions, with_crates
        from akatsuki_wasm.rust.crates_resolve import resolve
        from akatsuki_wasm.rust.crates_use import used_crates
        from akatsuki_wasm.rust.glue import finish, render_crate
        from akatsuki_wasm.rust.idioms import slow_idioms
        from akatsuki_wasm.rust.signatures import parse_source
        from akatsuki_wasm.rust.toolchain import find_toolchain

        source, settings = project.source, self._resolved()
        allowed = permitted(settings.crates)
        crates = source.crates or allowed
        interface = parse_source(source.rust, crates)
        crate = render_crate(source.rust, interface)
        toolchain = find_toolchain(settings.cache_dir)
        confinement = find_confinement(settings.cache_dir)
        confinement.require(settings.require_sandbox)
        files, others = crate.files, None
        if used := used_crates(source.rust, crates):
            require_permitted(used, allowed)
            vendored = resolve(allowed, toolchain, settings.cache_dir, lock=settings.crates_lock, report=options.report)
            files = with_crates(files, vendored)
            others = module_crates(vendored, used, toolchain, confinement=confinement, cache_dir=settings.cache_dir)
        options.report(f"building {len(interface.functions)} function(s) with {toolchain.version}")
        limits = BuildLimits(wall_s=options.timeout_s, memory_bytes=options.memory_bytes)
        output = build_crate(
            files,
            toolchain=toolchain,
            options=limits,
            crates=others.build if others else None,
            confinement=confinement,
            control=options.control,
        )
        if others:
            refuse_additions(output.wasm, interface, others.used)
        facts: dict[str, Any] = {
            "source_sha256": source.sha256,
            "prelude_sha256": crate.prelude_sha256,
            "rustc": toolchain.version,
            "flags": list(output.flags),
            **(others.facts if others else {}),
        }
        manifest = interface.to_manifest(facts)
        build = {
            **facts,
            "abi": ABI_VERSION,
            "toolchain": toolchain.kind,
            "seconds": round(output.seconds, 3),
            "sandbox": output.confinement.as_json(),
            **({"packages": [str(each) for each in others.packages]} if others else {}),
        }
        warnings = (*output.warnings, *slow_idioms(source.rust))
        return Artifact(finish(output.wasm, manifest), manifest, source.rust, {"build": build}, warnings)

    def _resolved(self) -> Settings:
        if self._settings is None:
            from akatsuki_wasm.config import Settings

            self._settings = Settings()
        return self._settings
