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
    name = _JAPANESE.get(name, _GREEK.get(name, name))
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    # WIT wants a letter after each hyphen: x_1 becomes x1.
    plain = re.sub(r"_+(?=\d)", "", re.sub(r"_+", "_", spaced.lower())).strip("_")
    plain = plain[:MAX_LENGTH].rstrip("_")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", plain):
        return spare
    return f"{plain}_{spare}" if plain in _KEYWORDS else plain


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
