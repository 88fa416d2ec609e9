"""The batch of two processes is that of one: values, gradients, and the average that DistributedDataParallel takes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch
from torch import Tensor, distributed

from firststep import losses
from firststep.losses import functional

RANKS, ROWS = 2, 3
LABELS = torch.tensor([0, 1, 0, 1, 2, 2])
LOSSES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "clip": lambda x, y, _: functional.clip_loss(x, y, torch.tensor(1.0)),
    "siglip": lambda x, y, _: functional.siglip_loss(x, y, torch.tensor(1.0), torch.tensor(-2.0)),
    "nt_xent": lambda x, y, _: functional.nt_xent_loss(x, y),
    "supcon": lambda x, _, labels: functional.supervised_contrastive_loss(x, labels),
}


def whole() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The inputs of all ranks, and the two layers that make embeddings of them."""
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(RANKS * ROWS, 5, generator=generator, dtype=torch.float64) for _ in range(2))
    v, w = (torch.randn(5, 4, generator=generator, dtype=torch.float64) for _ in range(2))
    return x, y, v.requires_grad_(), w.requires_grad_()


def work(rank: int, folder: Path) -> None:
    """What one process does: gather, and average the gradients of the parameters as DistributedDataParallel does."""
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=RANKS)
    x, y, v, w = whole()
    mine = slice(rank * ROWS, (rank + 1) * ROWS)
    found: dict[str, list[Tensor]] = {}
    for name, loss in LOSSES.items():
        own = [(x[mine] @ v), (y[mine] @ w)]
        gathered = [losses.gather_with_gradient(one) for one in own]
        labels = losses.gather_with_gradient(LABELS[mine])
        value = loss(*gathered, labels)
        by_rows, *by_parameters = torch.autograd.grad(value, [own[0], v, w], materialize_grads=True)
        for one in by_parameters:
            distributed.all_reduce(one)
            one /= RANKS
        found[name] = [value.detach(), by_rows, *by_parameters, *(one.detach() for one in gathered), labels]
    torch.save(found, folder / f"{rank}.pt")
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, list[Tensor]]]:
    """What each of two processes found."""
    folder = tmp_path_factory.mktemp("ranks")
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    started = [
        subprocess.Popen(
            [sys.executable, "-W", "error", __file__, str(rank), str(folder)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(RANKS)
    ]
    with ExitStack() as stack:
        for one in started:
            stack.enter_context(one)
            stack.callback(one.kill)
        for one in started:
            output, _ = one.communicate(timeout=120)
            assert one.returncode == 0, output
    return [torch.load(folder / f"{rank}.pt") for rank in range(RANKS)]


@pytest.mark.skipif(not distributed.is_gloo_available(), reason="needs gloo")
@pytest.mark.parametrize("name", LOSSES)
def test_two_ranks_compute_the_loss_and_the_gradient_of_one(name: str, found: list[dict[str, list[Tensor]]]) -> None:
    x, y, v, w = whole()
    embeddings = x @ v, y @ w
    value = LOSSES[name](*embeddings, LABELS)
    by_rows, *by_parameters = torch.autograd.grad(value, [embeddings[0], v, w], materialize_grads=True)

    for rank in range(RANKS):
        their, their_rows, their_v, their_w, one, other, labels = found[rank][name]
        torch.testing.assert_close(their, value.detach())
        torch.testing.assert_close([one, other, labels], [*(e.detach() for e in embeddings), LABELS])
        # Summed over the ranks, each of which has the whole loss; averaged by DistributedDataParallel.
        torch.testing.assert_close(their_rows, RANKS * by_rows[rank * ROWS : (rank + 1) * ROWS])
        torch.testing.assert_close([their_v, their_w], by_parameters)


def test_on_one_device_it_is_the_tensor_itself() -> None:
    tensor = torch.ones(2, 3, requires_grad=True)

    assert losses.gather_with_gradient(tensor) is tensor


if __name__ == "__main__":
    work(int(sys.argv[1]), Path(sys.argv[2]))
