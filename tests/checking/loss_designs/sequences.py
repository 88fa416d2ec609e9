"""Tokens and frames."""

from __future__ import annotations

DESIGNS = {
    "masked lm": """
class M(nn.Module):
    def __init__(self):
        super().__init__()
        self.e, self.h = nn.Embedding(50, 16), nn.Linear(16, 50)
    def forward(self, ids):
        return self.h(self.e(ids)).transpose(1, 2)
model = M()
loss = nn.CrossEntropyLoss()
ids = torch.randint(50, (8, 24))
batch = ids, ids.masked_fill(torch.rand(8, 24) > 0.2, -100)
""",
    "label relaxed loss of tokens by hand": """
model = nn.Sequential(nn.Embedding(50, 16), nn.Linear(16, 50))
def loss(o, y):
    keep = y != 0
    return -(o.log_softmax(-1).gather(-1, y.unsqueeze(-1)).squeeze(-1) * keep).sum() / keep.sum()
ids = torch.randint(1, 50, (8, 24)); ids[torch.arange(24) > torch.randint(4, 23, (8, 1))] = 0
batch = ids, ids
""",
    "ctc": """
class R(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru, self.fc = nn.GRU(8, 16, batch_first=True), nn.Linear(16, 12)
    def forward(self, x):
        return self.fc(self.gru(x)[0]).log_softmax(-1).transpose(0, 1)
model = R()
ctc = nn.CTCLoss()
loss = lambda o, y: ctc(o, y, torch.full((o.shape[1],), 24), torch.full((o.shape[1],), 4))
batch = torch.randn(8, 24, 8), torch.randint(1, 12, (8, 4))
""",
    "crf": """
model = nn.Linear(8, 5)
loss = losses.LinearChainCRFLoss(K=5)
batch = torch.randn(8, 12, 8), torch.randint(5, (8, 12))
""",
}
