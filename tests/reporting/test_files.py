"""A file is whole or as it was."""

from __future__ import annotations

import os
import stat

import pytest

from firststep.reporting import replacing


def test_replaces_at_the_end_of_the_block(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replacing(path) as scratch:
        scratch.write_text("new")
        assert path.read_text() == "old"
        assert scratch.parent == tmp_path

    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_leaves_everything_as_it_was_after_an_error(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail_half_way() -> None:
        with replacing(path) as scratch:
            scratch.write_text("half")
            raise error

    with pytest.raises(error):
        fail_half_way()

    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
def test_has_the_permissions_of_an_ordinary_file(tmp_path):
    ordinary = tmp_path / "b.txt"
    ordinary.write_text("")
    with replacing(tmp_path / "a.txt") as scratch:
        scratch.write_text("")

    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == stat.S_IMODE(ordinary.stat().st_mode)
