"""Names that people give in formulas, as names that Rust, WIT and a command line take."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_KEYWORDS = frozenset({
    "as", "async", "await", "box", "break", "const", "continue", "crate", "do", "dyn", "else", "enum", "extern",
    "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut",
    "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super", "trait", "true", "try", "type",
    "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield", "abstract", "become", "union",
})  # fmt: skip
_JAPANESE = {
    "価格": "price", "値段": "price", "単価": "unit_price", "定価": "list_price", "原価": "cost",
    "費用": "cost", "数量": "quantity", "個数": "quantity", "数": "count", "税": "tax", "税率": "tax_rate",
    "税込": "price_with_tax", "税込価格": "price_with_tax", "売上": "sales", "利益": "profit",
    "利益率": "margin", "粗利": "gross_profit", "粗利率": "gross_margin", "割引": "discount",
    "割引率": "discount_rate", "割引後": "discounted", "金額": "amount", "合計": "total", "平均": "mean",
    "差": "difference", "身長": "height", "体重": "weight", "高さ": "height", "幅": "width", "長さ": "length",
    "半径": "radius", "直径": "diameter", "面積": "area", "体積": "volume", "距離": "distance", "時間": "time",
    "速度": "speed", "速さ": "speed", "質量": "mass", "温度": "temperature", "摂氏": "celsius",
    "華氏": "fahrenheit", "金利": "rate", "利率": "rate", "年": "years", "年数": "years", "元金": "principal",
    "給料": "salary", "人口": "population", "密度": "density", "比率": "ratio", "割合": "ratio",
    "変化率": "change", "前": "before", "後": "after", "点数": "score", "得点": "score", "年齢": "age",
    "平均点": "mean_score", "国語": "japanese", "数学": "mathematics", "英語": "english", "理科": "science",
    "社会": "social_studies", "東京": "tokyo", "大阪": "osaka", "店舗": "store", "店": "store", "商品": "product",
    "顧客": "customer", "人": "people", "人数": "people", "日": "day", "日数": "days", "月": "month", "月数": "months",
    "週": "week", "時給": "hourly_wage", "時間数": "hours", "分": "minutes", "秒": "seconds", "最大": "maximum",
    "最小": "minimum", "最大値": "maximum", "最小値": "minimum", "標準偏差": "deviation", "偏差": "deviation",
    "平均値": "mean", "中央値": "median", "分散": "variance", "総額": "total", "総": "total", "小計": "subtotal",
    "送料": "shipping", "手数料": "fee", "消費税": "tax", "税抜": "net", "税抜価格": "net_price",
    "純利益": "net_profit",
    "収入": "income", "支出": "expense", "予算": "budget", "実績": "actual", "目標": "target", "達成率": "achievement",
    "達成": "achievement", "率": "rate", "額": "amount", "値": "value", "値引": "discount", "値引き": "discount",
    "値引き後": "discounted", "割り引き": "discount", "売り上げ": "sales", "売上げ": "sales", "数値": "number",
    "定数": "constant", "係数": "coefficient", "傾き": "slope", "切片": "intercept", "角度": "angle", "底辺": "base",
    "縦": "height", "横": "width", "奥行": "depth", "電圧": "voltage", "電流": "current", "抵抗": "resistance",
    "電力": "power", "力": "force", "加速度": "acceleration", "圧力": "pressure", "容量": "capacity", "燃費": "mileage",
    "ポイント": "points", "コスト": "cost", "レート": "rate", "スコア": "score", "クリック": "clicks",
    "クリック率": "click_rate", "表示": "views", "在庫": "stock", "単位": "unit", "面": "side", "辺": "side",
    "初期値": "start", "初期": "initial", "最終": "final", "今年": "this_year", "去年": "last_year",
    "前年": "last_year",
    "今月": "this_month", "先月": "last_month", "元本": "principal", "期間": "period", "回数": "times",
    "倍率": "factor",
}  # fmt: skip
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta", "θ": "theta",
    "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi",
    "χ": "chi", "ψ": "psi", "ω": "omega", "Δ": "delta", "Σ": "sigma", "Ω": "omega", "Φ": "phi", "Θ": "theta",
}  # fmt: skip
MAX_LENGTH = 40


def rust_name(name: str, *, spare: str) -> str:
    """A name in snake_case that is valid in Rust and, with hyphens, in WIT.

    Args:
        name: As it was written: ``grossMargin``, ``x_1``, ``価格``, ``type``.
        spare: What to use where nothing of it is Latin, and what keywords get behind them.
    """
    name = _GREEK.get(name, _translated(name))
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    # WIT wants a letter after each hyphen: x_1 becomes x1.
    plain = re.sub(r"_+(?=\d)", "", re.sub(r"_+", "_", spaced.lower())).strip("_")
    plain = plain[:MAX_LENGTH].rstrip("_")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", plain):
        return spare
    return f"{plain}_{spare}" if plain in _KEYWORDS else plain


def _translated(name: str) -> str:
    """A Japanese name in English where all of its parts are known words (東京売上 is ``tokyo_sales``), else itself."""
    parts = []
    place = 0
    while place < len(name):
        length = next((n for n in range(min(6, len(name) - place), 0, -1) if name[place : place + n] in _JAPANESE), 0)
        if not length:
            return name
        parts.append(_JAPANESE[name[place : place + length]])
        place += length
    return "_".join(parts)


def rust_names(names: Iterable[str], *, spare: str, taken: Iterable[str] = ()) -> dict[str, str]:
    """Different Rust names for different names: the second ``x`` becomes ``x2``."""
    used = set(taken)
    result = {}
    for name in names:
        wanted = rust_name(name, spare=spare)
        found, number = wanted, 2
        while found in used:
            found, number = f"{wanted}{number}", number + 1
        used.add(found)
        result[name] = found
    return result
