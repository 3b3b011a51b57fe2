"""The generator and its plugin: names, notes, refusals, honesty, and that no text breaks it."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from akatsuki_wasm.config import Settings
from akatsuki_wasm.contracts import Diagnostic, Feedback, GenerationRequest, GuestSource
from akatsuki_wasm.errors import AkatsukiError, GenerateError, NoMatchError
from akatsuki_wasm.offline.generator import generate
from akatsuki_wasm.rust.signatures import parse_source
from akatsuki_wasm_plugins.offline import OfflinePlugin


def made(prompt: str, name: str | None = None) -> GuestSource:
    return generate(GenerationRequest(prompt, name))


def test_a_vintage_filter() -> None:
    source = made("create a vintage filter")
    assert source.name == "vintage-filter"
    assert source.generator == "offline"
    assert source.description == (
        "Warm, faded film: soft contrast, lifted blacks, cool shadows, a gentle vignette and fine grain."
    )
    assert source.notes == ("From the offline catalogue, which is not a language model.", "Understood: vintage.")
    assert source.usage == {}
    (function,) = parse_source(source.rust).functions
    assert str(function.params[1].default) == "0.7"


@pytest.mark.parametrize(
    ("prompt", "module", "functions"),
    [
        ("resize to 800x600 then grayscale", "resize-grayscale-filter", ["resize_grayscale"]),
        ("warm, faded, high contrast", "contrast-fade-warm-filter", ["contrast_fade_warm"]),
        ("word count and slug functions", "word-count-slug", ["word_count", "slug"]),
        ("BMI", "bmi", ["bmi"]),
        ("a sepia filter and a slug function", "sepia-filter", ["sepia", "slug"]),
        ("blur then sharpen then blur", "blur-sharpen-filter", ["blur_sharpen"]),
        (
            "black scholes call and put, compound interest, loan payment",
            "black-scholes-call-black-scholes-put",
            ["black_scholes_call", "black_scholes_put", "compound_interest", "loan_payment"],
        ),
        ("モノクロにして90度回転", "rotate-grayscale-filter", ["rotate_grayscale"]),
    ],
)
def test_names(prompt: str, module: str, functions: list[str]) -> None:
    source = made(prompt)
    assert source.name == module
    assert len(source.name) <= 40
    assert [function.name for function in parse_source(source.rust).functions] == functions


def test_a_wished_name_wins() -> None:
    assert made("sepia", "Old Print").name == "old-print"


def test_composes_with_prefixed_parameters_and_one_pass() -> None:
    source = made("warm, faded, high contrast, with some grain and a vignette")
    assert source.rust.count("map_rgb") == 1
    (function,) = parse_source(source.rust).functions
    assert [(param.name, param.default) for param in function.params[1:]] == [
        ("contrast_amount", 0.35),
        ("fade_amount", 0.6),
        ("temperature_amount", 0.5),
        ("vignette_amount", 0.5),
        ("grain_amount", 0.35),
    ]


def test_one_operation_twice_has_two_parameters() -> None:
    (function,) = parse_source(made("blur then sharpen then blur 9px").rust).functions
    assert [(param.name, param.default) for param in function.params[1:]] == [
        ("blur_radius", 3.0),
        ("sharpen_amount", 0.8),
        ("blur_radius2", 9.0),
    ]


def test_notes_say_what_was_not_understood() -> None:
    assert made("a sepia photo filter for grandmother").notes == (
        "From the offline catalogue, which is not a language model.",
        "Understood: sepia.",
        "Not understood: grandmother.",
    )


def test_functions_bring_examples() -> None:
    assert [example.text for example in made("word count").examples] == ['word_count("a b c") == 3']


ALL = "It has 38 operations on images, 34 on numbers and 19 on texts, and reads formulas such as f(x) = x^2"
OTHERWISE = "; for anything else set OPENAI_API_KEY and add --generator openai."


def test_refuses_what_it_cannot_do() -> None:
    with pytest.raises(NoMatchError) as caught:
        made("make a filter that removes the background")
    assert str(caught.value) == (
        "the offline catalogue has nothing for this prompt; it cannot do what these words ask for: "
        '"removes the background"'
    )
    assert caught.value.hint == (
        f"For images it has 38 operations, such as vintage, grayscale, blur and resize{OTHERWISE}"
    )


def test_refuses_what_it_does_not_know_with_close_names() -> None:
    with pytest.raises(NoMatchError) as caught:
        made("a pixelationist photo")
    assert str(caught.value) == (
        'the offline catalogue has nothing for this prompt; it did not understand: "pixelationist"'
    )
    assert caught.value.hint == f"Close to it: pixelate{OTHERWISE}"


@pytest.mark.parametrize(
    ("prompt", "hint"),
    [
        (
            "hello",
            ALL,
        ),
        ("sort a list", "For numbers it has 34 functions, such as z_score and haversine, and it reads formulas"),
        ("文章を要約", "For texts it has 19 functions, such as slug, word_count and mask_email"),
        ("if x > 10 then x else 0", "Give a formula a name, such as f(x) = x^2 + 3"),
        ("blur, sepia, posterize, emboss the background", "Close to it: sepia, posterize, blur, emboss"),
        (
            "unknown " * 3000,
            ALL,
        ),
    ],
)
def test_the_hint_is_one_short_line(prompt: str, hint: str) -> None:
    with pytest.raises(NoMatchError) as caught:
        made(prompt[:19_000])
    assert caught.value.hint == hint + OTHERWISE
    assert len(caught.value.hint) <= 200
    assert "\n" not in str(caught.value) + caught.value.hint


def test_refuses_a_prompt_that_names_nothing() -> None:
    with pytest.raises(NoMatchError) as caught:
        made("please make a nice photo filter")
    assert str(caught.value) == "the offline catalogue has nothing for this prompt; the prompt names no operation"


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("   ", "the prompt is empty"),
        ("sepia " * 4000, "the prompt has 24000 characters; the offline catalogue reads at most 20000"),
    ],
)
def test_refuses_unreadable_prompts(prompt: str, message: str) -> None:
    with pytest.raises(GenerateError) as caught:
        made(prompt)
    assert str(caught.value) == message
    assert caught.value.hint


def test_cannot_repair_and_says_so() -> None:
    source = made("sepia")
    feedback = Feedback(1, "build", "it failed", (Diagnostic("error", "mismatched types", 7),), source)
    with pytest.raises(GenerateError) as caught:
        generate(GenerationRequest("sepia"), feedback)
    assert str(caught.value) == (
        "the offline catalogue's source failed in build and it has no other to offer: line 7: mismatched types"
    )
    assert caught.value.hint == (
        "This is a fault of the catalogue: please report the prompt and this line; or use --generator openai."
    )


def test_plugin_answers_by_default_and_passes_when_another_is_meant() -> None:
    plugin = OfflinePlugin()
    assert plugin.akatsuki_generate(GenerationRequest("sepia"), None) is not None
    assert plugin.akatsuki_generate(GenerationRequest("sepia", generator="openai"), None) is None
    plugin.akatsuki_configure(Settings(generator="openai"))
    assert plugin.akatsuki_generate(GenerationRequest("sepia"), None) is None
    assert plugin.akatsuki_generate(GenerationRequest("sepia", generator="offline"), None) is not None


WORDS = st.sampled_from(
    [
        "vintage",
        "grain",
        "strong",
        "少し",
        "セピア",
        "回転",
        "90度",
        "800x600",
        "50%",
        "without",
        "then",
        "それから",
        "なし",
        "f(x)",
        "=",
        "x",
        "^",
        "2",
        "(",
        ")",
        ",",
        ";",
        "blur",
        "of",
        "3px",
        "if",
        "where",
    ]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(st.text(max_size=200), st.lists(WORDS, max_size=25).map(" ".join)))
def test_any_text_gives_a_source_or_an_error(prompt: str) -> None:
    with contextlib.suppress(AkatsukiError):
        assert parse_source(made(prompt).rust).functions


@pytest.mark.parametrize(
    "prompt",
    [
        "unknowable " * 900,
        "ビンテージ" * 2000,
        "背景不明" * 2500,
        "f(" * 5000,
        "x = " * 2500,
        "1 " * 5000,
        "a(b)=c," * 1400,
        "without " * 1250,
    ],
    ids=lambda prompt: prompt[:12],
)
def test_long_prompts_are_read_in_linear_time(prompt: str) -> None:
    made("sepia")  # the catalogue is loaded once
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        with contextlib.suppress(AkatsukiError):
            made(prompt)
        best = min(best, time.process_time() - start)
    # Work that grows with the square of the text would take tens of seconds; how fast it is is not judged here.
    assert best < 2.0
