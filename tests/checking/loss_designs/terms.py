"""Losses of several terms, and terms that stand beside a loss."""

from __future__ import annotations

DESIGNS = {
    "multi task": """
class MT(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.a, self.b = nn.Linear(20, 32), nn.Linear(32, 5), nn.Linear(32, 1)
    def forward(self, x):
        h = self.body(x).relu()
        return self.a(h), self.b(h)
model = MT()
loss = lambda out, y: F.cross_entropy(out[0], y[0]) + 0.3 * F.mse_loss(out[1], y[1])
batch = torch.randn(32, 20), (torch.arange(32) % 5, torch.randn(32, 1))
""",
    "adversarial term": """
class MT(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.a, self.b = nn.Linear(20, 32), nn.Linear(32, 5), nn.Linear(32, 2)
    def forward(self, x):
        h = self.body(x).relu()
        return self.a(h), self.b(h)
model = MT()
loss = lambda out, y: F.cross_entropy(out[0], y[0]) - 0.1 * F.cross_entropy(out[1], y[1])
batch = torch.randn(32, 20), (torch.arange(32) % 5, torch.arange(32) % 2)
""",
    "moe balance": """
model = nn.Linear(20, 8)
loss = losses.MoELoadBalanceLoss()
batch = torch.randn(32, 20), None
""",
}
