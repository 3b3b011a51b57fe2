"""The catalogue's data: complete, consistent, documented, and within the guest contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from akatsuki_wasm.offline.lexicon import keys
from akatsuki_wasm.offline.operations import KINDS, STAGES, Operation, load_catalogue
from akatsuki_wasm.offline.page import catalogue_page
from akatsuki_wasm.rust.lint import lint
from akatsuki_wasm.rust.signatures import parse_source

from .guest import all_operations, single

OPERATIONS = list(load_catalogue().operations.values())
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "catalogue.md"


def test_has_what_was_promised() -> None:
    counts = {kind: len(load_catalogue().of_kind(kind)) for kind in KINDS}
    assert counts["image"] >= 32
    assert counts["column"] >= 20
    assert counts["text"] >= 12


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_stands_alone_within_the_contract(operation: Operation) -> None:
    rust = single(operation)
    lint(rust)
    (function,) = parse_source(rust).functions
    assert function.name == operation.id
    assert function.doc == operation.help
    defaults = {param.name: param.default for param in function.params}
    assert {knob.name: knob.default for knob in operation.knobs}.items() <= defaults.items()
    limits = {param.name: (param.minimum, param.maximum) for param in function.params}
    for knob in operation.knobs:
        assert limits[knob.name] == (knob.minimum, knob.maximum)


def test_all_together_are_within_the_contract() -> None:
    rust = all_operations()
    lint(rust)
    assert [function.name for function in parse_source(rust).functions] == [each.id for each in OPERATIONS]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_is_named_in_both_languages(operation: Operation) -> None:
    texts = [phrase.text for phrase in operation.phrases]
    assert any(text.isascii() for text in texts)
    assert any(not text.isascii() for text in texts)
    assert len(texts) == len(set(texts))


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_refers_to_what_exists(operation: Operation) -> None:
    names = {knob.name for knob in operation.knobs}
    ids = load_catalogue().operations
    assert (operation.stage in STAGES) == (operation.kind == "image")
    assert all(set(phrase.values) <= names for phrase in operation.phrases)
    assert set(operation.includes) <= ids.keys()
    assert set(operation.includes.values()) <= names
    assert set(operation.absorbs) <= ids.keys()
    assert {operation.percent, operation.sized, operation.ratio} <= {"", *ids}
    assert set(operation.replaces) | set(operation.blocks) <= ids.keys()
    assert all(set(values) <= names for values in operation.settings.values())
    assert operation.examples or operation.kind == "image"


@pytest.mark.parametrize("operation", load_catalogue().of_kind("image"), ids=lambda operation: operation.id)
def test_says_what_it_does_in_a_sentence(operation: Operation) -> None:
    assert operation.does
    assert not operation.does.endswith(".")
    assert operation.does.format(it="it")
    is_signed = operation.main_knob is not None and operation.main_knob.is_signed
    assert bool(operation.does_less) == (is_signed and operation.id != "hue")


def test_one_word_is_weak_or_not() -> None:
    """Two forms of one stem ("warm", "warmer") share their meaning: both are weak, or none is."""
    for operation in OPERATIONS:
        stems: dict[tuple[str, ...], set[bool]] = {}
        for phrase in operation.phrases:
            if not phrase.is_exact:
                stems.setdefault(keys(phrase.text), set()).add(phrase.is_weak)
        assert [key for key, weak in stems.items() if len(weak) > 1] == [], operation.id


def test_words_that_name_several_operations_name_them_on_purpose() -> None:
    owners: dict[tuple[str, ...], set[str]] = {}
    for operation in OPERATIONS:
        for phrase in operation.phrases:
            owners.setdefault(keys(phrase.text), set()).add(operation.id)
    shared = {frozenset(ids) for ids in owners.values() if len(ids) > 1}
    assert shared == {frozenset({"black_scholes_call", "black_scholes_put"}), frozenset({"brightness", "saturation"})}


def test_page_is_in_step() -> None:
    assert PAGE.read_text(encoding="utf-8") == catalogue_page(), (
        "docs/reference/catalogue.md is stale: write akatsuki_wasm.offline.page.catalogue_page() to it"
    )
