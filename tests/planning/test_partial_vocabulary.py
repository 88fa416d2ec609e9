"""Embeddings that grow inside a model: sizes, ties, biases, padding; all or nothing."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from firststep import planning
from firststep.errors import ApplyError, PlanError
from firststep.planning import extend_embedding


class Net(nn.Module):
    def __init__(self, tie: bool = True, padding: int | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed = nn.Embedding(10, 4, padding_idx=padding)
        self.body = nn.Linear(4, 4)
        self.head = nn.Linear(4, 10)
        if tie:
            self.head.weight = self.embed.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(self.embed(x)))


def test_what_is_tied_grows_too() -> None:
    model = Net()
    old, bias = model.embed.weight.detach().clone(), model.head.bias.detach().clone()
    body = model.body.weight
    done = extend_embedding(model, "embed", 13, seed=0, spread=0.0)

    assert model.embed.weight is model.head.weight
    assert (model.embed.num_embeddings, model.head.out_features) == (13, 13)
    assert torch.equal(model.embed.weight[:10], old)
    assert torch.equal(model.head.bias[:10], bias)
    torch.testing.assert_close(model.embed.weight[10:].detach(), old.mean(0).expand(3, 4))
    torch.testing.assert_close(model.head.bias[10:].detach(), bias.mean().expand(3))
    assert model.body.weight is body
    assert model(torch.tensor([[12]])).shape == (1, 1, 13)
    assert model.embed.weight.requires_grad
    assert str(done) == ("embed.weight, head.weight, head.bias: 10 rows kept, 3 new ones at their mean, with seed 0")


def test_the_new_logit_is_the_mean_of_the_old() -> None:
    """W and b at their means: the logit is linear in both."""
    model = Net()
    x = torch.arange(10)
    before = model(x)
    extend_embedding(model, "embed", 11, seed=0, spread=0.0)
    torch.testing.assert_close(model(x)[:, 10], before.mean(1), rtol=1e-5, atol=1e-6)


def test_matched_covariance() -> None:
    """n = 4000 rows, seed fixed; mean and covariance at 5 standard errors, 14 numbers: false failure below 1e-5."""
    model = nn.Sequential(nn.Embedding(10, 4, dtype=torch.float64))
    old = model[0].weight.detach().clone()
    n = 4000
    extend_embedding(model, "0", 10 + n, seed=1, spread=1.0)
    new = model[0].weight.detach()[10:]
    covariance = torch.cov(old.T, correction=0)
    variances = covariance.diagonal()

    assert ((new.mean(0) - old.mean(0)).abs() < 5 * (variances / n).sqrt()).all()
    error = (torch.cov(new.T) - covariance).abs()
    assert (error < 5 * ((variances[:, None] * variances + covariance**2) / n).sqrt()).all()


def test_an_output_layer_that_is_not_tied_is_named_too() -> None:
    model = Net(tie=False)
    head = model.head.weight.detach().clone()
    extend_embedding(model, "embed", 12, seed=0, spread=0.0)
    assert model.head.out_features == 10
    model = Net(tie=False)
    extend_embedding(model, ["embed", "head"], 12, seed=0, spread=0.0)
    assert (model.head.out_features, tuple(model.head.bias.shape)) == (12, (12,))
    torch.testing.assert_close(model.head.weight[10:].detach(), head.mean(0).expand(2, 4))


@pytest.mark.parametrize("padding", [3, -1])
def test_the_padding_row_stays_and_does_not_count(padding: int) -> None:
    model = Net(padding=padding)
    old = model.embed.weight.detach().clone()
    row = padding % 10
    assert not old[row].any()
    extend_embedding(model, "embed", 12, seed=0, spread=0.0)

    assert torch.equal(model.embed.weight[:10], old)
    assert model.embed.padding_idx == row
    torch.testing.assert_close(model.embed.weight[10].detach(), old.sum(0) / 9)


def test_rows_follow_from_seed_and_name() -> None:
    one, other, third = Net(), Net(), Net()
    for model, seed in ((one, 5), (other, 5), (third, 6)):
        extend_embedding(model, "embed", 12, seed=seed, spread=1.0)
    assert torch.equal(one.embed.weight, other.embed.weight)
    assert not torch.equal(one.embed.weight, third.embed.weight)
    assert not torch.equal(one.embed.weight[10], one.embed.weight[11])


def test_without_a_seed_torchs_generator_decides() -> None:
    found = []
    for _ in range(2):
        model = Net()
        torch.manual_seed(3)
        done = extend_embedding(model, "embed", 12)
        found.append((done.seed, model.embed.weight.detach()))
    assert found[0][0] == found[1][0]
    assert torch.equal(found[0][1], found[1][1])


def test_a_bias_that_is_shared_grows_everywhere() -> None:
    """As in Hugging Face's BERT, where the decoder's bias is the prediction head's own parameter."""
    model = Net()
    model.bias = nn.Parameter(torch.zeros(10))
    model.head.bias = model.bias
    extend_embedding(model, "head", 12, seed=0)
    assert model.bias is model.head.bias
    assert tuple(model.bias.shape) == (12,)


