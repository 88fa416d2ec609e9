r"""A formula for the terminal: the LaTeX of a declaration as one line, or a few, of plain characters.

It reads what the declarations use: ``\frac``, ``\sqrt``, sub- and superscripts, accents, ``\text`` and ``\mathrm``,
``cases``, ``aligned`` (lines end with ``\\``), and the symbols below. Anything else is an error, not a guess.
"""

from __future__ import annotations

import re

_GREEK = (
    "alpha beta gamma delta varepsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho varsigma sigma tau "
    "upsilon varphi chi psi omega"
)
_SYMBOLS = {
    **{name: chr(0x3B1 + i) for i, name in enumerate(_GREEK.split())},
    "epsilon": "ε", "phi": "φ", "ell": "ℓ", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Sigma": "Σ",
    "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω", "Pi": "Π",
    "sum": "Σ", "prod": "Π", "int": "∫", "infty": "∞", "partial": "∂", "nabla": "∇", "top": "ᵀ",
    "cdot": "·", "times": "×", "odot": "⊙", "pm": "±", "circ": "∘", "ast": "*", "star": "*",
    "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠", "neq": "≠", "approx": "≈", "sim": "~", "propto": "∝",
    "ll": "≪", "gg": "≫", "equiv": "≡",
    "in": "∈", "notin": "∉", "cup": "∪", "cap": "∩", "setminus": "∖", "subset": "⊂", "emptyset": "∅",
    "to": "→", "rightarrow": "→", "mapsto": "↦", "ldots": "…", "dots": "…", "cdots": "⋯", "forall": "∀",
    "lvert": "|", "rvert": "|", "vert": "|", "mid": "|", "lVert": "‖", "rVert": "‖", "Vert": "‖",
    "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉", "langle": "⟨", "rangle": "⟩",
    "|": "‖", "{": "{", "}": "}", "%": "%", "_": "_", "&": "&", ",": " ", ";": " ", ":": " ", "!": "", " ": " ",
    "quad": "  ", "qquad": "    ", "displaystyle": "", "left": "", "right": "", "big": "", "Big": "", "bigl": "",
    "bigr": "", "Bigl": "", "Bigr": "", "limits": "",
}  # fmt: skip
_WORDS = ("log", "ln", "exp", "max", "min", "sup", "inf", "cos", "sin", "tan", "arccos", "cosh", "sinh", "tanh", "erf",
          "Pr", "det", "arg", "lim")  # fmt: skip
_NAMED = ("text", "mathrm", "operatorname", "mathit", "mathbf", "boldsymbol", "mathcal", "mathbb", "textstyle")
_ACCENTS = {
    "hat": "\u0302",
    "bar": "\u0304",
    "tilde": "\u0303",
    "dot": "\u0307",
    "overline": "\u0304",
    "widehat": "\u0302",
}
_UP = dict(zip("0123456789+-=()nijTkmx", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱʲᵀᵏᵐˣ", strict=True)) | {
    "ᵀ": "ᵀ",
    "γ": "ᵞ",
    "β": "ᵝ",
    "′": "′",
}
_DOWN = dict(zip("0123456789+-=()", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎", strict=True))
_OPENING = ("\\lVert", "\\lvert", "\\langle", "\\lfloor", "\\lceil")
_CLOSING = ("\\rVert", "\\rvert", "\\rangle", "\\rfloor", "\\rceil")
_COLUMN = "\0"
_TOKEN = re.compile(r"\\begin\{\w+\}|\\end\{\w+\}|\\\\|\\[A-Za-z]+|\\.|\s+|.", re.DOTALL)


def plain(latex: str) -> str:
    r"""The formula in plain characters.

    Raises:
        ValueError: for a command it does not know.

    >>> plain(r"-(1 - p_y)^{\gamma} \log p_y")
    '-(1 - p_y)ᵞ log p_y'
    >>> plain(r"\frac{1}{N} \sum_{i} \frac{x_i - \mu}{\sigma}")
    '1/N Σ_i (x_i - μ)/σ'
    """
    lines = _Reader(_TOKEN.findall(latex)).read().split("\n")
    return "\n".join(_tidy(line) for line in lines).strip()


def _tidy(line: str) -> str:
    """Single spaces, none before a closing bracket; columns stay apart."""
    single = re.sub(r"(?<=\S) {2,}", " ", re.sub(r" +([,)\]])", r"\1", line)).strip()
    return re.sub(f" *{_COLUMN} *", "   ", single)


class _Reader:
    """Reads tokens from left to right.

    Args:
        tokens: of the formula.
    """

    def __init__(self, tokens: list[str]) -> None:
        self._tokens, self._at = tokens, 0

    def read(self, end: str = "") -> str:
        """What stands before ``end``, which is passed over."""
        text = ""
        while self._at < len(self._tokens):
            token = self._next()
            if token == end:
                return text
            if token in "^_":
                text = text.rstrip() + self._script(token)
            else:
                piece = self._one(token)
                glue = " " if text and piece[:1].isalpha() and text[-1].isalnum() and token[:1] == "\\" else ""
                text = (text.rstrip() if token in _CLOSING else text) + glue + piece
            if token in _OPENING:
                self._skip_spaces()
        if end:
            raise ValueError(f"the formula ends before {end!r}")
        return text

    def _next(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1]

    def _skip_spaces(self) -> None:
        while self._at < len(self._tokens) and self._tokens[self._at].isspace():
            self._at += 1

    def _argument(self) -> str:
        """A group in braces, or the next token."""
        self._skip_spaces()
        token = self._next()
        return self.read("}") if token == "{" else self._one(token)

    def _one(self, token: str) -> str:
        if token == "{":
            return self.read("}")
        if token.isspace() or token == "~":
            return " "
        if token == "\\\\":
            return "\n"
        if token.startswith("\\begin"):
            inside = self.read("\\end" + token[6:]).strip()
            return "\n" + inside.replace("&", _COLUMN if "cases" in token else " ") + "\n"
        if not token.startswith("\\"):
            return token
        return self._command(token[1:])

    def _command(self, name: str) -> str:
        if name in ("frac", "tfrac", "dfrac"):
            return f"{_grouped(self._argument())}/{_grouped(self._argument())}"
        if name in ("binom",):
            return f"C({self._argument()}, {self._argument()})"
        if name == "sqrt":
            inside = self._argument()
            return f"√{inside}" if len(inside) == 1 else f"√({inside})"
        if name in _NAMED:
            return self._argument()
        if name in _ACCENTS:
            return self._argument() + _ACCENTS[name]
        if name in _WORDS:
            after = self._tokens[self._at] if self._at < len(self._tokens) else ""
            return name if after in ("(", "[", "_", "^", "{", "") or after.isspace() else f"{name} "
        if name in _SYMBOLS:
            return _SYMBOLS[name]
        raise ValueError(f"\\{name} is not known to firststep.losses._latex")

    def _script(self, kind: str) -> str:
        text = self._argument().strip()
        small = _UP if kind == "^" else _DOWN
        if all(letter in small for letter in text):
            return "".join(small[letter] for letter in text)
        return f"{kind}{text}" if len(text) == 1 or (kind == "_" and text.isalnum()) else f"{kind}({text})"


def _grouped(text: str) -> str:
    """In parentheses, where it would otherwise fall apart beside a slash."""
    text = text.strip()
    simple = re.fullmatch(r"[\ŵ̄̃_.′]+|\([^()]*\)|\S+\([^()]*\)|‖[^‖]*‖|\|[^|]*\|", text)
    return text if simple or len(text) == 1 else f"({text})"
