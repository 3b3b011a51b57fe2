"""The guest's allocator: what it gives is the owner's alone, zeroed where that is asked, in the arena and beyond."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import akatsuki_wasm as ak

if TYPE_CHECKING:
    from collections.abc import Iterator

    from akatsuki_wasm.module import Module

SOURCE = """
/// Makes, grows, shrinks, zeroes and drops blocks at random, and looks whether each still holds what was put into it.
pub fn churn(seed: u32, steps: u32, largest: u32) -> u64 {
    let mut state = seed as u64 * 2654435761 + 1;
    let mut next = move |below: u32| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as u32
    };
    let mut blocks: Vec<(u8, Vec<u8>)> = Vec::new();
    let mut checked = 0u64;
    for step in 0..steps {
        let tag = (step % 251) as u8 + 1;
        let size = next(largest) as usize;
        match next(6) {
            0 => blocks.push((tag, vec![tag; size])),
            1 => {
                let zeros = vec![0u8; size];
                assert!(zeros.iter().all(|&byte| byte == 0), "not zeroed");
                checked += size as u64;
                blocks.push((0, zeros));
            }
            2 if !blocks.is_empty() => {
                let place = next(blocks.len() as u32) as usize;
                let (tag, block) = &mut blocks[place];
                let (tag, length) = (*tag, block.len());
                block.resize(length + size, tag);
            }
            3 if !blocks.is_empty() => {
                let place = next(blocks.len() as u32) as usize;
                let block = &mut blocks[place].1;
                block.truncate(size);
                block.shrink_to_fit();
            }
            _ if !blocks.is_empty() => {
                let place = next(blocks.len() as u32) as usize;
                let (tag, block) = blocks.swap_remove(place);
                assert!(block.iter().all(|&byte| byte == tag), "overwritten");
                checked += block.len() as u64;
            }
            _ => {}
        }
    }
    for (tag, block) in &blocks {
        assert!(block.iter().all(|byte| byte == tag), "overwritten at the end");
    }
    checked
}

/// Keeps a number with the strictest alignment between odd bytes.
pub fn aligned(rounds: u32) -> f64 {
    let mut kept: Vec<(Box<u8>, Box<f64>, Box<u128>)> = Vec::new();
    for round in 0..rounds {
        kept.push((Box::new(round as u8), Box::new(round as f64), Box::new(round as u128)));
    }
    let good = |at: usize, align: usize| at % align == 0;
    for (round, (byte, number, wide)) in kept.iter().enumerate() {
        assert!(good(&**number as *const f64 as usize, 8) && good(&**wide as *const u128 as usize, 16), "misaligned");
        assert!(**byte == round as u8 && **wide == round as u128, "overwritten");
    }
    kept.iter().map(|(_, number, _)| **number).sum()
}
"""


@pytest.fixture(scope="module")
def heap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Module]:
    with ak.open(data_dir=tmp_path_factory.mktemp("data")) as workspace:
        yield workspace.deploy(workspace.build(SOURCE), name="heap")


@pytest.mark.parametrize("largest", [20, 3_000, 200_000], ids=["within the arena", "past its end", "beside it"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_blocks_are_their_owners_alone(heap: Module, seed: int, largest: int) -> None:
    assert heap.churn(seed, 3000, largest) > 0


def test_alignment(heap: Module) -> None:
    assert heap.aligned(5000) == sum(range(5000))


def test_a_small_execution_does_not_grow_its_memory(heap: Module) -> None:
    small = heap.execute("churn", 1, 50, 100).memory_used_bytes
    assert small == heap.execute("churn", 1, 0, 100).memory_used_bytes
    assert small < heap.execute("churn", 1, 500, 3_000).memory_used_bytes
