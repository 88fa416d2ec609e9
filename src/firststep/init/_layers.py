"""What torch's layers know about their parameters: fans, packed blocks, gates, rows held at zero."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from dataclasses import replace

from torch import nn
from torch.nn.utils import parametrize

from ._gates import GRU_GATES, LSTM_GATES
from ._layout import fans
from ._site import Fans, Part, Role, Site, tensor_fans

_remembered = functools.lru_cache(maxsize=1024)
"""Like layers share their sites."""

Shape = tuple[int, ...]
Reader = Callable[[nn.Module, str, Shape], Site | None]
"""Reads one parameter of a layer: (module, local name, shape) -> its site, ``None`` when the layer does not know it."""


def site_of(module: nn.Module, local_name: str, *, name: str = "", shape: Shape | None = None) -> Site:
    """The site of ``module``'s own parameter ``local_name``.

    Every layer of ``torch.nn`` is known, and a subclass is read as its base; so is the ``Conv1D`` of transformers, a
    Linear that is stored as (in, out). Any other parameter is read by its shape, as torch does; :meth:`Scheme.layout`
    says otherwise. A ``bias`` beside a ``weight`` of as many rows has the fans of that weight, as in nn.Linear.

        Linear, Conv, ConvTranspose    fans of the layer, with groups and stride; the bias has them too
        Bilinear                       fan_in = in1 * in2, fan_out = out * in2, the fan_out of its first input
        CondConv2d of timm             fans of the kernel that each row holds
        Embedding, EmbeddingBag        fan_in = dim, fan_out = num_embeddings, as in an output layer tied to it
        MultiheadAttention             q, k and v are parts with fans of their own
        RNN, LSTM, GRU and cells       each gate is a part; ``bias_hh`` is a second bias
        norms, PReLU                   no fans

    Args:
        module: the layer; it is not changed.
        local_name: the parameter's name in it, a parametrized one by its plain name (``"weight"``).
        name: canonical name, for messages.
        shape: the global shape, if it is already known.

    Returns:
        :class:`Site`.

    Raises:
        AttributeError: when the module has no such parameter.

    >>> site_of(nn.Conv2d(8, 8, 3, groups=8), "weight").parts
    (Part(size=8, fans=Fans(fan_in=9, fan_out=9), label=''),)
    >>> [part.label for part in site_of(nn.GRU(3, 5), "bias_hh_l0").parts]
    ['reset', 'update', 'new']
    """
    shape = _shape(module, local_name) if shape is None else tuple(shape)
    for reader in _readers(type(module)):
        site = reader(module, local_name, shape)
        if site is not None:
            return site.named(name) if name else site
    site = _beside(module, local_name, shape) or Site.of_shape(shape)
    return site.named(name)


def _beside(module: nn.Module, local_name: str, shape: Shape) -> Site | None:
    """The bias of a layer of one's own, read by the weight beside it."""
    weight = module._parameters.get("weight")
    if local_name != "bias" or len(shape) != 1 or weight is None or weight.dim() < 2 or weight.shape[0] != shape[0]:
        return None
    return _layer(shape, tuple(weight.shape))


def _shape(module: nn.Module, local_name: str) -> Shape:
    if local_name not in module._parameters and parametrize.is_parametrized(module, local_name):
        # A parametrization may update its buffers when it is evaluated, spectral_norm's does: so a copy is.
        parametrizations: nn.ModuleDict = module.parametrizations  # pyright: ignore[reportAssignmentType]
        return tuple(copy.deepcopy(parametrizations[local_name])().shape)
    return tuple(getattr(module, local_name).shape)


@_remembered
def _layer(
    shape: Shape,
    weight: Shape | None = None,
    axes: str = "out in *",
    groups: int = 1,
    stride: int | tuple[int, ...] = 1,
) -> Site:
    """A layer's weight; or its bias, which has the fans of a ``weight`` of that shape."""
    source = shape if weight is None else tuple(map(int, weight))  # a layer may have been given numpy's integers
    layer = fans(source, axes, groups=groups, stride=stride)
    return _simple(shape, layer, "weight" if weight is None else "bias", source, groups)


