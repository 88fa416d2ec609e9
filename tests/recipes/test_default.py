"""The default recipe: signals that keep their strength, and each layer's values."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import firststep as fs

ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh}


def plain(kind: str, activation: str, width: int, depth: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    size = 3 if kind == "conv" else 64
    for _ in range(depth):
        layers += [nn.Conv2d(size, width, 3, padding=1) if kind == "conv" else nn.Linear(size, width)]
        layers += [ACTIVATIONS[activation]()]
        size = width
    return nn.Sequential(*layers)


def stds(model: nn.Sequential, x: Tensor) -> list[float]:
    found = []
    with torch.no_grad():
        for module in model:
            x = module(x)
            found.append(x.std().item())
    return found


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("kind", "width"), [("linear", 64), ("linear", 512), ("conv", 16), ("conv", 64)])
@pytest.mark.parametrize("seed", range(3))
def test_thirty_plain_layers_keep_their_signal(kind: str, width: int, activation: str, seed: int) -> None:
    """Outputs of layers and of activations alike, on N(0, 1) inputs; images of 8 by 8 with zero padding."""
    model = plain(kind, activation, width, depth=30)
    fs.initialize(model, seed=seed)
    shape = (64, 3, 8, 8) if kind == "conv" else (64, 64)
    found = stds(model, torch.randn(shape, generator=torch.Generator().manual_seed(seed)))
    assert 0.5 <= min(found)
    assert max(found) <= 2


@pytest.mark.parametrize("activation", ["relu", "gelu", "silu"])
def test_gradients_keep_their_strength_too(activation: str) -> None:
    """In 30 layers of 128, the norm of the gradient reaching the input, over that leaving the output, stays near 1.

    torch's default loses a factor of about 1e7 there.
    """
    model = plain("linear", activation, 128, depth=30)
    fs.initialize(model, seed=0)
    x = torch.randn(64, 64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    direction = torch.randn(64, 128, generator=torch.Generator().manual_seed(1))
    (model(x) * direction).sum().backward()
    assert x.grad is not None
    assert 0.5 < (x.grad.norm() / direction.norm()).item() < 2


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50, 64)
        self.head = nn.Linear(64, 50, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.embedding(x))


def test_a_tied_embedding_is_scaled_as_a_head() -> None:
    row = fs.plan(Tied()).rows[0]
    assert row.names == ("embedding.weight", "head.weight")
    assert row.expected is not None
    assert row.expected.std == pytest.approx(1 / 8)


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (nn.Linear(100, 7), {"weight": 0.1, "bias": 0}),
        (nn.Bilinear(10, 10, 3), {"weight": 0.1, "bias": 0}),
        (nn.Conv2d(8, 16, 5, groups=2), {"weight": 0.1, "bias": 0}),
        (nn.ConvTranspose2d(16, 8, 4, stride=2), {"weight": 1 / math.sqrt(16 * 16 / 4), "bias": 0}),
        (nn.Embedding(7, 3), {"weight": 1}),
        (nn.EmbeddingBag(7, 3), {"weight": 1}),
        (nn.LayerNorm(5), {"weight": 0, "bias": 0}),
        (nn.BatchNorm2d(5), {"weight": 0, "bias": 0}),
        (nn.GroupNorm(1, 5), {"weight": 0, "bias": 0}),
        (nn.PReLU(), {"weight": 0}),
        (nn.RNN(100, 64), {"weight_ih_l0": 0.1, "weight_hh_l0": 1 / 8, "bias_ih_l0": 0, "bias_hh_l0": 0}),
        (nn.GRUCell(100, 64), {"weight_ih": 0.1, "weight_hh": 1 / 8, "bias_ih": 0, "bias_hh": 0}),
    ],
)
def test_standard_deviations_by_layer(module: nn.Module, expected: dict[str, float]) -> None:
    rows = {row.name: row for row in fs.plan(module).rows}
    found = {name: row.expected.std if row.expected else None for name, row in rows.items()}
    assert found == pytest.approx(expected, abs=1e-9)
    assert fs.initialize(module, seed=0).ok


def test_an_open_forget_gate() -> None:
    lstm = nn.LSTM(4, 3, proj_size=2)
    fs.initialize(lstm, seed=0)
    sums = lstm.bias_ih_l0 + lstm.bias_hh_l0
    assert sums.tolist() == [0] * 3 + [1] * 3 + [0] * 6
    for block in lstm.weight_hh_l0.detach().view(4, 3, 2):
        torch.testing.assert_close(block.T @ block, torch.eye(2), atol=1e-6, rtol=0)


def test_attention_projects_each_of_q_k_v_by_its_own_fans() -> None:
    attention = nn.MultiheadAttention(64, 4, add_bias_kv=True)
    row = fs.plan(attention).rows[0]
    assert row.name == "in_proj_weight"
    assert row.expected is not None
    assert row.expected.std == pytest.approx(1 / 8)
    assert fs.initialize(attention, seed=0).ok


def test_norms_are_known_by_name() -> None:
    class MyRMSNorm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(4))

    norm = MyRMSNorm()
    fs.initialize(norm, seed=0)
    assert norm.weight.tolist() == [1] * 4


def test_short_chains_and_normalised_ones_start_at_random() -> None:
    schemes = {row.name: repr(row.scheme) for row in fs.plan(plain("linear", "relu", 8, depth=3)).rows}
    assert schemes["0.weight"] == "variance_preserving()"
    deep = {row.name: repr(row.scheme) for row in fs.plan(plain("linear", "relu", 8, depth=30)).rows}
    assert deep["0.weight"] == deep["58.weight"] == "looks_linear()"


def test_it_can_be_saved_and_read_back(tmp_path: Path) -> None:
    recipe = fs.recipes.get("default")
    fs.save_rules(recipe.rules, tmp_path / "default.yaml")

    assert tuple(fs.load_rules(tmp_path / "default.yaml")) == recipe.rules


def test_a_tied_embeddings_padding_row_stays_zero_though_the_head_wins_it() -> None:
    model = Tied()
    model.embedding.padding_idx = 3
    report = fs.initialize(model, seed=0)

    assert report.ok
    assert report.rows[0].row.layer == "Linear"
    assert not model.head.weight[3].any()
    assert model.head.weight[:3].all()


def test_a_chain_through_convolutions_flatten_and_linear_layers_is_linear() -> None:
    """Sums and multiples of images give sums and multiples of logits; nothing random about it."""
    model = nn.Sequential(
        nn.Conv2d(2, 8, 3, padding=1), nn.SiLU(), nn.Conv2d(8, 8, 3, stride=2, padding=1), nn.SiLU(),
        nn.Conv2d(8, 4, 3, padding=1), nn.SiLU(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(16, 12), nn.SiLU(), nn.Dropout(0.0), nn.Linear(12, 12), nn.SiLU(), nn.Linear(12, 5),
    ).double()  # fmt: skip
    fs.initialize(model, seed=0)
    x, y = torch.randn(2, 3, 2, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    torch.testing.assert_close(model(2 * x - 3 * y), 2 * model(x) - 3 * model(y), rtol=1e-9, atol=1e-12)
    assert model(x).abs().max() > 0.1


def test_ends_of_residual_branches_are_divided_by_the_root_of_their_number() -> None:
    layer = nn.TransformerEncoderLayer(64, 4, 256, batch_first=True)
    model = nn.TransformerEncoder(layer, 6, enable_nested_tensor=False)
    stds = {row.name: row.expected.std for row in fs.plan(model).rows if row.expected is not None}
    assert stds["layers.3.linear2.weight"] == pytest.approx(1 / math.sqrt(256 * 12))
    assert stds["layers.3.self_attn.out_proj.weight"] == pytest.approx(1 / math.sqrt(64 * 12))
    assert stds["layers.3.linear1.weight"] == 0.125


def test_a_layer_whose_role_cannot_be_told_is_scaled_as_any_other() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.alpha, self.beta = nn.LayerNorm(16), nn.Linear(16, 16), nn.Linear(16, 16)

    stds = {row.name: row.expected.std for row in fs.plan(nn.Sequential(Odd(), Odd())).rows if row.expected is not None}
    assert stds["1.beta.weight"] == 0.25
