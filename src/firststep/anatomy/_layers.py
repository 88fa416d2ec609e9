"""What kind of layer a module is, by its type."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

CONVOLUTION = nn.modules.conv._ConvNd
EMBEDDING = (nn.Embedding, nn.EmbeddingBag)


def is_norm(module: nn.Module) -> bool:
    """Whether a type, or a base of it, is called a norm: ``LayerNorm``, ``LlamaRMSNorm``, ``BatchNorm2d`` ..."""
    if not any("Norm" in kind.__name__ for kind in type(module).__mro__):
        return False
    return not any(True for child in module.children() for _ in child.parameters())  # a norm with its activation is one


def is_linear(module: nn.Module) -> bool:
    """Whether a module is a matrix product: ``nn.Linear`` or the ``Conv1D`` of transformers."""
    return isinstance(module, nn.Linear) or _is_conv1d(module)


def is_pointwise(module: nn.Module) -> bool:
    """Whether a module is a convolution that looks at one point at a time, a matrix product at each."""
    return isinstance(module, CONVOLUTION) and max(module.kernel_size) == 1


def weighs(module: nn.Module) -> bool:
    """Whether a module is a layer with a weight matrix or kernel of its own, embeddings left out."""
    return is_linear(module) or isinstance(module, (CONVOLUTION, nn.Bilinear, nn.MultiheadAttention, nn.RNNBase))


def first_layer(modules: Mapping[str, nn.Module]) -> str | None:
    """The name of the first layer that :func:`weighs`."""
    return next((name for name, module in modules.items() if weighs(module)), None)


def widths(module: nn.Module) -> tuple[int, int] | None:
    """Inputs and outputs of a linear layer or a convolution."""
    if isinstance(module, nn.Linear):
        return module.in_features, module.out_features
    if isinstance(module, CONVOLUTION):
        return module.in_channels, module.out_channels
    if _is_conv1d(module):
        rows, columns = module._parameters["weight"].shape  # pyright: ignore[reportOptionalMemberAccess]
        return int(rows), int(columns)
    return None


def _is_conv1d(module: nn.Module) -> bool:
    weight = module._parameters.get("weight")
    return type(module).__name__ == "Conv1D" and weight is not None and weight.ndim == 2
