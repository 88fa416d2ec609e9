"""What the tests of FS1xx share: what they start from, and how a report is judged."""

from __future__ import annotations

from firststep.checking import CheckReport, Finding

from .examples import report, told

HEAD = """
x, y = torch.randn(32, 20), torch.arange(32) % 10
net = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 10))
one, two = nn.Linear(20, 1), nn.Linear(20, 2)
flags, many = (torch.arange(32) % 2).float()[:, None], (torch.arange(320) % 2).float().reshape(32, 10)
normal, teacher = torch.randn(32, 1), torch.randn(32, 10)
images, labels = torch.randn(4, 3, 8, 8), torch.arange(256).reshape(4, 8, 8) % 5
conv = nn.Conv2d(3, 5, 3, padding=1)
ids = torch.arange(40).reshape(4, 10) % 13
words = nn.Sequential(nn.Embedding(13, 16), nn.Linear(16, 13))
lengths = torch.full((4,), 12), torch.full((4,), 3)
loss, batch = nn.CrossEntropyLoss(), (x, y)
"""


def started(lines: str, seed: int = 0) -> CheckReport:
    """The check of lines that go on from ``HEAD``."""
    return report(HEAD + lines, seed)


def the(found: CheckReport, code: str) -> Finding:
    """The one finding of a code."""
    each = [one for one in found.findings if one.code == code]
    assert len(each) == 1, told(found)
    return each[0]


def silent(lines: str, seed: int, *codes: str) -> None:
    """Nothing is wrong, and these codes are not even told."""
    found = started(lines, seed)
    assert found.ok, told(found)
    assert not set(codes) & set(found.codes), told(found)
