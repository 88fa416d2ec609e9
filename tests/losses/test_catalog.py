"""The catalogue is complete, in both languages, readable, and everything that it shows runs."""

from __future__ import annotations

import doctest
import math
import os
import re
import sys
from pathlib import Path

import pytest
import torch

from firststep import LossError, losses
from firststep.cli import main
from firststep.losses._latex import plain
from firststep.losses._show import wrapped

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).parent / "golden"
CHINESE = re.compile(r"[\u4e00-\u9fff]")
ALL = list(losses.catalog.values())
OURS = [spec for spec in ALL if spec.kernel is not None]
everywhere = pytest.mark.parametrize("spec", ALL, ids=[spec.name for spec in ALL])
ours = pytest.mark.parametrize("spec", OURS, ids=[spec.name for spec in OURS])


@everywhere
def test_what_is_said_in_one_language_is_said_in_the_other(spec: losses.LossSpec) -> None:
    told = [spec.purpose, spec.avoid, *spec.hazards, *(one.meaning for one in spec.options)]
    told += [one.differs for one in spec.equivalents]
    told += [losses.Text(one.en, one.zh) for argument in spec.arguments for one in argument.forms()]
    for text in told:
        assert bool(text.en) == bool(text.zh), text
        assert not text.zh or CHINESE.search(text.zh) or len(text.zh) < 12, text
        assert not CHINESE.search(text.en), text


@everywhere
def test_every_loss_has_a_purpose_a_formula_code_and_traps(spec: losses.LossSpec) -> None:
    assert spec.family in losses.FAMILIES
    assert spec.purpose.en.endswith((".", "?"))
    assert plain(spec.formula)
    assert "\\" not in plain(spec.formula)
    assert spec.code.strip()
    assert spec.hazards


NO_MINIMUM = {
    "robust_dpo_loss",  # falls without end in the log-ratio, by its unbiased estimate
    "moe_load_balance_loss",  # below its value at balance, by how much depends on the sizes
}


@ours
def test_ours_have_all_that_is_declared_of_a_loss(spec: losses.LossSpec) -> None:
    assert spec.draw is not None
    assert spec.start is not None
    assert spec.minimum is not None or spec.name in NO_MINIMUM
    assert spec.plot is not None
    assert spec.papers
    assert spec.avoid.en
    assert spec.aliases
    assert len(spec.arguments) >= 1
    assert spec.name == spec.kernel.__name__  # pyright: ignore


def test_names_are_unique() -> None:
    names = [spec.name for spec in ALL]
    aliases = [alias.lower() for spec in OURS for alias in {*spec.aliases, spec.name, spec.module}]

    assert len(set(names)) == len(names)
    assert sorted(alias for alias in set(aliases) if aliases.count(alias) > 1) == []


@everywhere
def test_the_code_runs_and_prints_what_it_says(spec: losses.LossSpec, capsys: pytest.CaptureFixture[str]) -> None:
    if not spec.code.strip().startswith(">>>"):
        assert spec.kernel is None
        compile(spec.code, spec.name, "exec")
        return
    if spec.path.startswith("torch.nn.") and not hasattr(torch.nn, spec.path.removeprefix("torch.nn.")):
        pytest.skip("not in this torch")
    example = doctest.DocTestParser().get_doctest(spec.code, {"torch": torch, "losses": losses}, spec.name, None, 0)
    state = torch.random.get_rng_state()

    result = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example)

    torch.random.set_rng_state(state)
    assert result.failed == 0, capsys.readouterr().out
    assert any(one.want for one in example.examples)


@ours
def test_the_curves_are_finite_and_the_gradient_is_their_slope(spec: losses.LossSpec) -> None:
    for line in losses.curves(spec, points=401):
        slopes = [
            (after - before) / (line.x[i + 2] - line.x[i])
            for i, (before, after) in enumerate(zip(line.value, line.value[2:], strict=False))
        ]
        scale = max(map(abs, line.gradient)) or 1.0
        off = sorted(abs(slope - exact) / scale for slope, exact in zip(slopes, line.gradient[1:-1], strict=True))

        assert all(map(math.isfinite, line.value + line.gradient))
        # Away from kinks, of which there are few: three quarters of the points.
        if "gradcheck" not in spec.exceptions:
            assert off[3 * len(off) // 4] < 0.02, line.label


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("focal", "focal_loss"),
        ("Focal Loss", "focal_loss"),
        ("FocalLoss", "focal_loss"),
        ("焦点损失", "focal_loss"),
        ("cross-entropy", "cross_entropy"),
        ("infonce", "info_nce_loss"),
    ],
)
def test_a_loss_is_found_by_any_of_its_names(asked: str, found: str) -> None:
    assert losses.catalog[asked].name == found
    assert asked in losses.catalog


