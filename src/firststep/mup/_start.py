"""The start: what rules give at the base, carried to any width."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from torch import nn

from .. import init, rng
from ..errors import PlanError, RuleError
from ..init import Scheme, Site
from ..planning import Recipe, Row, Rule, keep, plan, rule
from ._widths import Base, Output, Width, built, widths


def rescaled(
    rules: Recipe | Rule | Iterable[Rule | Recipe],
    *,
    base: Base,
    delta: Base,
    output: Output = "scaled",
    zero_output: bool = False,
    axes: Mapping[str, str] | None = None,
) -> tuple[Rule, ...]:
    """``rules`` as they are at the base, scaled to any width as muP asks. Table 3 of the paper, with m = width / base:

        parameter                       std                       std, output="multiplied" (table 8)
        input weight, bias, gain        sigma_base                sigma_base
        hidden weight                   sigma_base / sqrt(m)      sigma_base / sqrt(m)
        output weight                   sigma_base / m            sigma_base

    Args:
        rules: what the base model starts from; all that does not grow starts so at any width.
        base: the model whose learning rates are known, or a function that builds it.
        delta: the same model at another width, to tell which dimensions grow; it may be the model to initialize.
        output: ``"multiplied"`` when the model multiplies its logits by base width / width, as table 8 has it.
        zero_output: whether output weights start at zero.
        axes: as for :func:`widths`.

    Returns:
        Rules that name every parameter of the base, for a model of any width and the same names.

    Raises:
        RuleError: when the base does not fit, or a rule gives what muP has no scale for.

    >>> linear = rule(nn.Linear, weight=init.kaiming_normal(), bias=init.zeros())
    >>> nets = [nn.Sequential(nn.Linear(2, n), nn.Linear(n, n), nn.Linear(n, 1)) for n in (8, 16)]
    >>> for one in rescaled(linear, base=nets[0], delta=nets[1]):
    ...     print(one)
    0: weight=kaiming_normal(), bias=zeros()
    1: weight=scaled(normal(std=0.5), by='sqrt(8/fan_in)'), bias=zeros()
    2: weight=scaled(normal(std=0.5), by='8/fan_in'), bias=zeros()
    """
    small, large = _model(base, "base"), _model(delta, "delta")
    sizes = widths(large, small, axes=axes, output=output)
    if all(size.role == "fixed" for size in sizes.values()):
        raise RuleError("mup: base and delta have the same shapes: expected two widths, so that it shows what grows")
    rows, wide = _rows(small, rules, "base"), _rows(large, rules, "delta")
    found: dict[str, dict[str, Scheme | None]] = {}
    problems: list[str] = []
    for name, size in sizes.items():
        module, _, local = name.rpartition(".")
        try:
            scheme = _scheme(rows[name], wide[name], size, output, zero_output)
            found.setdefault(module, {})[local] = scheme
        except RuleError as error:
            problems.append(str(error))
    if problems:
        raise RuleError("\n".join(problems))
    return _grouped(found)


def _model(base: Base, option: str) -> nn.Module:
    made = built(base)
    if isinstance(made, nn.Module):
        return made
    raise RuleError(
        f"mup({option}=<a mapping>): shapes alone tell learning rates, not a start. Give the model, or a function that "
        "builds it"
    )


def _rows(model: nn.Module, rules: Recipe | Rule | Iterable[Rule | Recipe], which: str) -> dict[str, Row]:
    try:
        made = plan(model, rules)
    except PlanError as error:
        raise RuleError(f"mup: the rules do not fit {which}: {error}") from error
    return {row.name: row for row in made.rows}


def _scheme(row: Row, wide: Row, size: Width, output: Output, zero_output: bool) -> Scheme | None:
    """What a parameter gets at any width; ``None`` to keep it."""
    if row.scheme is None or wide.scheme is None or row.site is None or wide.site is None:
        return None
    if size.role == "output" and zero_output:
        return init.zeros()
    power = {"hidden": 0.5, "output": 1.0 if output == "scaled" else 0.0}.get(size.role, 0.0)
    law, law_there = _law(row.scheme, row.site), _law(wide.scheme, wide.site)
    if law is None or law_there is None:
        return _as_it_is(row, wide, size, power)
    if not power or law == rng.Uniform(0.0, 0.0):
        return row.scheme if law == law_there else _scheme_of(law)
    if row.expected is None or row.expected.mean != 0:
        raise RuleError(f"mup: {row.scheme!r} gives {row.name!r}, whose inputs grow, a mean that is not 0")
    ratio = f"{_fan_in(row.site, size):.17g}/fan_in"
    scheme = init.scaled(_scheme_of(law), by=f"sqrt({ratio})" if power == 0.5 else ratio)  # pyright: ignore[reportArgumentType]
    return scheme if size.axes is None else scheme.layout(size.axes)


def _fan_in(site: Site, size: Width) -> float:
    """Inputs of one output at the base, as a scheme counts them."""
    fans = site.parts[0].fans if size.axes is None else init.fans(site.shape, size.axes)
    assert fans is not None  # those of a matrix
    return fans.fan_in


def _law(scheme: Scheme, site: Site) -> rng.Law | None:
    """The law of every element, where all are independent draws of one."""
    sites = [replace(site, parts=(part,), zero_rows=()) for part in site.parts] or [site]
    laws = {scheme.one_law(one) for one in sites}
    return laws.pop() if len(laws) == 1 else None


def _as_it_is(row: Row, wide: Row, size: Width, power: float) -> Scheme | None:
    """A scheme of no single law, when it already scales as it should."""
    assert row.expected is not None
    assert wide.expected is not None
    before, after = math.sqrt(row.expected.second_moment), math.sqrt(wide.expected.second_moment)
    wanted = before * size.in_ratio**-power
    if math.isclose(after, wanted, rel_tol=1e-9):
        return row.scheme
    raise RuleError(
        f"mup: {row.scheme!r} gives {row.name!r}, an {size.role} weight, scale {before:.4g} at the base and "
        f"{after:.4g} in delta, where muP has {wanted:.4g}. Give it a scheme of "
        "independent elements, such as init.kaiming_normal()"
    )


def _scheme_of(law: rng.Law) -> Scheme:
    if isinstance(law, rng.Normal):
        return init.normal(mean=law.mean, std=law.std)
    if isinstance(law, rng.TruncatedNormal):
        bounds = ((law.low - law.mean) / law.std, (law.high - law.mean) / law.std)
        return init.trunc_normal(mean=law.mean, std=law.std, bounds=bounds)
    assert isinstance(law, rng.Uniform)
    return init.constant(law.low) if law.low == law.high else init.uniform(law.low, law.high)


def _grouped(found: Mapping[str, Mapping[str, Scheme | None]]) -> tuple[Rule, ...]:
    """One rule for modules whose parameters get the same."""
    groups: dict[tuple[tuple[str, Scheme | None], ...], list[str]] = {}
    for module, schemes in found.items():
        groups.setdefault(tuple(schemes.items()), []).append(module)
    rules = []
    for schemes, modules in groups.items():
        name = modules[0] or "the model" if len(modules) == 1 else f"{modules[0]} and {len(modules) - 1} more"
        choices = {key: keep if scheme is None else scheme for key, scheme in schemes}
        set_too = any(scheme is not None for _, scheme in schemes)
        rules.append(rule(re.compile("|".join(map(re.escape, modules))), name=name, frozen=set_too, **choices))
    return tuple(rules)
