"""Which kind of module a request is about, for worked examples that are close to it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from akatsuki_wasm.contracts import GenerationRequest

Kind = Literal["image", "column", "text", "general"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_ENGLISH: dict[Kind, str] = {
    "image": (
        "image images picture pictures photo photos photograph pixel pixels rgb rgba colour colours color colors "
        "filter vintage sepia grayscale greyscale blur blurred sharpen vignette thumbnail crop resize rotate flip "
        "mirror brightness contrast saturation hue invert polaroid watermark edges emboss dither pixelate tint "
        "duotone film grain collage frame border gradient equalise equalize"
    ),
    "column": (
        "column columns price prices rate interest loan mortgage tax discount salary distance celsius fahrenheit "
        "kelvin convert conversion percent percentage ratio score index formula option pricing volatility "
        "haversine latitude longitude bmi speed energy pressure radius area volume probability logistic sigmoid "
        "normalise normalize clamp payment compound annuity dataframe series feature"
    ),
    "text": (
        "text texts string strings word words letter letters character characters sentence sentences name names "
        "slug title uppercase lowercase capitalise capitalize vowel vowels consonants palindrome anagram cipher "
        "encrypt decrypt encode decode parse format regex email url csv json markdown html trim whitespace "
        "substring syllables hyphen initials acronym abbreviation levenshtein pinyin kana"
    ),
    "general": (
        "list lists array matrix vector sort sorted search graph tree path prime primes fibonacci factorial "
        "permutation permutations combinations sequence numbers integers bits gcd lcm sudoku queens knapsack "
        "calendar dates intervals median mode moving window statistics"
    ),
}
_JAPANESE: dict[Kind, tuple[str, ...]] = {
    "image": (
        "画像", "写真", "ピクセル", "画素", "色", "カラー", "フィルタ", "ぼか", "モノクロ", "セピア", "明る", "暗く",
        "コントラスト", "彩度", "色相", "トリミング", "サムネイル", "回転", "反転", "リサイズ", "縮小", "レトロ",
        "ビンテージ", "ヴィンテージ", "枠",
    ),
    "column": (
        "列", "価格", "金利", "利息", "利率", "税", "割引", "給与", "距離", "気温", "温度", "摂氏", "華氏", "換算",
        "変換式", "割合", "率", "計算式", "オプション", "緯度", "経度", "速度", "確率", "ローン", "返済",
    ),
    "text": (
        "文字", "文章", "テキスト", "単語", "名前", "大文字", "小文字", "かな", "カナ", "ひらがな", "カタカナ",
        "漢字", "文を", "暗号", "回文", "要約", "改行", "空白", "メール", "郵便番号", "電話番号", "ローマ字",
    ),
    "general": (
        "リスト", "配列", "行列", "並べ替え", "ソート", "素数", "数列", "最大公約数", "最小公倍数", "組み合わせ",
        "順列", "整数", "中央値", "探索", "経路",
    ),
}  # fmt: skip
_WORDS = {kind: frozenset(words.split()) for kind, words in _ENGLISH.items()}
_PARAMETERS = re.compile(r"\bpub\s{1,9}(?:const\s{1,9})?fn\s{1,9}\w{1,200}([^{;]{0,2000}?)\)\s{0,99}(?:->|\{)")
_EXAMPLE_WEIGHT = 2
"""An example's argument says more than one word does."""
_SOURCE_WEIGHT = 4
MAX_READ = 4_000
"""Characters of a prompt that are looked at."""


def kind_of(request: GenerationRequest) -> Kind:
    """The kind of a request: by its words, the types in its examples, and the signatures of the source it starts from.

    Where nothing tells, or two kinds are equally likely, it is ``general``.
    """
    points = dict.fromkeys(KINDS, 0)
    said = f"{request.prompt[:MAX_READ]} {request.name or ''}".lower()
    words = re.findall(r"[a-z]+", said)
    for kind in KINDS:
        points[kind] += sum(word in _WORDS[kind] for word in words) + sum(each in said for each in _JAPANESE[kind])
    for example in request.examples:
        for value in (*example.args, *example.kwargs.values()):
            points[_kind_of_value(value)] += _EXAMPLE_WEIGHT
    if request.base is not None:
        points[_kind_of_parameters(" ".join(_PARAMETERS.findall(request.base.rust)))] += _SOURCE_WEIGHT
    best = max(points.values())
    likely = [kind for kind in KINDS if points[kind] == best]
    return likely[0] if best and len(likely) == 1 else "general"


def worked_examples(kind: Kind) -> tuple[str, str]:
    """The templates of two worked examples of a kind."""
    return f"examples/{kind}_1.j2", f"examples/{kind}_2.j2"


def _kind_of_value(value: Any) -> Kind:
    match value:
        case str():
            return "text"
        case float():
            return "column"
        case _:
            return "general"


def _kind_of_parameters(text: str) -> Kind:
    if re.search(r"\bImage\b", text):
        return "image"
    if re.search(r"\bReal\b", text):
        return "column"
    if re.search(r"&str\b|\bString\b", text):
        return "text"
    return "column" if re.search(r":\s{0,9}f(?:32|64)\b", text) else "general"
