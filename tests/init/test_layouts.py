"""Fans of a shape whose axes are named, and schemes that read a raw parameter by such a layout."""

from __future__ import annotations

import math

import pytest
import torch

from firststep import init
from firststep.errors import SchemeError
from firststep.init import Fans, Site, fans
from firststep.init._layout import Layout


@pytest.mark.parametrize(
    ("shape", "axes", "options", "expected"),
    [
        ((4, 10), "out in *", {}, Fans(10, 4)),
        ((10, 4), "in out", {}, Fans(10, 4)),
        ((8, 64, 256), "expert in out", {}, Fans(64, 256)),
        ((12, 64, 768), "out k in", {}, Fans(64 * 768, 12 * 64)),
        ((12, 64, 768), "out out in", {}, Fans(768, 768)),
        ((768, 12, 64), "in out out", {}, Fans(768, 768)),
        ((3, 3, 8, 16), "k k in out", {}, Fans(72, 144)),
        ((16, 2, 3, 3), "out in *", {"groups": 4}, Fans(18, 36)),
        ((16, 2, 3, 3), "in out *", {"groups": 4, "stride": 3}, Fans(4, 18)),
        ((16, 2, 3, 5), "in out *", {"stride": (1, 7)}, Fans(240 / 7, 30)),
        ((9,), "out", {}, Fans(1, 9)),
        ((9,), "in", {}, Fans(9, 1)),
    ],
)
def test_fans_by_axes(shape: tuple[int, ...], axes: str, options: dict, expected: Fans) -> None:
    assert fans(shape, axes, **options) == expected


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: fans((4, 5), "out in k"),
            "axes='out in k' names 3 dimensions, the shape (4, 5) has 2; expected one word per dimension, such as "
            "'out in', with '*' at the end for all that are left",
        ),
        (
            lambda: fans((4,)),
            "axes='out in *' names 3 dimensions, the shape (4,) has 1; expected one word per dimension, such as "
            "'out in', with '*' at the end for all that are left",
        ),
        (lambda: fans((4, 5), groups=3), "groups=3 does not divide the 4 channels of (4, 5) read as 'out in *'"),
        (
            lambda: fans((4, 5, 3), "in out *", stride=0),
            "stride=0: expected a whole number >= 1, or one for each of the 1 kernel dimensions of (4, 5, 3) read as "
            "'in out *'",
        ),
        (
            lambda: fans((4, 5, 3), "in out *", stride=(2, 2)),
            "stride=(2, 2): expected a whole number >= 1, or one for each of the 1 kernel dimensions of (4, 5, 3) read "
            "as 'in out *'",
        ),
        (
            lambda: init.zeros().layout("* in"),
            "layout('* in'): expected one word per dimension, such as 'in out' or 'expert in out', with '*' only at "
            "the end",
        ),
        (
            lambda: init.zeros().layout(""),
            "layout(''): expected one word per dimension, such as 'in out' or 'expert in out', with '*' only at the "
            "end",
        ),
        (
            lambda: init.zeros().layout("in k", blocks=2),
            "layout('in k', blocks=2): blocks divide the axis 'out'; there is none",
        ),
        (
            lambda: init.zeros().layout("in expert out"),
            "layout('in expert out'): 'expert' stacks independent weights and must come first; the other words are "
            "'in', 'out', 'k' and, at the end, '*'",
        ),
        (
            lambda: init.zeros().layout("out in", blocks=3).expected((4, 5)),
            "blocks=3 does not divide the 4 of axis 'out' of a tensor of shape (4, 5) read as 'out in'",
        ),
        (
            lambda: init.zeros().layout("out in", blocks=(1, 2)).expected(Site.of_shape((4, 5), "w")),
            "blocks=(1, 2) do not add up to the 4 of axis 'out' of 'w' of shape (4, 5) read as 'out in'",
        ),
    ],
)
def test_messages(call, message: str) -> None:
    with pytest.raises(SchemeError) as error:
        call()
    assert str(error.value) == message


def test_a_layout_reads_the_shape_its_own_way() -> None:
    site = Layout("expert in out", blocks=(6, 2), groups=1).read(Site.of_shape((3, 5, 8), "w"))
    assert [(p.size, p.fans) for p in site.parts] == [(6, Fans(5, 6)), (2, Fans(5, 2))]
    assert (site.axis, site.stacked, site.tensor_fans, site.torch_fan) == (2, 1, Fans(5, 8), 5)
    assert (site.name, site.role) == ("w", "weight")


def test_a_laid_scheme_prints_compares_and_is_plain_data() -> None:
    scheme = init.kaiming_normal(nonlinearity="relu").layout("out in", blocks=[768, 256, 256])
    assert repr(scheme) == "kaiming_normal(nonlinearity='relu').layout('out in', blocks=(768, 256, 256))"
    assert scheme.to_dict() == {
        "scheme": "kaiming_normal",
        "nonlinearity": "relu",
        "layout": {"axes": "out in", "blocks": [768, 256, 256]},
    }
    assert scheme == init.kaiming_normal(nonlinearity="relu").layout("out in", blocks=(768, 256, 256))
    assert scheme != init.kaiming_normal().layout("out in")
    assert scheme.describe(Site.of_shape((1280, 64))) == repr(scheme)
    with_stride = init.lecun_normal().layout("in out *", groups=2, stride=(2, 1))
    assert repr(with_stride) == "lecun_normal().layout('in out *', groups=2, stride=(2, 1))"
    assert with_stride.to_dict()["layout"] == {"axes": "in out *", "groups": 2, "stride": [2, 1]}
    assert not scheme.uses_flow
    assert init.variance_preserving().layout("in out").uses_flow


def test_blocks_have_the_std_of_their_own_fans() -> None:
    scheme = init.xavier_normal().layout("out in", blocks=(512, 128, 128))
    moments = scheme.expected((768, 256))
    by_block = [2 / (256 + 512), 2 / (256 + 128), 2 / (256 + 128)]
    assert moments.variance == pytest.approx((512 * by_block[0] + 128 * sum(by_block[1:])) / 768)
    # n = 2^17 and 2^15 elements: the std of a sample variance is sqrt(2 / n) of it; 5 of those fail once in 2e6.
    values = scheme.sample((768, 256), seed=0, name="qkv")
    for block, variance in zip(values.split((512, 128, 128)), by_block, strict=True):
        assert block.var().item() == pytest.approx(variance, rel=5 * math.sqrt(2 / block.numel()))


def test_a_laid_scheme_fills_a_region_with_the_bits_of_the_whole() -> None:
    from firststep.rng import Region

    scheme = init.xavier_uniform().layout("expert in out", blocks=(3, 5))
    whole = scheme.sample((4, 6, 8), seed=1, name="w")
    region = Region((4, 6, 8), (1, 2, 1), (2, 3, 6))
    assert torch.equal(scheme.sample((4, 6, 8), seed=1, name="w", region=region), whole[1:3, 2:5, 1:7])