def test_as_many_rows_as_there_are() -> None:
    model = Net()
    old = model.embed.weight.detach().clone()
    assert str(extend_embedding(model, "embed", 10, seed=0)).endswith("10 rows kept, no new ones")
    assert torch.equal(model.embed.weight, old)


@pytest.mark.parametrize(
    ("layers", "rows", "message"),
    [
        (
            "embeds",
            12,
            "extend_embedding('embeds'): no such module has a weight; expected the name of an Embedding, an "
            "EmbeddingBag or a Linear. Did you mean 'embed'?",
        ),
        ("embed", 9, "extend_embedding(rows=9): 'embed.weight' has 10 rows already"),
        ("embed", 12.0, "extend_embedding(rows=12.0): expected a whole number"),
        (
            ["embed", "body"],
            12,
            "extend_embedding: expected layers with as many rows each, given 'embed.weight' 10, 'body.weight' 4",
        ),
        ([], 12, "extend_embedding: expected layers with as many rows each, given no layer"),
        (
            "norm",
            12,
            "extend_embedding('norm'): 'norm.weight' belongs to a LayerNorm; expected the name of an Embedding, an "
            "EmbeddingBag or a Linear.",
        ),
        (
            "normed",
            12,
            "extend_embedding('normed'): its weight is computed by weight_norm; expected the name of an Embedding, an "
            "EmbeddingBag or a Linear.",
        ),
    ],
)
def test_messages(layers: str, rows: int, message: str) -> None:
    model = Net()
    model.norm = nn.LayerNorm(4)
    model.normed = nn.utils.parametrizations.weight_norm(nn.Linear(4, 4))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(PlanError) as caught:
        extend_embedding(model, layers, rows)
    assert str(caught.value) == message
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_meta_and_two_seeds() -> None:
    with torch.device("meta"):
        model = nn.Sequential(nn.Embedding(10, 4))
    with pytest.raises(ApplyError, match="on the meta device"):
        extend_embedding(model, "0", 12)
    with pytest.raises(ApplyError, match="both seed and generator were given"):
        extend_embedding(Net(), "embed", 12, 0, generator=torch.Generator())


def test_an_interrupt_puts_everything_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """At every action that is remembered: two for the weight, one for the bias, the random states before them."""
    for when in range(1, 4):
        model = Net()
        weight, bias, state = model.embed.weight, model.head.bias, torch.get_rng_state()
        undo, calls = planning.Transaction.undo, 0

        def interrupted(self: planning.Transaction, action: object, when: int = when, undo: object = undo) -> None:
            nonlocal calls
            calls += 1
            undo(self, action)  # type: ignore[operator]
            if calls == when:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(planning.Transaction, "undo", interrupted)
            with pytest.raises(KeyboardInterrupt):
                extend_embedding(model, "embed", 12)
        assert model.embed.weight is model.head.weight is weight
        assert model.head.bias is bias
        assert (model.embed.num_embeddings, model.head.out_features) == (10, 10)
        assert torch.equal(torch.get_rng_state(), state)
