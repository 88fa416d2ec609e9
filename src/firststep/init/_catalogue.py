"""Every scheme by name, and schemes read from plain data."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..errors import RuleError, did_you_mean
from . import (
    _by_index,
    _by_part,
    _elementary,
    _gates,
    _icnr,
    _identity,
    _log_of_uniform,
    _orthogonal,
    _orthogonal_rms,
    _positions,
    _sampling,
    _scaled,
    _scaling,
    _signal,
    _sparse,
    _spectral,
    _torch_default,
    _transformed,
)
from ._scheme import Scheme

Factory = Callable[..., Scheme]

_FACTORIES: tuple[Factory, ...] = (
    _elementary.constant,
    _elementary.zeros,
    _elementary.ones,
    _elementary.uniform,
    _elementary.uniform_jax,
    _elementary.uniform_keras,
    _elementary.normal,
    _elementary.normal_jax,
    _elementary.normal_keras,
    _elementary.trunc_normal,
    _elementary.trunc_normal_torch,
    _elementary.trunc_normal_tf,
    _elementary.trunc_normal_jax,
    _elementary.depth_scaled_normal,
    _elementary.prior_bias,
    _elementary.head_bias,
    _transformed.log_uniform,
    _transformed.inverse_softplus,
    _log_of_uniform.log_of_uniform,
    _by_index.by_index,
    _scaling.variance_scaling,
    _scaling.xavier_uniform,
    _scaling.xavier_normal,
    _scaling.kaiming_uniform,
    _scaling.kaiming_normal,
    _scaling.lecun_uniform,
    _scaling.lecun_normal,
    _scaling.glorot_normal_jax,
    _scaling.he_normal_jax,
    _scaling.caffe2_xavier,
    _scaling.caffe2_msra,
    _scaling.goog_uniform,
    _scaling.goog_routing_uniform,
    _scaling.uniform_unit_scaling,
    _scaling.small_init,
    _scaling.wang,
    _scaling.mitchell_in,
    _scaling.mitchell_out,
    _scaled.scaled,
    _by_part.by_part,
    _signal.variance_preserving,
    _signal.looks_linear,
    _torch_default.torch_default,
    _torch_default.torch_default_rnn,
    _gates.gate_bias,
    _gates.chrono_bias,
    _orthogonal.orthogonal,
    _orthogonal.block_orthogonal,
    _orthogonal.svd_orthonormal,
    _orthogonal.glorot_orthogonal,
    _orthogonal.delta_orthogonal,
    _orthogonal_rms.orthogonal_rms,
    _identity.identity,
    _identity.eye,
    _identity.dirac,
    _icnr.icnr,
    _sparse.sparse,
    _positions.sinusoids,
    _positions.interleaved_sinusoids,
    _positions.sincos_2d,
    _sampling.sampling_offsets,
    _spectral.stft,
    _spectral.s4d_real,
)

_OTHER_NAMES: dict[str, Factory] = {
    "glorot_uniform": _scaling.glorot_uniform,
    "glorot_normal": _scaling.glorot_normal,
    "glorot_normal_keras": _scaling.glorot_normal_keras,
    "he_uniform": _scaling.he_uniform,
    "he_normal": _scaling.he_normal,
    "he_normal_keras": _scaling.he_normal_keras,
    "lecun_normal_jax": _scaling.lecun_normal_jax,
    "lecun_normal_keras": _scaling.lecun_normal_keras,
}

SCHEMES: Mapping[str, Factory] = {factory.__name__: factory for factory in _FACTORIES} | _OTHER_NAMES
"""The factories by name. A new one is added to the table above."""


def from_dict(data: Mapping[str, Any]) -> Scheme:
    """The scheme that :meth:`Scheme.to_dict` wrote.

    Args:
        data: ``{"scheme": name, **options}``, with ``"layout"`` where the scheme has one. An option that is a mapping
            stands for a scheme. No code is run but the factory's own.

    Raises:
        RuleError: for a name or an option that is not known, or an option that is missing.
        SchemeError: for an option's impossible value.

    >>> from_dict({"scheme": "normal", "std": 0.02})
    normal(std=0.02)
    """
    if not isinstance(data, Mapping) or not isinstance(data.get("scheme"), str):
        raise RuleError(
            f"{data!r}: expected the name of a scheme under 'scheme' and its options beside it, "
            "such as {'scheme': 'normal', 'std': 0.02}"
        )
    name, layout = data["scheme"], data.get("layout")
    if name not in SCHEMES:
        raise RuleError(f"there is no scheme {name!r}.{did_you_mean(name, SCHEMES)} Expected a name in init.SCHEMES")
    options = {key: value for key, value in data.items() if key not in ("scheme", "layout")}
    _check_options(f"the scheme {name!r}", options, SCHEMES[name])
    read = {key: _value(value) for key, value in options.items()}
    try:
        scheme = SCHEMES[name](**read)
    except (TypeError, OverflowError) as error:  # what no check expects: None for a pair, a gain of 1e300
        raise RuleError(f"the scheme {name!r} cannot be made of {options}: {error}") from error
    if layout is None:
        return scheme
    if not isinstance(layout, Mapping):
        raise RuleError(f"'layout': {layout!r}: expected options such as {{'axes': 'in out'}}")
    _check_options(f"the layout of {name!r}", layout, scheme.layout)
    return scheme.layout(**layout)


def _value(value: Any) -> Any:
    """An option as the factory takes it: a mapping stands for a scheme."""
    return from_dict(value) if isinstance(value, Mapping) else value


def _check_options(what: str, given: Iterable[str], function: Callable[..., Any]) -> None:
    parameters = inspect.signature(function).parameters
    takes = f"It takes {', '.join(parameters)}" if parameters else "It takes none"
    for option in given:
        if option not in parameters:
            raise RuleError(f"{what} has no option {option!r}.{did_you_mean(str(option), parameters)} {takes}")
    for option, parameter in parameters.items():
        if parameter.default is parameter.empty and option not in given:
            raise RuleError(f"{what} needs the option {option!r}. {takes}")
