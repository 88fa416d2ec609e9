"""Targets whose values mislead: ranges, weights, scales, and the formats of special losses."""

from __future__ import annotations

from .case import Case

FAULTS = (
    Case(
        "masks of 0 and 255 for BCEWithLogits",
        """
model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 1))
loss = nn.BCEWithLogitsLoss()
batch = (torch.randn(4, 1, 10, 10), (torch.rand(4, 1, 10, 10) > 0.5).float() * 255)
""",
        {"FS209"},
    ),
    Case(
        "labels of -1 and 1 for BCEWithLogits",
        """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
loss = losses.BCEWithLogitsLoss()
batch = (torch.randn(60, 10), torch.randint(2, (60, 1)).float() * 2 - 1)
""",
        {"FS209"},
    ),
    Case(
        "class frequencies as class weights",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 3))
labels = torch.cat([torch.zeros(84), torch.ones(24), torch.full((12,), 2)]).long()
loss = nn.CrossEntropyLoss(weight=torch.bincount(labels) / len(labels))
batch = (torch.randn(120, 20), labels)
""",
        {"FS210"},
    ),
    Case(
        "class weights of another number of classes",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
loss = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0]))
batch = (torch.randn(60, 20), torch.arange(60) % 4)
""",
        {"FS210"},
    ),
    Case(
        "pos_weight is the share of positives",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1), nn.Flatten(0))
loss = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(0.1))
batch = (torch.randn(100, 20), (torch.arange(100) % 10 == 0).float())
""",
        {"FS211"},
    ),
    Case(
        "pos_weight of two classes for one output",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1))
loss = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([1.0, 4.0]))
batch = (torch.randn(100, 20), (torch.arange(100) % 5 == 0).float().unsqueeze(1))
""",
        {"FS211"},
    ),
    Case(
        "CTC with more labels than frames",
        """
class Recognizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv1d(8, 16, 3, stride=4, padding=1), nn.Linear(16, 12)

    def forward(self, x):
        return self.fc(self.conv(x).relu().permute(2, 0, 1)).log_softmax(-1)

model = Recognizer()
ctc = nn.CTCLoss()
loss = lambda out, y: ctc(out, y, torch.full((8,), out.shape[0]), torch.full((8,), 9))
batch = (torch.randn(8, 8, 24), torch.randint(1, 12, (8, 9)))
""",
        {"FS212"},
    ),
    Case(
        "CTC with the blank among the labels",
        """
class Recognizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru, self.fc = nn.GRU(8, 16, batch_first=True), nn.Linear(16, 12)

    def forward(self, x):
        return self.fc(self.gru(x)[0]).log_softmax(-1).transpose(0, 1)

model = Recognizer()
ctc = nn.CTCLoss(blank=0)
loss = lambda out, y: ctc(out, y, torch.full((8,), 24), torch.full((8,), 6))
batch = (torch.randn(8, 24, 8), torch.arange(48).reshape(8, 6) % 12)
""",
        {"FS212"},
    ),
    Case(
        "CTC of batch-first log-probabilities",
        """
class Recognizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru, self.fc = nn.GRU(8, 16, batch_first=True), nn.Linear(16, 12)

    def forward(self, x):
        return self.fc(self.gru(x)[0]).log_softmax(-1)

model = Recognizer()
ctc = nn.CTCLoss()
loss = lambda out, y: ctc(out, y, torch.full((8,), 24), torch.full((8,), 4))
batch = (torch.randn(8, 24, 8), torch.randint(1, 12, (8, 4)))
""",
        {"FS212"},
    ),
    Case(
        "a sorted data set: one class in the batch",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 10))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(32, 20), torch.full((32,), 3))
""",
        {"FS213"},
    ),
    Case(
        "prices of houses in dollars",
        """
model = nn.Sequential(nn.Linear(13, 64), nn.ReLU(), nn.Linear(64, 1))
loss = nn.MSELoss()
batch = (torch.randn(64, 13), 250_000 + 90_000 * torch.randn(64, 1))
""",
        {"FS214"},
    ),
    Case(
        "concentrations of a millionth",
        """
model = nn.Sequential(nn.Linear(13, 64), nn.ReLU(), nn.Linear(64, 1))
loss = nn.L1Loss()
batch = (torch.randn(64, 13), 1e-6 * torch.rand(64, 1))
""",
        {"FS214", "FS401"},
    ),
    Case(
        "many-hot labels for MultiLabelMarginLoss",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 8))
loss = nn.MultiLabelMarginLoss()
batch = (torch.randn(32, 20), (torch.rand(32, 8) > 0.5).long())
""",
        {"FS215"},
    ),
    Case(
        "class indices for MultiLabelSoftMarginLoss",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 3))
loss = nn.MultiLabelSoftMarginLoss()
batch = (torch.randn(32, 20), torch.stack([torch.randperm(8)[:3] for _ in range(32)]).float())
""",
        {"FS215", "FS209"},
    ),
    Case(
        "survival times and events swapped",
        """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
cox = losses.CoxLoss()
loss = lambda out, time, event: cox(out, event.float(), time)
batch = (torch.randn(40, 10), (torch.rand(40) * 60 + 1, torch.randint(2, (40,))))
""",
        {"FS216"},
    ),
    Case(
        "nobody in the batch had the event",
        """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
loss = losses.CoxLoss()
batch = (torch.randn(40, 10), (torch.rand(40) * 60 + 1, torch.zeros(40, dtype=torch.bool)))
""",
        {"FS216", "FS203"},
    ),
    Case(
        "DPO on negative log-likelihoods",
        """
class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(20, 16), nn.Linear(16, 20)

    def nll(self, ids):
        logits = self.head(self.embed(ids[:, :-1]))
        return F.cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none").sum(-1)

    def forward(self, chosen, rejected):
        return self.nll(chosen), self.nll(rejected)

model = Policy()
ids = torch.randint(20, (2, 16, 8))
with torch.no_grad():
    reference = model(*ids)
loss = losses.DPOLoss()
batch = ((ids[0], ids[1]), tuple(one.clone() for one in reference))
""",
        {"FS217", "FS106"},
    ),
    Case(
        "chosen and rejected are the same answers",
        """
class Reward(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(20, 16), nn.Linear(16, 1)

    def forward(self, chosen, rejected):
        return self.head(self.embed(chosen).mean(1))[:, 0], self.head(self.embed(rejected).mean(1))[:, 0]

model = Reward()
loss = losses.RewardModelLoss()
chosen = torch.randint(20, (16, 8))
batch = ((chosen, chosen.clone()), None)
""",
        {"FS217"},
    ),
    Case(
        "no two examples of a label for the triplets",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 16))
loss = losses.BatchHardTripletLoss()
batch = (torch.randn(24, 20), torch.randperm(500)[:24])
""",
        {"FS218"},
    ),
    Case(
        "supervised contrast without positives",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 16))
loss = losses.SupervisedContrastiveLoss()
batch = (torch.randn(24, 20), torch.arange(24))
""",
        {"FS218", "FS203"},
    ),
    Case(
        "the anchor is its own positive",
        """
class Embedder(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 16))

    def forward(self, anchor, positive, negative):
        return self.net(anchor), self.net(positive), self.net(negative)

model = Embedder()
loss = nn.TripletMarginLoss(margin=1.0)
anchor = torch.randn(24, 20)
batch = ((anchor, anchor, torch.randn(24, 20)), None)
""",
        {"FS218"},
    ),
)
