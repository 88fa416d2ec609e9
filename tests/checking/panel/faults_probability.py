"""Outputs that are not what the loss takes: probabilities, logits, bounded values."""

from __future__ import annotations

from .case import Case

FAULTS = (
    Case(
        "softmax layer before cross-entropy",
        """
model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10), nn.Softmax(dim=-1))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(32, 1, 8, 8), torch.randint(10, (32,)))
""",
        {"FS101"},
    ),
    Case(
        "functional softmax in the forward of a CNN",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.fc = nn.Linear(16, 5)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.relu(self.conv2(x)).mean(dim=(2, 3))
        return F.softmax(self.fc(x), dim=1)

model = Net()
loss = lambda out, y: F.cross_entropy(out, y)
batch = (torch.randn(24, 3, 8, 8), torch.randint(5, (24,)))
""",
        {"FS101"},
    ),
    Case(
        "softmax in an HF-style model with its own loss",
        """
from types import SimpleNamespace

class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(50, 16)
        self.encoder = nn.Linear(16, 32)
        self.classifier = nn.Linear(32, 4)

    def forward(self, input_ids, labels=None):
        pooled = torch.tanh(self.encoder(self.embed(input_ids).mean(1)))
        logits = self.classifier(pooled).softmax(-1)
        loss = F.cross_entropy(logits, labels) if labels is not None else None
        return SimpleNamespace(loss=loss, logits=logits)

model = Classifier()
loss = None
batch = (dict(input_ids=torch.randint(50, (32, 12)), labels=torch.randint(4, (32,))), None)
""",
        {"FS101"},
    ),
    Case(
        "softmax over pixels before our Dice and cross-entropy",
        """
class Seg(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 3, 1))

    def forward(self, x):
        return torch.softmax(self.body(x), dim=1)

model = Seg()
loss = losses.DiceCELoss()
batch = (torch.randn(4, 1, 12, 12), torch.randint(3, (4, 12, 12)))
""",
        {"FS101"},
    ),
    Case(
        "softmax before our focal loss",
        """
model = nn.Sequential(nn.Linear(20, 40), nn.GELU(), nn.Linear(40, 6), nn.Softmax(1))
loss = losses.FocalLoss(gamma=2.0)
batch = (torch.randn(40, 20), torch.randint(6, (40,)))
""",
        {"FS101"},
    ),
    Case(
        "teacher-style temperature softmax before cross-entropy with smoothing",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(16, 64), nn.SiLU(), nn.Linear(64, 12))

    def forward(self, x):
        return (self.net(x) / 2.0).softmax(dim=-1)

model = Net()
loss = nn.CrossEntropyLoss(label_smoothing=0.1)
batch = (torch.randn(64, 16), torch.randint(12, (64,)))
""",
        {"FS101"},
    ),
    Case(
        "log-softmax before cross-entropy",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(30, 20), nn.Linear(20, 10)

    def forward(self, x):
        return F.log_softmax(self.fc2(F.relu(self.fc1(x))), dim=1)

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(32, 30), torch.randint(10, (32,)))
""",
        {"FS102"},
    ),
    Case(
        "ReLU after the last layer",
        """
layers = []
for a, b in [(32, 64), (64, 64), (64, 10)]:
    layers += [nn.Linear(a, b), nn.ReLU()]
model = nn.Sequential(*layers)
loss = nn.CrossEntropyLoss()
batch = (torch.randn(64, 32), torch.randint(10, (64,)))
""",
        {"FS103"},
    ),
    Case(
        "tanh on class logits",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(20, 50), nn.Linear(50, 8)

    def forward(self, x):
        return torch.tanh(self.b(torch.tanh(self.a(x))))

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(48, 20), torch.randint(8, (48,)))
""",
        {"FS103"},
    ),
    Case(
        "sigmoid on multi-class logits",
        """
model = nn.Sequential(nn.Linear(12, 24), nn.ReLU(), nn.Linear(24, 3), nn.Sigmoid())
loss = nn.CrossEntropyLoss()
batch = (torch.randn(50, 12), torch.randint(3, (50,)))
""",
        {"FS103"},
    ),
    Case(
        "sigmoid before BCEWithLogits",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        return torch.sigmoid(self.net(x)).squeeze(1)

model = Net()
loss = nn.BCEWithLogitsLoss()
batch = (torch.randn(64, 10), torch.randint(2, (64,)).float())
""",
        {"FS104"},
    ),
    Case(
        "sigmoid inside a segmentation net with BCEWithLogits",
        """
class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.mid = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU())
        self.up = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.out = nn.Conv2d(16, 1, 1)

    def forward(self, x):
        skip = self.down(x)
        return self.out(torch.cat([skip, self.up(self.mid(skip))], 1)).sigmoid()

model = UNet()
loss = lambda pred, mask: F.binary_cross_entropy_with_logits(pred, mask)
batch = (torch.randn(4, 1, 8, 8), (torch.rand(4, 1, 8, 8) > 0.5).float())
""",
        {"FS104"},
    ),
    Case(
        "sigmoid before our sigmoid focal loss",
        """