def _simple(
    shape: Shape, layer: Fans | None, role: Role = "weight", weight: Shape | None = None, groups: int = 1
) -> Site:
    """A site of one part; ``weight`` is the shape of the layer's weight when that is another parameter."""
    by_shape = tensor_fans(shape if weight is None else weight)
    torch_fan = None if by_shape is None else by_shape.fan_in
    return Site(shape, (Part(shape[0], layer),), tensor_fans=by_shape, torch_fan=torch_fan, groups=groups, role=role)


def _linear(module: nn.Module, local_name: str, shape: Shape) -> Site | None:
    assert isinstance(module, nn.Linear)
    if local_name == "weight" and len(shape) == 2:
        return _layer(shape)
    return _layer(shape, (module.out_features, module.in_features)) if local_name == "bias" else None


def _bilinear(module: nn.Module, local_name: str, shape: Shape) -> Site | None:
    assert isinstance(module, nn.Bilinear)
    weight = (module.out_features, module.in1_features, module.in2_features)
    if local_name not in ("weight", "bias"):
        return None
    return _two_inputs(shape, weight, "weight" if local_name == "weight" else "bias")


@_remembered
def _two_inputs(shape: Shape, weight: Shape, role: Role) -> Site:
    return replace(_simple(shape, fans(weight), role, weight), torch_fan=weight[1])


