"""Keys and seeds: against hashlib's own digest of the documented bytes, and torch's generators."""

import hashlib
import struct

import numpy as np
import pytest
import torch

from firststep import rng
from firststep.errors import FirststepError


@pytest.mark.parametrize(
    ("seed", "name", "purpose", "tail"),
    [
        (0, "fc.weight", "", b"fc.weight"),
        (2**64 - 1, "编码器.weight", "", "编码器.weight".encode()),
        (7, "fc.weight", "signs", b"fc.weight\0signs"),
    ],
)
def test_key_is_the_documented_hash(seed, name, purpose, tail):
    digest = hashlib.blake2b(b"firststep-1" + struct.pack("<Q", seed) + tail, digest_size=16).digest()
    assert rng.derive_key(seed, name, purpose) == rng.Key(*struct.unpack("<QQ", digest))
    assert rng.VERSION == "firststep-1"


def test_seeds_wrap_like_torch_manual_seed():
    for seed in (-1, -(2**63), -12345):
        assert torch.Generator().manual_seed(seed).initial_seed() == seed % 2**64
        assert rng.derive_key(seed, "w") == rng.derive_key(seed % 2**64, "w")
        assert rng.derive_key(np.int64(seed), "w") == rng.derive_key(seed, "w")


def test_seed_name_and_purpose_all_separate():
    keys = {rng.derive_key(s, n, p) for s in (0, 1, 256) for n in ("w", "ww", "w.0", "") for p in ("", "a", "b")}
    assert len(keys) == 3 * 4 * 3
    assert len({key.philox for key in keys} | {key.stream for key in keys}) == 2 * 3 * 4 * 3


@pytest.mark.parametrize("seed", [1.0, True, "0", None, 2**64, -(2**63) - 1])
def test_wrong_seed(seed):
    with pytest.raises(FirststepError) as error:
        rng.derive_key(seed, "w")
    assert str(error.value) == f"seed={seed!r}: expected an integer in [-2**63, 2**64 - 1], such as seed=0"


def test_name_with_nul():
    with pytest.raises(FirststepError) as error:
        rng.derive_key(0, "a\0b")
    assert str(error.value) == "a parameter's name cannot hold a NUL character, given 'a\\x00b'"


def test_draw_seed_follows_manual_seed_and_advances():
    torch.manual_seed(3)
    first, second = rng.draw_seed(), rng.draw_seed()
    torch.manual_seed(3)
    assert (rng.draw_seed(), rng.draw_seed()) == (first, second)
    assert first != second


def test_draw_seed_from_a_generator_leaves_the_default_one_alone():
    state = torch.get_rng_state()
    seeds = [rng.draw_seed(torch.Generator().manual_seed(5)) for _ in range(2)]
    assert seeds[0] == seeds[1]
    assert torch.equal(torch.get_rng_state(), state)


def test_draw_seed_reaches_every_bit():
    """n = 64 draws: each of 64 bits is seen both ways but for a chance of 64 * 2 * 2^-64."""
    generator = torch.Generator().manual_seed(0)
    seeds = [rng.draw_seed(generator) for _ in range(64)]
    assert all(0 <= seed < 2**64 for seed in seeds)
    for bit in range(64):
        assert {seed >> bit & 1 for seed in seeds} == {0, 1}


def test_draw_seed_ignores_the_default_device():
    torch.manual_seed(3)
    expected = rng.draw_seed()
    torch.manual_seed(3)
    with torch.device("meta"):
        assert rng.draw_seed() == expected
