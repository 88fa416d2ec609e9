"""Loading a checkpoint: what is there is loaded, what is missing is drawn, and an error leaves all as it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file, save_model
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from firststep import init, planning
from firststep._api import load
from firststep.errors import ApplyError, CheckpointError, FirststepError
from firststep.planning import Recipe, missing_from, rule

RULES = Recipe(
    name="rules",
    source="",
    summary="",
    rules=(
        rule(nn.Linear, weight=init.kaiming_normal(), bias=init.normal(std=0.1)),
        rule(nn.BatchNorm1d, weight=init.ones(), bias=init.zeros()),
        rule(nn.Embedding, weight=init.normal()),
    ),
)


def net(classes: int = 3, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    model = nn.ModuleDict(
        {"embed": nn.Embedding(6, 4), "norm": nn.BatchNorm1d(4), "fc": nn.Linear(4, 4), "head": nn.Linear(4, classes)}
    )
    model["norm"].running_mean.normal_()
    return model


def tied(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    model = nn.ModuleDict({"embed": nn.Embedding(6, 4), "head": nn.Linear(4, 6, bias=False)})
    model["head"].weight = model["embed"].weight
    return model


def held(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def saved(state: dict[str, Tensor], path: Path) -> Path:
    if path.suffix == ".safetensors":
        save_file(state, path)
    elif path.suffix == ".json":
        names = list(state)
        files = {name: f"part-{i % 2}{'.safetensors' if i % 2 else '.bin'}" for i, name in enumerate(names)}
        for file in set(files.values()):
            saved({name: state[name] for name in names if files[name] == file}, path.parent / file)
        path.write_text(json.dumps({"metadata": {}, "weight_map": files}), encoding="utf-8")
    else:
        torch.save(state, path)
    return path


@pytest.mark.parametrize("name", ["w.safetensors", "w.pt", "w.pth", "w.bin", "w.ckpt", "w.safetensors.index.json"])
def test_a_whole_checkpoint_of_any_kind(name: str, tmp_path: Path) -> None:
    old, new = net(), net(seed=1)
    path = saved(held(old), tmp_path / name)
    done = load(new, path, RULES, 0)

    assert same(held(new), held(old))
    assert done.drawn == done.buffers == done.ignored == done.cast == ()
    assert set(done.names) == set(old.state_dict())
    assert str(done) == f"Loaded 10 tensors from {path}; no parameter was drawn"


def test_what_is_missing_is_drawn_as_by_a_whole_initialization() -> None:
    old, new, whole = net(10), net(seed=1), net(seed=2)
    planning.initialize(whole, RULES, 7)
    done = load(new, old.state_dict(), RULES, 7, ignore="head.*")

    for name, tensor in new.state_dict().items():
        source = whole if name.startswith("head") else old
        assert torch.equal(tensor, source.state_dict()[name]), name
    assert done.drawn == ("head.weight", "head.bias")
    assert done.ignored == ("head.weight", "head.bias")
    assert done.ok
    assert done.report.seed == 7


def test_loading_keeps_parameters_and_their_ties() -> None:
    model = tied()
    weight = model["embed"].weight
    load(model, tied(1).state_dict(), RULES, 0)

    assert model["embed"].weight is model["head"].weight is weight
    assert torch.equal(weight, tied(1)["embed"].weight)
    assert weight.requires_grad


@pytest.mark.parametrize("present", ["embed.weight", "head.weight"])
def test_a_tied_weight_counts_as_loaded_under_any_name(present: str) -> None:
    """Hugging Face checkpoints lack ``lm_head.weight`` where it is tied."""
    model, old = tied(), tied(1)
    done = load(model, {present: old["embed"].weight.detach()}, RULES, 0)

    assert done.drawn == ()
    assert torch.equal(model["head"].weight, old["embed"].weight)


def test_an_untied_head_that_is_lacking_is_drawn() -> None:
    model = nn.ModuleDict({"embed": nn.Embedding(6, 4), "head": nn.Linear(4, 6, bias=False)})
    assert load(model, {"embed.weight": torch.ones(6, 4)}, RULES, 0).drawn == ("head.weight",)


def test_what_safetensors_saves_of_tied_weights(tmp_path: Path) -> None:
    old, new = tied(), tied(1)
    save_model(old, str(tmp_path / "w.safetensors"))
    assert load(new, tmp_path / "w.safetensors", RULES, 0).drawn == ()
    assert same(held(new), held(old))


def test_leading_parts_are_renamed() -> None:
    old = net()
    state = {f"model.{name}": tensor for name, tensor in old.state_dict().items()}
    ways: list[Any] = [{"model.": ""}, {"model.": "", "mod": "x"}, lambda name: name.removeprefix("model.")]
    for rename in ways:
        new = net(seed=1)
        load(new, state, RULES, 0, rename=rename)
        assert same(held(new), held(old))
    bare = {name.removeprefix("norm."): tensor for name, tensor in old.state_dict().items() if name.startswith("norm.")}
    done = load(new, bare, RULES, 0, rename={"": "norm."})
    assert done.names == (
        "norm.weight",
        "norm.bias",
        "norm.running_mean",
        "norm.running_var",
        "norm.num_batches_tracked",
    )


def test_buffers_that_are_lacking_stay_and_are_told() -> None:
    model = net()
    state = {name: tensor for name, tensor in net(seed=1).state_dict().items() if "running" not in name}
    mean = model["norm"].running_mean.clone()
    done = load(model, state, RULES, 0)

    assert torch.equal(model["norm"].running_mean, mean)
    assert done.buffers == ("norm.running_mean", "norm.running_var")
    assert "not in the checkpoint, left as they are\n  norm.running_mean\n  norm.running_var" in str(done)


def test_missing_parameters_that_are_kept_are_told() -> None:
    model = net()
    model["head"].requires_grad_(False)
    done = load(
        model,
        held(net()),
        [rule("fc", weight=planning.keep, bias=planning.keep), RULES],
        0,
        ignore=["head.*", "fc.bias"],
    )

    assert done.drawn == ()
    assert (
        "not in the checkpoint, left as they are\n"
        "  fc.bias (fs.keep)\n"
        "  head.weight (frozen (requires_grad=False))\n"
        "  head.bias (frozen (requires_grad=False))" in str(done)
    )


def test_numbers_are_cast_and_it_is_told() -> None:
    old, new = net(), net(seed=1)
    state = {name: tensor.bfloat16() if tensor.is_floating_point() else tensor for name, tensor in held(old).items()}
    done = load(new, state, RULES, 0)

    assert done.cast == ((torch.bfloat16, torch.float32),)
    assert torch.equal(new["fc"].weight, old["fc"].weight.bfloat16().float())
    assert "cast\n  bfloat16 to float32" in str(done)
    assert done.to_dict()["cast"] == [["bfloat16", "float32"]]


def test_parametrized_weights_load_by_the_names_torch_gives_them() -> None:
    def make(seed: int) -> nn.Module:
        torch.manual_seed(seed)
        return nn.Sequential(
            parametrizations.weight_norm(nn.Linear(3, 2)), parametrizations.spectral_norm(nn.Linear(2, 2))
        )

    old, new = make(0), make(1)
    done = load(new, old.state_dict(), RULES, 0)
    assert done.drawn == ()
    assert same(held(new), held(old))
    assert torch.equal(new[0].weight, old[0].weight)


def test_an_older_weight_norm_shows_the_loaded_weight_at_once() -> None:
    with pytest.warns(FutureWarning):
        old, new = nn.utils.weight_norm(nn.Linear(3, 2)), nn.utils.weight_norm(nn.Linear(3, 2))
    load(new, old.state_dict(), RULES, 0)
    torch.testing.assert_close(new.weight, old.weight, rtol=1e-6, atol=0)


def test_missing_from_agrees_with_load() -> None:
    state = {name: tensor for name, tensor in net().state_dict().items() if not name.startswith("fc")}
    one, other = net(seed=1), net(seed=1)
    load(one, state, RULES, 3)
    other.load_state_dict(state, strict=False)
    planning.initialize(other, RULES, 3, only=missing_from(state))
    assert same(held(one), held(other))


MISFITS: dict[str, tuple[Callable[[], Any], dict[str, Any], str]] = {
    "shape": (
        lambda: held(net(10)),
        {},
        "2 problems:\n"
        "  1. 'head.weight' has shape (10, 4) in the checkpoint and (3, 4) in the model; "
        'ignore="head.weight" initializes the model\'s instead\n'
        "  2. 'head.bias' has shape (10,) in the checkpoint and (3,) in the model; "
        'ignore="head.bias" initializes the model\'s instead',
    ),
    "stranger": (
        lambda: {**held(net()), "fd.weight": torch.zeros(1)},
        {},
        "'fd.weight' of the checkpoint is not in the model. Did you mean 'fc.weight'? "
        'Leave it out with ignore="fd.weight"',
    ),
    "strangers": (
        lambda: {**held(net()), **{f"x.{i}.w": torch.zeros(1) for i in range(5)}},
        {},
        "'x.{0..4}.w' of the checkpoint is not in the model. Leave it out with ignore=\"x.0.w\", and so on",
    ),
    "prefix": (
        lambda: {f"module.{name}": tensor for name, tensor in held(net()).items()},
        {},
        "no name of the checkpoint is in the model, such as 'module.embed.weight'. Give rename={\"module.\": \"\"}",
    ),
    "added prefix": (
        lambda: held(net()["norm"]),
        {},
        "no name of the checkpoint is in the model, such as 'weight'. Give rename={\"\": \"norm.\"}",
    ),
    "integers": (
        lambda: {**held(net()), "fc.bias": torch.zeros(4, dtype=torch.int8)},
        {},
        "'fc.bias' is int8 in the checkpoint and float32 in the model; "
        'ignore="fc.bias" initializes the model\'s instead',
    ),
    "meta": (
        lambda: {**held(net()), "fc.bias": torch.zeros(4, device="meta")},
        {},
        "'fc.bias' is on meta, without numbers in the checkpoint and float32 in the model; "
        'ignore="fc.bias" initializes the model\'s instead',
    ),
    "ignored nothing": (
        lambda: held(net()),
        {"ignore": "haed.*"},
        "ignore='haed.*' matches no name of the checkpoint.",
    ),
    "renamed into one": (
        lambda: {"a.x": torch.zeros(1), "b.x": torch.zeros(1)},
        {"rename": {"a.": "", "b.": ""}},
        "'a.x' and 'b.x' of the checkpoint both become 'x': mend rename=",
    ),
    "empty": (dict, {}, "the checkpoint: expected tensors by name, found nothing"),
    "inside": (
        lambda: {"epoch": 3, "model": held(net())},
        {},
        "the checkpoint: expected tensors by name, and 'epoch' holds int. "
        "The tensors seem to be under 'model': give checkpoint['model']",
    ),
    "a model": (
        net,
        {},
        "checkpoint=ModuleDict: expected a state dict, or the path of a .safetensors, .pt, .pth, .bin, .ckpt or "
        ".index.json file",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MISFITS)
def test_misfits_are_told_and_nothing_is_changed(case: str) -> None:
    make, options, message = MISFITS[case]
    checkpoint, model = make(), net(seed=1)
    before, state = held(model), torch.get_rng_state()
    with pytest.raises(CheckpointError) as caught:
        load(model, checkpoint, RULES, **options)

    assert str(caught.value) == message
    assert same(held(model), before)
    assert torch.equal(torch.get_rng_state(), state)


def test_one_tensor_with_two_values() -> None:
    state = {"embed.weight": torch.zeros(6, 4), "head.weight": torch.ones(6, 4)}
    with pytest.raises(CheckpointError) as caught:
        load(tied(), state, RULES)
    assert str(caught.value) == (
        "'embed.weight' and 'head.weight' differ in the checkpoint and are one tensor in the model. Untie them, or "
        'leave one out with ignore="head.weight"'
    )
    model = tied()
    load(model, state, RULES, ignore="head.weight")
    assert not model["head"].weight.any()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("w.npz", b"x", "{}: expected a .safetensors, .pt, .pth, .bin, .ckpt or .index.json file"),
        ("none.pt", None, "{}: cannot be read: No such file or directory"),
        ("w.json", b"[1]", "{}: expected an index of checkpoint files, with a 'weight_map'"),
    ],
)
def test_files_that_cannot_be_read(name: str, content: bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        load(net(), path)
    assert str(caught.value) == message.format(path)


def test_a_broken_safetensors_file(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"not at all")
    with pytest.raises(CheckpointError, match=r"w\.safetensors: is no safetensors file: "):
        load(net(), tmp_path / "w.safetensors")


def test_a_file_that_could_run_code_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    torch.save(net(), path)
    with pytest.raises(CheckpointError) as caught:
        load(net(), path)
    assert str(caught.value) == (
        f"{path}: holds more than tensors, which could run code when it is read. If you trust it, give "
        f"torch.load({str(path)!r}, weights_only=False)"
    )


def test_meta_and_two_seeds() -> None:
    with torch.device("meta"):
        model = net()
    with pytest.raises(ApplyError, match="on the meta device, without memory to write to"):
        load(model, held(net()), RULES, 0)
    with pytest.raises(ApplyError, match="both seed and generator were given"):
        load(net(), held(net()), RULES, 0, generator=torch.Generator())


def test_rules_that_do_not_cover_what_is_missing() -> None:
    model = net()
    before = held(model)
    with pytest.raises(FirststepError, match=r"no rule covers 'head\.weight'"):
        load(model, held(net(10, seed=1)), [rule(nn.LayerNorm, weight=init.ones())], strict=True, ignore="head.*")
    assert same(held(model), before)


@pytest.mark.parametrize("when", range(1, 5))
def test_an_interrupt_puts_everything_back(when: int) -> None:
    """At every parameter that is drawn, when all of the checkpoint has been copied."""
    model, checkpoint = net(), held(net(10, seed=1))
    before, state = held(model), torch.get_rng_state()
    calls = 0

    def progress(done: int, total: int, name: str) -> None:
        nonlocal calls
        calls += 1
        if calls == when:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(model, checkpoint, RULES, ignore=["head.*", "fc.*"], progress=progress)
    assert calls == when
    assert same(held(model), before)
    assert torch.equal(torch.get_rng_state(), state)


def test_an_interrupt_while_copying_puts_everything_back(monkeypatch: pytest.MonkeyPatch) -> None:
    model = net()
    before = held(model)
    keep, calls = planning.Transaction.keep, 0

    def interrupted(self: planning.Transaction, tensor: Tensor) -> None:
        nonlocal calls
        calls += 1
        if calls == 6:
            raise KeyboardInterrupt
        keep(self, tensor)

    monkeypatch.setattr(planning.Transaction, "keep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load(model, held(net(seed=1)), RULES, 0)
    assert same(held(model), before)
