"""The initialization chapter of a PyTorch tutorial, step by step, in firststep's terms.

The chapter tells layers apart with ``isinstance``, looks at their weights, applies functions of ``torch.nn.init``,
wraps that in an ``initialize_weights(model)``, and prints a small model's parameters before and after. Here each step
stands beside what replaces it.

    python examples/tutorial.py
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

import firststep as fs
from firststep import init


class MLP(nn.Module):
    """The chapter's example: a convolution, a ReLU, a linear layer on rows of ten."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Conv2d(1, 1, 3)
        self.act = nn.ReLU()
        self.output = nn.Linear(10, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Images ``[batch, 1, h, 12]`` to ``[batch, 1, h - 2, 1]``."""
        return self.output(self.act(self.hidden(x)))


def rules(linear: init.Scheme) -> list[fs.Rule]:
    """The chapter's ``initialize_weights``: one rule for each branch of its if/elif, the first that matches wins.

    The chapter asks whether a layer has a bias. A rule need not: it says what a bias gets, where there is one. The
    chapter's third branch, for BatchNorm2d, is left out: this model has none, and a rule for nothing is an error.
    """
    return [
        fs.rule(nn.Conv2d, weight=init.xavier_normal(), bias=init.constant(0.3)),
        fs.rule(nn.Linear, weight=linear, bias=init.zeros()),
    ]


AS_WRITTEN = init.normal(mean=0.1)
"""What the chapter's ``normal_(m.weight.data, 0.1)`` does: the second argument is the mean. The std stays 1."""

AS_MEANT = init.normal(std=0.1)
"""What it was probably meant to do."""


def one_layer() -> tuple[Tensor, Tensor]:
    """Sections 1 to 3: tell the type, look at the weights, fill them in place. Returns the two filled weights."""
    conv, linear = nn.Conv2d(1, 3, 3), nn.Linear(10, 1)
    print("conv is a Conv2d:", isinstance(conv, nn.Conv2d))
    print("linear is a Conv2d:", isinstance(linear, nn.Conv2d))
    print("conv.weight as made:", conv.weight, sep="\n")
    print("linear.weight as made:", linear.weight, sep="\n")

    # The same calls as torch.nn.init's. No .data is needed: they do not record a gradient.
    init.kaiming_normal_(conv.weight)
    init.constant_(linear.weight, 0.3)
    print("conv.weight after kaiming_normal_:", conv.weight, sep="\n")
    print("linear.weight after constant_:", linear.weight, sep="\n")
    return conv.weight, linear.weight


def whole_model(linear: init.Scheme) -> MLP:
    """Sections 4 and 5: a whole model; its parameters and its plan before, its report and its parameters after."""
    torch.manual_seed(0)
    model = MLP()
    plan = fs.plan(model, rules(linear))
    print(plan, "", "before:", list(model.parameters()), "", sep="\n")
    report = plan.apply(seed=0)
    print(report, "", "after:", list(model.parameters()), sep="\n")
    return model


def main() -> None:
    """Every step, printed."""
    torch.manual_seed(0)
    print("-- one layer --")
    one_layer()
    print("\n-- the whole model, as the chapter writes it: normal_(weight, 0.1) --")
    whole_model(AS_WRITTEN)
    print("\n-- as it was meant: std=0.1 --")
    whole_model(AS_MEANT)


if __name__ == "__main__":
    main()
