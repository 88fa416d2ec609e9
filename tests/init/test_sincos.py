"""Tables of positions on grids that are not told, and with the row first."""

from __future__ import annotations

import pytest
import torch

from firststep import init
from firststep.errors import SchemeError


@pytest.mark.parametrize("extra_tokens", [0, 1, 5])
def test_a_square_grid_need_not_be_told(extra_tokens: int) -> None:
    shape = (1, 36 + extra_tokens, 12)
    told, counted = init.sincos_2d(grid=(6, 6), extra_tokens=extra_tokens), init.sincos_2d(extra_tokens=extra_tokens)
    assert torch.equal(counted.sample(shape, seed=0), told.sample(shape, seed=0))
    assert counted.expected(shape) == told.expected(shape)


def test_row_first_is_the_loop_of_moco_v3() -> None:
    """Its ``meshgrid(grid_w, grid_h)`` indexes ij, so that what it calls w varies slowest."""
    side, quarter = 3, 2
    expected = torch.zeros(1 + side * side, 4 * quarter, dtype=torch.float64)
    for row in range(side):
        for column in range(side):
            for i in range(quarter):
                omega = 10000.0 ** (-i / quarter)
                waves = [
                    f(torch.tensor(t * omega, dtype=torch.float64))
                    for t in (row, column)
                    for f in (torch.sin, torch.cos)
                ]
                expected[1 + side * row + column, i::quarter] = torch.stack(waves)
    scheme = init.sincos_2d(extra_tokens=1, row_first=True)
    torch.testing.assert_close(scheme.sample((10, 8), seed=0, dtype=torch.float64), expected, rtol=0, atol=1e-14)
    assert repr(scheme) == "sincos_2d(extra_tokens=1, row_first=True)"
    assert init.from_dict(scheme.to_dict()) == scheme


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: init.sincos_2d().sample((8, 4), seed=0),
            "sincos_2d() on a tensor of shape (8, 4): 8 positions are no square grid and 0 extra tokens. Write "
            "extra_tokens=, or grid=(rows, columns)",
        ),
        (
            lambda: init.sincos_2d(extra_tokens=2).sample((2, 4), seed=0),
            "sincos_2d(extra_tokens=2) on a tensor of shape (2, 4): 2 positions are no square grid and 2 extra tokens. "
            "Write extra_tokens=, or grid=(rows, columns)",
        ),
        (lambda: init.sincos_2d(row_first=1), "sincos_2d(row_first=1): expected True or False"),  # type: ignore[arg-type]
    ],
)
def test_messages(make, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SchemeError) as caught:
        make()
    assert str(caught.value) == words
