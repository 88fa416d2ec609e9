"""Values that must never change while ``rng.VERSION`` stands, by seed and name, as exact hexadecimal floats."""

import pytest
import torch

from firststep import rng
from firststep.rng import Bits, Normal, TruncatedNormal, Uniform

KEY = rng.derive_key(0, "fc.weight")

GOLDEN = {
    (Normal(0.0, 0.02), torch.float32): "0x1.09205cp-5 -0x1.dfd364p-7 0x1.5e851cp-5 -0x1.7c89fp-9",
    (
        Normal(0.0, 0.02),
        torch.float64,
    ): "0x1.09205c26bb7c7p-5 0x1.5e851b93b3d96p-5 0x1.99dde597a77b5p-8 -0x1.592a4d65373dap-6",
    (Normal(0.0, 0.02), torch.bfloat16): "0x1.0ap-5 -0x1.ep-7 0x1.5ep-5 -0x1.7cp-9",
    (Normal(0.0, 0.02), torch.float16): "0x1.094p-5 -0x1.dfcp-7 0x1.5e8p-5 -0x1.7c8p-9",
    (Normal(0.0, 0.02), torch.float8_e4m3fn): "0x1p-5 -0x1.cp-7 0x1.6p-5 -0x1p-9",
    (Normal(1.5, 2.0), torch.float32): "0x1.2f2148p+2 0x1.245b4p-5 0x1.71d7fep+2 0x1.35ad1p+0",
    (
        Normal(1.5, 2.0),
        torch.float64,
    ): "0x1.2f2147fe42794p+2 0x1.71d7fd8b6481dp+2 0x1.100d56d79eb61p+1 -0x1.36a431dc4ca08p-1",
    (Normal(1.5, 2.0), torch.bfloat16): "0x1.3p+2 0x1.24p-5 0x1.72p+2 0x1.36p+0",
    (Normal(1.5, 2.0), torch.float16): "0x1.2f4p+2 0x1.244p-5 0x1.71cp+2 0x1.35cp+0",
    (Normal(1.5, 2.0), torch.float8_e4m3fn): "0x1.2p+2 0x1.2p-5 0x1.8p+2 0x1.4p+0",
    (Uniform(-0.3, 0.7), torch.float32): "0x1.2d724p-3 0x1.ba67dp-2 0x1.786b58p-3 0x1.48da52p-1",
    (
        Uniform(-0.3, 0.7),
        torch.float64,
    ): "0x1.2d72427774cfap-3 0x1.786b5b9123692p-3 -0x1.6b03989913b6ep-3 0x1.6264da514fda9p-2",
    (Uniform(-0.3, 0.7), torch.bfloat16): "0x1.2ep-3 0x1.bap-2 0x1.78p-3 0x1.48p-1",
    (Uniform(-0.3, 0.7), torch.float16): "0x1.2d8p-3 0x1.ba8p-2 0x1.788p-3 0x1.48cp-1",
    (Uniform(-0.3, 0.7), torch.float8_e4m3fn): "0x1.2p-3 0x1.cp-2 0x1.8p-3 0x1.4p-1",
    (TruncatedNormal(0.0, 1.0, -2.0, 2.0), torch.float32): "-0x1.037552p-3 0x1.2caadp-1 -0x1.3da0dap-5 0x1.6b77b4p+0",
    (
        TruncatedNormal(0.0, 1.0, -2.0, 2.0),
        torch.float64,
    ): "-0x1.037551217a30dp-3 -0x1.3da0d9dfd5123p-5 -0x1.14a9adc454385p+0 0x1.6d881aaebd12ep-2",
    (TruncatedNormal(0.0, 1.0, -2.0, 2.0), torch.bfloat16): "-0x1.04p-3 0x1.2cp-1 -0x1.3ep-5 0x1.6cp+0",
    (TruncatedNormal(0.0, 1.0, -2.0, 2.0), torch.float16): "-0x1.038p-3 0x1.2ccp-1 -0x1.3dcp-5 0x1.6b8p+0",
    (TruncatedNormal(0.0, 1.0, -2.0, 2.0), torch.float8_e4m3fn): "-0x1p-3 0x1.2p-1 -0x1.4p-5 0x1.6p+0",
    (TruncatedNormal(0.0, 1.0, 5.0, 6.0), torch.float32): "0x1.47344ep+2 0x1.4806aep+2 0x1.419b36p+2 0x1.4c8306p+2",
    (
        TruncatedNormal(0.0, 1.0, 5.0, 6.0),
        torch.float64,
    ): "0x1.47344d57dfbc8p+2 0x1.4806ae1c43f3bp+2 0x1.419b36f4705e4p+2 0x1.4c830537ee376p+2",
    (TruncatedNormal(0.0, 1.0, 5.0, 6.0), torch.bfloat16): "0x1.48p+2 0x1.48p+2 0x1.42p+2 0x1.4cp+2",
    (TruncatedNormal(0.0, 1.0, 5.0, 6.0), torch.float16): "0x1.474p+2 0x1.48p+2 0x1.418p+2 0x1.4c8p+2",
    (TruncatedNormal(0.0, 1.0, 5.0, 6.0), torch.float8_e4m3fn): "0x1.4p+2 0x1.4p+2 0x1.4p+2 0x1.4p+2",
}


@pytest.mark.parametrize(("law", "dtype"), GOLDEN)
def test_values(law, dtype):
    out = rng.fill_(torch.empty(4, dtype=dtype), law, KEY)
    assert out.double().tolist() == [float.fromhex(value) for value in GOLDEN[law, dtype].split()]


def test_key_and_words():
    assert rng.Key(philox=16921344972564561545, stream=4558364845373617538) == KEY
    words = rng.fill_(torch.empty(8, dtype=torch.int64), Bits(), KEY)
    assert [f"{word:08x}" for word in words.tolist()] == [
        *("727b151b", "bb66c17c", "7bda383e", "f139f64d"),
        *("1f6c59b9", "aa55f30b", "a5660361", "20c376ad"),
    ]


def test_complex_values():
    out = rng.fill_(torch.empty(2, dtype=torch.complex64), Normal(0.0, 1.0), KEY)
    assert torch.view_as_real(out).flatten().tolist() == [
        float.fromhex(value) for value in ("0x1.24ed12p+0", "-0x1.09119cp-1", "0x1.834604p+0", "-0x1.a470a2p-4")
    ]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(("law", "dtype"), GOLDEN)
def test_cuda_has_the_same_bits(law, dtype):
    made = [rng.fill_(torch.empty(333, 301, dtype=dtype, device=device), law, KEY).cpu() for device in ("cpu", "cuda")]
    assert torch.equal(*(values.double() for values in made))