def test_what_is_not_there_is_said_with_what_is_near() -> None:
    with pytest.raises(LossError) as error:
        losses.catalog["focal_los"]
    assert str(error.value) == (
        "there is no loss 'focal_los'. Did you mean 'focal_loss'? "
        "Type losses.catalog.search('focal_los'), or print(losses.catalog)"
    )
    assert losses.catalog.get("focal_los") is None
    with pytest.raises(
        LossError, match=r"^there is no family 'imbalanced'\. Did you mean 'imbalance'\? Expected one of"
    ):
        losses.catalog.family("imbalanced")


def test_search_finds_words_in_both_languages_and_asks_for_all() -> None:
    def named(words: str) -> list[str]:
        return [spec.name for spec in losses.catalog.search(words)]

    assert losses.catalog[named("imbalance")[0]].family == "imbalance"
    assert "focal_loss" in named("imbalance")
    assert "focal_loss" in named("不平衡")
    assert "focal_loss" not in named("imbalance spectrogram")
    assert named("nothing-is-called-this") == []


def test_the_stubs_are_up_to_date() -> None:
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        import make_stubs
    finally:
        sys.path.remove(str(ROOT / "tools"))
    for file, text in make_stubs.files().items():
        assert file.read_text(encoding="utf-8") == text, "run: make docs"


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"\frac{a + b}{2}", "(a + b)/2"),
        (r"x^{2} + y_1^{n}", "x² + y₁ⁿ"),
        (r"\sum_{j \ne i} e^{-x_{ij}}", "Σ_(j ≠ i) e^(-x_ij)"),
        (r"\sqrt{x^2 + \epsilon^2}", "√(x² + ε²)"),
        (r"\lVert x \rVert", "‖x‖"),
        (r"\log\sigma(x)", "log σ(x)"),
        (r"\begin{cases} x & x > 0 \\ 0 & \text{else} \end{cases}", "x   x > 0\n0   else"),
    ],
)
def test_formulas_are_readable_without_latex(latex: str, text: str) -> None:
    assert [line.strip() for line in plain(latex).splitlines()] == [line.strip() for line in text.splitlines()]


def test_an_unknown_command_is_an_error_not_a_guess() -> None:
    with pytest.raises(ValueError, match=r"^\\weird is not known to firststep\.losses\._latex$"):
        plain(r"\weird{x}")
    with pytest.raises(ValueError, match="the formula ends before '}'"):
        plain(r"\frac{1")


def test_chinese_wraps_between_characters_and_never_before_a_full_stop() -> None:
    lines = wrapped("一个样本属于多个类别之一，可选标签平滑。", 20, "- ", "  ")

    assert lines == ["- 一个样本属于多个类", "  别之一，可选标签平", "  滑。"]


COMMANDS = {
    "show.txt": ["losses", "show", "focal"],
    "show.zh.txt": ["losses", "--lang", "zh", "show", "focal"],
    "list.txt": ["losses", "list", "--family", "imbalance"],
    "search.json": ["losses", "search", "focal", "--json"],
}


@pytest.mark.parametrize("file", COMMANDS)
def test_the_command_prints_what_the_golden_file_shows(
    file: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")

    assert main(COMMANDS[file]) == 0

    printed = capsys.readouterr().out
    if os.environ.get("FIRSTSTEP_WRITE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        (GOLDEN / file).write_text(printed, encoding="utf-8")
    assert printed == (GOLDEN / file).read_text(encoding="utf-8")


def test_the_command_lists_every_loss(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["losses"]) == 0
    printed = capsys.readouterr().out

    assert all(spec.name in printed for spec in ALL)


def test_the_command_draws_a_picture_where_it_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "focal.svg"

    assert main(["losses", "plot", "focal", "--out", str(file)]) == 0
    assert file.read_text(encoding="utf-8").startswith("<svg")
    assert capsys.readouterr().out == f"Focal loss over classes: value and gradient are drawn in {file}\n"

    assert main(["losses", "plot", "focal", "--out", str(tmp_path / "focal.png")]) == 2
    assert "expected a file that ends with .svg, in a folder that exists" in capsys.readouterr().err


def test_the_command_says_when_nothing_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["losses", "search", "xyzzy"]) == 1
    assert capsys.readouterr().out == "no loss has all of these words: xyzzy. Try fewer, or: firststep losses\n"
    assert main(["losses", "show", "focl"]) == 2
    assert capsys.readouterr().err.startswith("firststep: there is no loss 'focl'. Did you mean 'focal'?")


def test_notebooks_show_a_loss_with_its_formula_and_the_catalogue_as_a_table() -> None:
    page = losses.catalog["focal"]._repr_markdown_()

    assert page.startswith("# Focal loss over classes\n\n`losses.functional.focal_loss`")
    assert "$$\n-(1 - p_y)^{\\gamma} \\log p_y" in page
    assert "```python\ninput = torch.tensor(" in page
    assert losses.catalog._repr_markdown_().count("\n") == len(ALL) + 1