model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 5), nn.Sigmoid())
loss = losses.SigmoidFocalLoss(alpha=0.25)
batch = (torch.randn(32, 16), (torch.rand(32, 5) > 0.6).float())
""",
        {"FS104"},
    ),
    Case(
        "logits given to BCELoss",
        """
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
loss = nn.BCELoss()
batch = (torch.randn(32, 8), torch.randint(2, (32, 1)).float())
""",
        {"FS105"},
    ),
    Case(
        "tanh discriminator with BCELoss",
        """
model = nn.Sequential(nn.Linear(8, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1), nn.Tanh())
loss = lambda out, y: F.binary_cross_entropy(out, y)
batch = (torch.randn(32, 8), torch.cat([torch.ones(16, 1), torch.zeros(16, 1)]))
""",
        {"FS105"},
    ),
    Case(
        "logits into NLLLoss",
        """
model = nn.Sequential(nn.Linear(28, 64), nn.ReLU(), nn.Linear(64, 10))
loss = nn.NLLLoss()
batch = (torch.randn(64, 28), torch.randint(10, (64,)))
""",
        {"FS106"},
    ),
    Case(
        "softmax without log into nll_loss",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(28, 10)

    def forward(self, x):
        return F.softmax(self.lin(x), dim=1)

model = Net()
loss = F.nll_loss
batch = (torch.randn(64, 28), torch.randint(10, (64,)))
""",
        {"FS106"},
    ),
    Case(
        "probabilities as the input of kl_div",
        """
model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 6))
loss = lambda out, p: F.kl_div(F.softmax(out, dim=-1), p, reduction="batchmean")
batch = (torch.randn(32, 16), torch.randn(32, 6).softmax(-1))
""",
        {"FS106", "FS107"},
    ),
    Case(
        "arguments of kl_div swapped",
        """
student = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 6))
model = student
loss = lambda out, teacher: F.kl_div(teacher.softmax(-1), out.log_softmax(-1), reduction="batchmean")
batch = (torch.randn(32, 16), torch.randn(32, 6))
""",
        {"FS106", "FS107"},
    ),
    Case(
        "log-probabilities as target without log_target",
        """
model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 6), nn.LogSoftmax(-1))
loss = nn.KLDivLoss(reduction="batchmean")
batch = (torch.randn(32, 16), torch.randn(32, 6).log_softmax(-1))
""",
        {"FS107"},
    ),
    Case(
        "probabilities as target with log_target",
        """
model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 6), nn.LogSoftmax(-1))
loss = nn.KLDivLoss(reduction="batchmean", log_target=True)
batch = (torch.randn(32, 16), torch.randn(32, 6).softmax(-1))
""",
        {"FS107"},
    ),
    Case(
        "CTC on raw logits",
        """
class Recognizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(8, 16, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(32, 12)

    def forward(self, x):
        return self.fc(self.rnn(x)[0]).transpose(0, 1)

model = Recognizer()
ctc = nn.CTCLoss(blank=0)
loss = lambda out, y: ctc(out, y, torch.full((8,), 20), torch.full((8,), 5))
batch = (torch.randn(8, 20, 8), torch.randint(1, 12, (8, 5)))
""",
        {"FS106"},
    ),
    Case(
        "CTC on probabilities",
        """
class Recognizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(8, 24, 3, padding=1)
        self.fc = nn.Linear(24, 12)

    def forward(self, x):
        return self.fc(self.conv(x).relu().permute(2, 0, 1)).softmax(-1)

model = Recognizer()
ctc = nn.CTCLoss()
loss = lambda out, y: ctc(out, y, torch.full((8,), 20), torch.full((8,), 5))
batch = (torch.randn(8, 8, 20), torch.randint(1, 12, (8, 5)))
""",
        {"FS106"},
    ),
    Case(
        "sigmoid and BCELoss",
        """
model = nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 1), nn.Sigmoid())
loss = nn.BCELoss()
batch = (torch.randn(32, 10), torch.randint(2, (32, 1)).float())
""",
        {"FS108"},
    ),
    Case(
        "softmax over one unit",
        """
model = nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 1), nn.Softmax(dim=1))
loss = nn.BCELoss()
batch = (torch.randn(32, 10), torch.randint(2, (32, 1)).float())
""",
        {"FS109"},
    ),
    Case(
        "cross-entropy of one output and float labels",
        """
model = nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 1))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(32, 10), torch.randint(2, (32, 1)).float())
""",
        {"FS109"},
    ),
    Case(
        "cross-entropy of one output, labels 0 and 1",
        """
model = nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 1))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(32, 10), torch.arange(32) % 2)
""",
        {"FS109", "FS202"},
    ),
    Case(
        "log-softmax over the batch axis",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(20, 40), nn.ReLU(), nn.Linear(40, 5))

    def forward(self, x):
        return F.log_softmax(self.net(x), dim=0)

model = Net()
loss = nn.NLLLoss()
batch = (torch.randn(32, 20), torch.randint(5, (32,)))
""",
        {"FS110", "FS701"},
    ),
    Case(
        "softmax over the first of three axes",
        """
class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Embedding(30, 16), nn.Linear(16, 4)

    def forward(self, ids):
        return torch.log(F.softmax(self.out(self.embed(ids)), dim=0) + 1e-9)

model = Tagger()
loss = lambda out, y: F.nll_loss(out.reshape(-1, 4), y.reshape(-1))
batch = (torch.randint(30, (16, 7)), torch.randint(4, (16, 7)))
""",
        {"FS110", "FS701"},
    ),
)
