//! `component-maker CORE.wasm WORLD.wit OUT.wasm`: wraps a core module with Canonical ABI exports as a component.

use std::error::Error;
use wit_component::{embed_component_metadata, ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, core, world, out] = arguments.as_slice() else {
        return Err("expected CORE.wasm WORLD.wit OUT.wasm".into());
    };
    let mut module = std::fs::read(core)?;
    let mut resolve = Resolve::default();
    let package = resolve.push_str(world, &std::fs::read_to_string(world)?)?;
    let world = resolve.select_world(&[package], Some("module"))?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    let component = ComponentEncoder::default().validate(true).module(&module)?.encode()?;
    std::fs::write(out, component)?;
    Ok(())
}
