"""A table of prompts in English and Japanese, and what is read from them."""

from __future__ import annotations

import pytest

from akatsuki_wasm.offline.reading import read

# prompt -> operations in the order of application, with the values that the words chose
TABLE: list[tuple[str, list[tuple[str, dict[str, float]]]]] = [
    ("Create a vintage photo filter", [("vintage", {})]),
    ("create a vintage filter", [("vintage", {})]),
    (
        "a strong vintage look with a vignette and some grain",
        [("vintage", {"strength": 1.0, "vignette": 0.65, "grain": 0.65})],
    ),
    ("a subtle vintage look", [("vintage", {"strength": 0.35})]),
    ("vintage without grain", [("vintage", {"grain": 0.0})]),
    ("vintage, no vignette and no grain", [("vintage", {"vignette": 0.0, "grain": 0.0})]),
    ("vintage without grain or vignette", [("vintage", {"grain": 0.0, "vignette": 0.0})]),
    ("make it vintage but not grainy", [("vintage", {"grain": 0.0})]),
    ("resize to 800x600 then grayscale", [("resize", {"width": 800, "height": 600}), ("grayscale", {})]),
    ("grayscale then resize to 800x600", [("grayscale", {}), ("resize", {"width": 800, "height": 600})]),
    ("convert to black and white", [("grayscale", {})]),
    ("sepia 0.4", [("sepia", {"amount": 0.4})]),
    ("50% sepia", [("sepia", {"amount": 0.5})]),
    ("sepia at 40%", [("sepia", {"amount": 0.4})]),
    ("sepia 40", [("sepia", {"amount": 0.4})]),
    ("warm, faded, high contrast", [("contrast", {"amount": 0.35}), ("fade", {}), ("temperature", {"amount": 0.5})]),
    ("slightly warmer and a bit faded", [("fade", {"amount": 0.3}), ("temperature", {"amount": 0.25})]),
    (
        "very cold blue tint",
        [("temperature", {"amount": -0.96}), ("tint", {"red": 80.0, "green": 140.0, "blue": 255.0})],
    ),
    ("blur radius 3", [("blur", {"radius": 3.0})]),
    ("blur with a radius of 5 pixels", [("blur", {"radius": 5.0})]),
    ("3px blur", [("blur", {"radius": 3.0})]),
    ("blur slightly and sharpen strongly", [("blur", {"radius": 1.5}), ("sharpen", {"amount": 1.2})]),
    ("rotate 90 degrees", [("rotate", {"degrees": 90.0})]),
    ("rotate left", [("rotate", {"degrees": -90.0})]),
    ("rotate by -15 degrees", [("rotate", {"degrees": -15.0})]),
    ("flip horizontally, then flip vertically", [("flip_horizontal", {}), ("flip_vertical", {})]),
    ("mirror the image", [("flip_horizontal", {})]),
    ("gamma 2.2", [("gamma", {"value": 2.2})]),
    ("increase contrast by 30%", [("contrast", {"amount": 0.3})]),
    ("reduce saturation by 30%", [("saturation", {"amount": -0.3})]),
    ("less contrast", [("contrast", {"amount": -0.25})]),
    ("more saturation", [("saturation", {})]),
    ("darken by 20%", [("brightness", {"amount": -0.2})]),
    ("brighten the photo by 20%", [("brightness", {"amount": 0.2})]),
    ("posterize to 6 levels", [("posterize", {"levels": 6})]),
    ("threshold at 100", [("threshold", {"level": 100.0})]),
    ("solarize with threshold 90", [("solarize", {"level": 90.0})]),
    ("pixelate with blocks of 16", [("pixelate", {"size": 16})]),
    ("crop to 400x300", [("crop", {"width": 400, "height": 300})]),
    ("crop to a square", [("square", {})]),
    ("half the size", [("scale", {"factor": 0.5})]),
    ("resize to 50%", [("scale", {"factor": 0.5})]),
    ("enlarge 2x", [("scale", {"factor": 2.0})]),
    ("upscale 3x", [("scale", {"factor": 3.0})]),
    ("resize to a width of 640 pixels", [("resize", {"width": 640})]),
    ("duotone", [("duotone", {})]),
    ("teal and orange cinematic look", [("split_tone", {})]),
    ("hue shift by 45 degrees", [("hue", {"degrees": 45.0})]),
    ("invert the colors", [("invert", {})]),
    ("emboss", [("emboss", {})]),
    ("edge detection", [("edge", {})]),
    ("pencil sketch", [("sketch", {})]),
    ("a dreamy glow with a white frame", [("glow", {}), ("frame", {})]),
    ("add film grain 0.2 and a strong vignette", [("vignette", {"amount": 0.75}), ("grain", {"amount": 0.2})]),
    ("grayscale after resizing to 300x200", [("resize", {"width": 300, "height": 200}), ("grayscale", {})]),
    ("blur then sharpen then blur", [("blur", {}), ("sharpen", {}), ("blur", {})]),
    ("vintge filter", [("vintage", {})]),
    ("grayscle and sepja", [("sepia", {}), ("grayscale", {})]),
    ("photos of people in sepia", [("sepia", {})]),
    ("exposure +1 stop", [("exposure", {"stops": 1.0})]),
    ("vivid colors, punchy", [("contrast", {"amount": 0.35}), ("saturation", {"amount": 0.4})]),
    ("noir with heavy grain", [("grayscale", {}), ("grain", {"amount": 0.52})]),
    ("ビンテージ風フィルターを作って", [("vintage", {})]),
    ("強いビンテージ、粒状なし", [("vintage", {"strength": 1.0, "grain": 0.0})]),
    ("グレインなしのビンテージ写真フィルター", [("vintage", {"grain": 0.0})]),
    ("セピア調にして", [("sepia", {})]),
    ("写真を白黒にしてください", [("grayscale", {})]),
    ("少しぼかして", [("blur", {"radius": 1.5})]),
    ("コントラストを強く、彩度を少し下げて", [("contrast", {"amount": 0.38}), ("saturation", {"amount": -0.15})]),
    ("コントラスト弱め、粒状強め", [("contrast", {"amount": -0.25}), ("grain", {"amount": 0.52})]),
    ("90度回転してからグレースケール", [("rotate", {"degrees": 90.0}), ("grayscale", {})]),
    ("左右反転", [("flip_horizontal", {})]),
    ("800x600にリサイズして白黒に", [("resize", {"width": 800, "height": 600}), ("grayscale", {})]),
    ("800×600 にリサイズしてから、モノクロにして", [("resize", {"width": 800, "height": 600}), ("grayscale", {})]),
    ("幅640にリサイズ", [("resize", {"width": 640})]),
    (
        "暖かく、色あせた感じで、周辺減光を強めに",
        [("fade", {}), ("temperature", {"amount": 0.5}), ("vignette", {"amount": 0.75})],
    ),
    ("明るさを20%上げて", [("brightness", {"amount": 0.2})]),
    ("もっと暗くして", [("brightness", {"amount": -0.3})]),
    ("色相を45度回転", [("hue", {"degrees": 45.0})]),
    ("モザイク、ブロック16", [("pixelate", {"size": 16})]),
    ("ガンマ 2.2", [("gamma", {"value": 2.2})]),
    ("セピア 0.4 それから 3pxぼかす", [("sepia", {"amount": 0.4}), ("blur", {"radius": 3.0})]),
    ("ネガポジ反転", [("invert", {})]),
    ("50%に縮小", [("scale", {"factor": 0.5})]),
    ("正方形に切り抜いてセピア", [("square", {}), ("sepia", {})]),
    ("映画のような雰囲気", [("split_tone", {})]),
    ("ビネットとグレインなしのビンテージ", [("vintage", {"vignette": 0.0, "grain": 0.0})]),
    ("輪郭を抽出", [("edge", {})]),
    ("ポスタリゼーション 5階調", [("posterize", {"levels": 5})]),
    ("z-score with mean 50 and sd 10", [("z_score", {"mean": 50.0, "deviation": 10.0})]),
    ("clamp between 0 and 100", [("clamp", {"low": 0.0, "high": 100.0})]),
    ("logistic function", [("logistic", {})]),
    ("haversine distance", [("haversine", {})]),
    ("black scholes call and put", [("black_scholes_call", {}), ("black_scholes_put", {})]),
    ("compound interest at 5% for 10 years", [("compound_interest", {"rate": 0.05, "years": 10.0})]),
    ("BMI calculator", [("bmi", {})]),
    ("celsius to fahrenheit", [("celsius_to_fahrenheit", {})]),
    ("convert km to miles and kg to lb", [("km_to_miles", {}), ("kg_to_pounds", {})]),
    ("min-max scale from 10 to 20", [("min_max_scale", {"low": 10.0, "high": 20.0})]),
    ("percentage change", [("percentage_change", {})]),
    ("loan payment with rate 3% and 20 years", [("loan_payment", {"rate": 0.03, "years": 20.0})]),
    ("add VAT of 20%", [("add_tax", {"rate": 0.2})]),
    ("標準化 平均50 標準偏差10", [("z_score", {"mean": 50.0, "deviation": 10.0})]),
    ("摂氏を華氏に変換する関数", [("celsius_to_fahrenheit", {})]),
    ("複利計算 年利3% 10年", [("compound_interest", {"rate": 0.03, "years": 10.0})]),
    ("体格指数", [("bmi", {})]),
    ("消費税 8%", [("add_tax", {"rate": 0.08})]),
    ("偏差値", [("t_score", {})]),
    ("word count and slug functions", [("word_count", {}), ("slug", {})]),
    ("slugify titles", [("slug", {})]),
    ("edit distance between two strings", [("edit_distance", {})]),
    ("collapse whitespace", [("collapse_whitespace", {})]),
    ("mask e-mail addresses", [("mask_email", {})]),
    ("mask card numbers but keep the last 4 digits", [("mask_digits", {"visible": 4})]),
    ("truncate to 20 characters", [("truncate", {"length": 20})]),
    ("snake case and camel case", [("snake_case", {}), ("camel_case", {})]),
    ("is palindrome", [("is_palindrome", {})]),
    ("title case", [("title_case", {})]),
    ("文字数を数える関数", [("character_count", {})]),
    ("メールアドレスをマスク", [("mask_email", {})]),
    ("単語数とスラッグ", [("word_count", {}), ("slug", {})]),
    ("文字列を反転", [("reverse", {})]),
    ("reverse the string", [("reverse", {})]),
    ("20文字に切り詰め", [("truncate", {"length": 20})]),
    ("スネークケースに変換", [("snake_case", {})]),
    ("black scholes call and put", [("black_scholes_call", {}), ("black_scholes_put", {})]),
]


