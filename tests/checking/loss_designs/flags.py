"""Yes or no: one logit for each label."""

from __future__ import annotations

DESIGNS = {
    "multilabel": """
model = nn.Linear(20, 10)
loss = nn.BCEWithLogitsLoss()
batch = torch.randn(32, 20), (torch.rand(32, 10) > 0.7).float()
""",
    "binary few": """
model = nn.Linear(10, 1)
loss = nn.BCEWithLogitsLoss()
batch = torch.randn(4, 10), torch.tensor([[0.], [1.], [1.], [0.]])
""",
    "focal prior": """
model = nn.Conv2d(3, 1, 3, padding=1)
nn.init.normal_(model.weight, std=0.01); nn.init.constant_(model.bias, -4.6)
loss = losses.SigmoidFocalLoss()
mask = torch.zeros(4, 1, 20, 20); mask[:, :, :3, :3] = 1
batch = torch.randn(4, 3, 20, 20), mask
""",
    "prior bias bce": """
model = nn.Linear(20, 1)
nn.init.normal_(model.weight, std=0.01); nn.init.constant_(model.bias, -4.6)
loss = nn.BCEWithLogitsLoss()
batch = torch.randn(200, 20), (torch.arange(200)[:, None] % 100 == 0).float()
""",
    "hinge svm": """
model = nn.Linear(20, 1)
loss = losses.HingeLoss()
batch = torch.randn(32, 20), 2.0 * (torch.arange(32)[:, None] % 2) - 1
""",
    "images in [0, 1] through a sigmoid": """
model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 64), nn.Sigmoid())
loss = nn.BCELoss()
x = torch.rand(16, 1, 8, 8)
batch = x, x.flatten(1)
""",
}
