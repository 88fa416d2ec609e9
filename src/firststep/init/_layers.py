"""What torch's layers know about their parameters: fans, packed blocks, gates, rows held at zero."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

from torch import nn
from torch.nn.utils import parametrize

from ._gates import GRU_GATES, LSTM_GATES
from ._layout import fans
from ._site import Fans, Part, Role, Site, tensor_fans

Shape = tuple[int, ...]
Reader = Callable[[nn.Module, str, Shape], Site | None]
"""Reads one parameter of a layer: (module, local name, shape) -> its site, ``None`` when the layer does not know it."""


def site_of(module: nn.Module, local_name: str, *, name: str = "", shape: Shape | None = None) -> Site:
    """The site of ``module``'s own parameter ``local_name``.

    Every layer of ``torch.nn`` is known, and a subclass is read as its base; so is the ``Conv1D`` of transformers, a
    Linear that is stored as (in, out). Any other parameter is read by its shape, as torch does; :meth:`Scheme.layout`
    says otherwise.

        Linear, Conv, ConvTranspose    fans of the layer, with groups and stride; the bias has them too
        Bilinear                       fan_in = in1 * in2, fan_out = out * in2, the fan_out of its first input
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
    for kind in type(module).__mro__:
        reader = _READERS.get(kind) or _FOREIGN.get(kind.__name__)
        site = None if reader is None else reader(module, local_name, shape)
        if site is not None:
            return replace(site, name=name)
    return Site.of_shape(shape, name)


def _shape(module: nn.Module, local_name: str) -> Shape:
    if local_name not in module._parameters and parametrize.is_parametrized(module, local_name):
        # A parametrization may update its buffers when it is evaluated, spectral_norm's does: so a copy is.
        parametrizations: nn.ModuleDict = module.parametrizations  # pyright: ignore[reportAssignmentType]
        return tuple(copy.deepcopy(parametrizations[local_name])().shape)
    return tuple(getattr(module, local_name).shape)


def _simple(shape: Shape, layer: Fans | None, role: Role = "weight", weight: Shape | None = None) -> Site:
    """A site of one part; ``weight`` is the shape of the layer's weight when that is another parameter."""
    by_shape = tensor_fans(shape if weight is None else weight)
    torch_fan = None if by_shape is None else by_shape.fan_in
    return Site(shape, (Part(shape[0], layer),), tensor_fans=by_shape, torch_fan=torch_fan, role=role)


def _linear(module: nn.Module, local_name: str, shape: Shape) -> Site | None:
    assert isinstance(module, nn.Linear)
    weight = (module.out_features, module.in_features)
    if local_name == "weight" and len(shape) == 2:
        return _simple(shape, fans(shape))
    return _simple(shape, fans(weight), "bias", weight) if local_name == "bias" else None


def _bilinear(module: nn.Module, local_name: str, shape: Shape) -> Site | None:
    assert isinstance(module, nn.Bilinear)
    weight = (module.out_features, module.in1_features, module.in2_features)
    if local_name not in ("weight", "bias"):
        return None
    site = _simple(shape, fans(weight), "weight" if local_name == "weight" else "bias", weight)
    return replace(site, torch_fan=module.in1_features)


def _conv(module: nn.Module, local_name: str, shape: Shape) -> Site | None:
    assert isinstance(module, nn.modules.conv._ConvNd)
    out_first = (module.out_channels, module.in_channels // module.groups, *module.kernel_size)
    in_first = (module.in_channels, module.out_channels // module.groups, *module.kernel_size)
    weight, axes, stride = (in_first, "in out *", module.stride) if module.transposed else (out_first, "out in *", 1)
    if local_name not in ("weight", "bias") or (local_name == "weight" and len(shape) != len(weight)):
        return None
    is_weight = local_name == "weight"
    layer = fans(shape if is_weight else weight, axes, groups=module.groups, stride=stride)
    site = _simple(shape, layer, "weight" if is_weight else "bias", None if is_weight else weight)
    return replace(site, groups=module.groups)


def _embedding(module: nn.Module, local_name: str, shape: Shape) -> Site | None:
    assert isinstance(module, (nn.Embedding, nn.EmbeddingBag))
    if local_name != "weight" or len(shape) != 2:
        return None
    padding = module.padding_idx
    return replace(_simple(shape, fans(shape)), zero_rows=() if padding is None else (padding % max(shape[0], 1),))


def _no_fans(module: nn.Module, local_name: str, shape: Shape) -> Site | None:
    return Site(shape, (Part(shape[0]),), role="bias" if local_name == "bias" else "weight")


def _attention(module: nn.Module, local_name: str, shape: Shape) -> Site | None:
    assert isinstance(module, nn.MultiheadAttention)
    width = module.embed_dim
    if local_name == "in_proj_weight":
        q_k_v = tuple(Part(width, Fans(width, width), label) for label in ("q", "k", "v"))
        return replace(_simple(shape, None), parts=q_k_v)
    if local_name == "in_proj_bias":
        sizes = {"q": width, "k": module.kdim, "v": module.vdim}
        q_k_v = tuple(Part(width, Fans(size, width), label) for label, size in sizes.items())
        return replace(_simple(shape, None, "bias", (3 * width, width)), parts=q_k_v)
    if local_name in ("q_proj_weight", "k_proj_weight", "v_proj_weight"):
        return _simple(shape, fans(shape))
    return None


def _recurrent(module: nn.Module, local_name: str, shape: Shape) -> Site | None:
    assert isinstance(module, (nn.RNNBase, nn.RNNCellBase))
    hidden = module.hidden_size
    kind, _, source = local_name.partition("_")
    if kind not in ("weight", "bias") or source[:2] not in ("ih", "hh", "hr"):
        return None
    gates = ("",) if source[:2] == "hr" else _gates(module)
    size = shape[0] // len(gates)
    if kind == "weight":
        site = _simple(shape, None)
        layer = Fans(shape[1], size)
    else:
        inputs = _width(module, local_name)
        site = _simple(shape, None, "bias" if source[:2] == "ih" else "second_bias", (shape[0], inputs))
        layer = Fans(inputs, size)
    return replace(site, parts=tuple(Part(size, layer, gate) for gate in gates), torch_fan=hidden)


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
    layer = fans(weight.shape, "in out")
    if local_name == "weight":
        return replace(_simple(shape, None), parts=(Part(shape[1], layer),), axis=1)
    return _simple(shape, layer, "bias", tuple(weight.shape)) if local_name == "bias" else None


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

_FOREIGN: dict[str, Reader] = {"Conv1D": _conv1d_of_transformers}
"""Layers of other libraries, by class name, so that those need not be installed."""