@pytest.mark.parametrize(("prompt", "expected"), TABLE, ids=[prompt for prompt, _ in TABLE])
def test_reads(prompt: str, expected: list[tuple[str, dict[str, float]]]) -> None:
    reading = read(prompt)
    assert [(choice.operation.id, dict(choice.values)) for choice in reading.choices] == expected
    assert reading.is_convincing


@pytest.mark.parametrize(
    ("prompt", "refused"),
    [
        ("make a filter that removes the background", ("removes the background",)),
        ("train a neural network", ("train", "neural network")),
        ("blur the background", ("background",)),
        ("写真の背景をぼかして", ("背景",)),
        ("detect faces in a photo", ("detect",)),
        ("この文章を要約して", ("要約",)),
    ],
)
def test_refuses(prompt: str, refused: tuple[str, ...]) -> None:
    reading = read(prompt)
    assert reading.refused == refused
    assert not reading.is_convincing


@pytest.mark.parametrize(
    ("prompt", "unknown"),
    [
        ("sepia for my grandmother", ("grandmother",)),
        ("写真を古代ローマ風のセピアに", ("古代", "ローマ")),
        ("a frobnicated photo, slightly blurred", ("frobnicated",)),
    ],
)
def test_says_what_was_not_understood(prompt: str, unknown: tuple[str, ...]) -> None:
    reading = read(prompt)
    assert reading.unknown == unknown
    assert reading.is_convincing


def test_a_single_weak_word_in_a_foreign_sentence_is_not_enough() -> None:
    assert not read("send a warm letter to mother tomorrow").is_convincing


def test_says_what_was_corrected_and_assumed() -> None:
    assert read("vintge filter, sepia 40").remarks == ("read 'vintge' as 'vintage'", "read 40 for sepia as 40 %")
    assert read("blur radius 500").remarks == ("radius 500 is out of its range; 100 is used",)
    assert read("sepia without grain").remarks == ("grain is left out",)
