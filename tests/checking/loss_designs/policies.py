"""Actions and preferences."""

from __future__ import annotations

DESIGNS = {
    "reinforce": """
model = nn.Sequential(nn.Linear(20, 64), nn.Tanh(), nn.Linear(64, 4))
def loss(logits, targets):
    actions, advantage = targets
    return -(logits.log_softmax(1).gather(1, actions[:, None])[:, 0] * advantage).mean()
batch = torch.randn(32, 20), (torch.randint(4, (32,)), torch.randn(32))
""",
    "ppo first step": """
model = nn.Sequential(nn.Linear(20, 64), nn.Tanh(), nn.Linear(64, 4))
def loss(logits, targets):
    actions, advantage = targets
    logp = logits.log_softmax(1).gather(1, actions[:, None])[:, 0]
    ratio = (logp - logp.detach()).exp()
    return -torch.min(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage).mean()
batch = torch.randn(32, 20), (torch.randint(4, (32,)), torch.randn(32))
""",
    "dqn": """
model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 4))
loss = lambda q, y: F.smooth_l1_loss(q.gather(1, y[0][:, None])[:, 0], y[1])
batch = torch.randn(32, 10), (torch.randint(4, (32,)), torch.randn(32) * 0.3 + (torch.rand(32) > 0.9).float())
""",
    "dpo": """
class P(nn.Module):
    def __init__(self):
        super().__init__()
        self.h = nn.Linear(20, 10)
    def forward(self, x):
        return self.h(x).log_softmax(1)
model = P()
def loss(logp, y):
    c, r = logp.gather(1, y).unbind(1)
    return -F.logsigmoid(0.1 * ((c - c.detach()) - (r - r.detach()))).mean()
batch = torch.randn(32, 20), torch.stack([torch.arange(32) % 5, 5 + torch.arange(32) % 5], 1)
""",
    "dpo from another checkpoint": """
class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(20, 16), nn.Linear(16, 20)
    def forward(self, chosen, rejected):
        return tuple(losses.sequence_log_prob(self.head(self.embed(y[:, :-1])), y[:, 1:]) for y in (chosen, rejected))
model, other = Policy(), Policy()
ids = torch.randint(20, (2, 16, 12))
with torch.no_grad():
    reference = other(*ids)
loss = losses.DPOLoss()
batch = ((ids[0], ids[1]), reference)
""",
}