def _conv(module: nn.Module, local_name: str, shape: Shape) -> Site | None:
    assert isinstance(module, nn.modules.conv._ConvNd)
    if local_name not in ("weight", "bias"):
        return None
    groups, kernel = module.groups, tuple(module.kernel_size)
    if module.transposed:
        weight, axes = (module.in_channels, module.out_channels // groups, *kernel), "in out *"
        stride: int | tuple[int, ...] = tuple(module.stride)
    else:
        weight, axes, stride = (module.out_channels, module.in_channels // groups, *kernel), "out in *", 1
    if local_name == "bias":
        return _layer(shape, weight, axes, groups, stride)
    return _layer(shape, None, axes, groups, stride) if len(shape) == len(weight) else None


def _embedding(module: nn.Module, local_name: str, shape: Shape) -> Site | None:
    assert isinstance(module, (nn.Embedding, nn.EmbeddingBag))
    return _table(shape, module.padding_idx) if local_name == "weight" and len(shape) == 2 else None


@_remembered
def _table(shape: Shape, padding: int | None) -> Site:
    return replace(_layer(shape), zero_rows=() if padding is None else (padding % max(shape[0], 1),))


def _no_fans(module: nn.Module, local_name: str, shape: Shape) -> Site | None:
    return _bare(shape, "bias" if local_name == "bias" else "weight")


@_remembered
def _bare(shape: Shape, role: Role) -> Site:
    return Site(shape, (Part(shape[0]),), role=role)


def _attention(module: nn.Module, local_name: str, shape: Shape) -> Site | None:
    assert isinstance(module, nn.MultiheadAttention)
    width = module.embed_dim
    if local_name == "in_proj_weight":
        return _q_k_v(shape, "weight", None, width, width, width)
    if local_name == "in_proj_bias":
        return _q_k_v(shape, "bias", (3 * width, width), width, module.kdim, module.vdim)
    return _layer(shape) if local_name in ("q_proj_weight", "k_proj_weight", "v_proj_weight") else None


@_remembered
def _q_k_v(shape: Shape, role: Role, weight: Shape | None, width: int, kdim: int, vdim: int) -> Site:
    inputs = {"q": width, "k": kdim, "v": vdim}
    parts = tuple(Part(width, Fans(size, width), label) for label, size in inputs.items())
    return replace(_simple(shape, None, role, weight), parts=parts)


def _recurrent(module: nn.Module, local_name: str, shape: Shape) -> Site | None:
    assert isinstance(module, (nn.RNNBase, nn.RNNCellBase))
    kind, _, source = local_name.partition("_")
    if kind not in ("weight", "bias") or source[:2] not in ("ih", "hh", "hr"):
        return None
    gates = ("",) if source[:2] == "hr" else _gates(module)
    if kind == "weight":
        return _gated(shape, "weight", shape[1], module.hidden_size, gates)
    role = "bias" if source[:2] == "ih" else "second_bias"
    return _gated(shape, role, _width(module, local_name), module.hidden_size, gates)


@_remembered
def _gated(shape: Shape, role: Role, inputs: int, hidden: int, gates: tuple[str, ...]) -> Site:
    site = _simple(shape, None, role, None if role == "weight" else (shape[0], inputs))
    size = shape[0] // len(gates)
    return replace(site, parts=tuple(Part(size, Fans(inputs, size), gate) for gate in gates), torch_fan=hidden)


def _gates(module: nn.Module) -> tuple[str, ...]:
    if isinstance(module, (nn.LSTM, nn.LSTMCell)):
        return LSTM_GATES
    return GRU_GATES if isinstance(module, (nn.GRU, nn.GRUCell)) else ("",)


def _width(module: nn.RNNBase | nn.RNNCellBase, bias: str) -> int:
    """Inputs of the weight that ``bias`` belongs to: ``weight_ih_l1_reverse`` for ``bias_ih_l1_reverse``."""
    weight = getattr(module, bias.replace("bias", "weight", 1))
    return weight.shape[1]


def _conv1d_of_transformers(module: nn.Module, local_name: str, shape: Shape) -> Site | None:
    """``x @ weight + bias``, weight (in, out)."""
    weight = module._parameters.get("weight")
    if weight is None or weight.dim() != 2:
        return None
    if local_name == "weight":
        return _transposed(shape)
    return _layer(shape, tuple(weight.shape), "in out") if local_name == "bias" else None


def _conditional_convolution(module: nn.Module, local_name: str, shape: Shape) -> Site | None:
    """timm's experts, each row a kernel: weight (experts, out * in / groups * kernel), bias (experts, out)."""
    kernel, groups = getattr(module, "weight_shape", None), getattr(module, "groups", None)
    if not isinstance(kernel, tuple) or not isinstance(groups, int) or local_name not in ("weight", "bias"):
        return None
    return _experts(shape, "weight" if local_name == "weight" else "bias", kernel, groups)


@_remembered
def _experts(shape: Shape, role: Role, kernel: Shape, groups: int) -> Site:
    return _simple(shape, fans(kernel, groups=groups), role, kernel, groups)


@_remembered
def _transposed(shape: Shape) -> Site:
    return replace(_simple(shape, None), parts=(Part(shape[1], fans(shape, "in out")),), axis=1)


_READERS: dict[type, Reader] = {
    nn.Linear: _linear,
    nn.Bilinear: _bilinear,
    **dict.fromkeys((nn.Conv1d, nn.Conv2d, nn.Conv3d), _conv),
    **dict.fromkeys((nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d), _conv),
    **dict.fromkeys((nn.Embedding, nn.EmbeddingBag), _embedding),
    nn.MultiheadAttention: _attention,
    **dict.fromkeys((nn.RNNBase, nn.RNNCellBase), _recurrent),
    **dict.fromkeys((nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm), _no_fans),
    **dict.fromkeys((nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d), _no_fans),
    **dict.fromkeys((nn.GroupNorm, nn.LayerNorm, nn.RMSNorm, nn.PReLU), _no_fans),
}

_FOREIGN: dict[str, Reader] = {"Conv1D": _conv1d_of_transformers, "CondConv2d": _conditional_convolution}
"""Layers of other libraries, by class name, so that those need not be installed."""


@functools.lru_cache(maxsize=256)
def _readers(kind: type) -> tuple[Reader, ...]:
    """What may know a layer's parameters, the most special first."""
    found = (_READERS.get(base) or _FOREIGN.get(base.__name__) for base in kind.__mro__)
    return tuple(reader for reader in found if reader is not None)
