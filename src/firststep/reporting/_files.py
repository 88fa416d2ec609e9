"""Files that are either whole or as they were."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A scratch file beside ``path`` that becomes ``path`` when the block ends well, and vanishes when it does not.

    An error or an interrupt inside the block leaves ``path`` as it was: its old contents, or no file.

    Args:
        path: where the finished file shall be. Its folder must exist.

    Raises:
        OSError: when the folder cannot be written.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "note.txt"
    >>> with replacing(path) as scratch:
    ...     _ = scratch.write_text("whole")
    ...     path.exists()
    False
    >>> path.read_text()
    'whole'
    """
    path = Path(path)
    # Not tempfile: its files are readable by their owner only, and the mode would survive the rename.
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    scratch.touch(exist_ok=False)
    try:
        yield scratch
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)
