"""Sound losses of many kinds: what no check on the value of a loss may warn of."""

from __future__ import annotations

DESIGNS = {
    "classifier": """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 10))
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    "tiny batch": """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 10))
loss = nn.CrossEntropyLoss()
batch = torch.randn(2, 20), torch.tensor([3, 7])
""",
    "one example": """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 10))
loss = nn.CrossEntropyLoss()
batch = torch.randn(1, 20), torch.tensor([3])
""",
    "zero head": """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 10))
nn.init.zeros_(model[2].weight); nn.init.zeros_(model[2].bias)
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    "zero head regression": """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1))
nn.init.zeros_(model[2].weight); nn.init.zeros_(model[2].bias)
loss = nn.MSELoss()
batch = torch.randn(32, 20), torch.randn(32, 1)
""",
    "sum elbo": """
class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.e, self.d = nn.Linear(20, 8), nn.Linear(4, 20)
    def forward(self, x):
        mu, logvar = self.e(x).chunk(2, -1)
        return self.d(mu + torch.randn_like(mu) * (logvar / 2).exp()), mu, logvar
def loss(out, x):
    recon, mu, logvar = out
    divergence = -0.5 * (1 + logvar - mu ** 2 - logvar.exp()).sum()
    return F.binary_cross_entropy_with_logits(recon, x, reduction="sum") + divergence
model = VAE()
x = torch.rand(32, 20)
batch = x, x
""",
    "vae with labels unused": """
class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.e, self.d = nn.Linear(20, 8), nn.Linear(4, 20)
    def forward(self, x):
        mu, logvar = self.e(x).chunk(2, -1)
        return self.d(mu + torch.randn_like(mu) * (logvar / 2).exp()), x, mu, logvar
def loss(out, labels):
    recon, x, mu, logvar = out
    return F.mse_loss(recon, x) - 0.5 * (1 + logvar - mu ** 2 - logvar.exp()).mean()
model = VAE()
batch = torch.rand(32, 20), torch.arange(32) % 10
""",
    "simclr labels unused": """
class E(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 16))
    def forward(self, x):
        return self.net(x), self.net(x + 0.1 * torch.randn_like(x))
model = E()
def loss(out, labels):
    a, b = out
    return losses.functional.nt_xent_loss(a, b)
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    "simclr by hand": """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 16))
def loss(z, labels):
    z = F.normalize(z, dim=1)
    s = z @ z.T / 0.1
    s = s.masked_fill(torch.eye(len(z), dtype=torch.bool), -1e9)
    target = torch.arange(len(z)).roll(len(z) // 2)
    return F.cross_entropy(s, target)
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    "infonce small width": """
class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(20, 16), nn.Linear(12, 16)
    def forward(self, a, b):
        return F.normalize(self.a(a), dim=1), F.normalize(self.b(b), dim=1)
model = Two()
loss = lambda a, b: F.cross_entropy(a @ b.T / 0.07, torch.arange(len(a)))
batch = (torch.randn(32, 20), torch.randn(32, 12)), None
""",
    "cosine classifier": """
class Cos(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.w = nn.Linear(20, 64), nn.Parameter(torch.randn(10, 64))
    def forward(self, x):
        return 30 * F.linear(F.normalize(self.body(x), dim=1), F.normalize(self.w, dim=1))
model = Cos()
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    "arcface": """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 32))
loss = losses.ArcFaceLoss(embedding_dim=32, num_classes=10)
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    "dcgan D": """
model = nn.Sequential(nn.Linear(20, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
loss = nn.BCEWithLogitsLoss()
batch = torch.randn(32, 20), torch.cat([torch.ones(16, 1), torch.zeros(16, 1)])
""",
    "gan generator": """
class G(nn.Module):
    def __init__(self):
        super().__init__()
        self.g = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 20))
        self.d = nn.Sequential(nn.Linear(20, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
        self.d.requires_grad_(False)
    def forward(self, z):
        return self.d(self.g(z))
model = G()
loss = lambda out: F.binary_cross_entropy_with_logits(out, torch.ones_like(out))
batch = torch.randn(32, 8), None
""",
    "gan saturating generator": """
class G(nn.Module):
    def __init__(self):
        super().__init__()
        self.g = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 20))
        self.d = nn.Sequential(nn.Linear(20, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
        self.d.requires_grad_(False)
    def forward(self, z):
        return self.d(self.g(z))
model = G()
loss = lambda out: -F.binary_cross_entropy_with_logits(out, torch.zeros_like(out))
batch = torch.randn(32, 8), None
""",
    "wgan critic": """
model = nn.Sequential(nn.Linear(20, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
loss = lambda out, y: -(out * y).mean()
batch = torch.randn(32, 20), torch.cat([torch.ones(16, 1), -torch.ones(16, 1)])
""",
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
    "masked mse right": """
model = nn.Linear(20, 12)
loss = lambda out, y, mask: ((out - y) ** 2 * mask).sum() / mask.sum()
batch = torch.randn(16, 20), (torch.randn(16, 12), (torch.rand(16, 12) > 0.4).float())
""",
    "per sequence mean": """
model = nn.Linear(20, 12)
loss = lambda out, y, mask: (((out - y) ** 2 * mask).sum(1) / mask.sum(1).clamp(min=1)).mean()
batch = torch.randn(16, 20), (torch.randn(16, 12), (torch.arange(12) < torch.randint(2, 12, (16, 1))).float())
""",
    "one-hot by hand": """
model = nn.Linear(20, 10)
loss = lambda out, y: -(y * out.log_softmax(1)).sum(1).mean()
batch = torch.randn(32, 20), F.one_hot(torch.arange(32) % 10, 10).float()
""",
    "multi-hot softmax by hand": """
model = nn.Linear(20, 10)
loss = lambda out, y: -(y * out.log_softmax(1)).sum(1).mean()
batch = torch.randn(32, 20), (torch.rand(32, 10) > 0.6).float()
""",
    "multinomial counts": """
model = nn.Linear(20, 10)
loss = lambda out, y: -(y * out.log_softmax(1)).sum(1).mean()
batch = torch.randn(32, 20), torch.poisson(torch.ones(32, 10))
""",
    "multilabel": """
model = nn.Linear(20, 10)
loss = nn.BCEWithLogitsLoss()
batch = torch.randn(32, 20), (torch.rand(32, 10) > 0.7).float()
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
    "log prior head balanced batch": """
model = nn.Linear(20, 10)
nn.init.normal_(model.weight, std=0.01)
with torch.no_grad():
    model.bias.copy_((0.5 ** torch.arange(10.)).log_softmax(0))
loss = nn.CrossEntropyLoss()
batch = torch.randn(40, 20), torch.arange(40) % 10
""",
    "label smoothing": """
model = nn.Linear(20, 10)
loss = nn.CrossEntropyLoss(label_smoothing=0.1)
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    "class weights": """
model = nn.Linear(20, 3)
loss = nn.CrossEntropyLoss(weight=torch.tensor([0.5, 1.0, 4.0]))
batch = torch.randn(32, 20), torch.tensor([0] * 20 + [1] * 9 + [2] * 3)
""",
    "soft targets weights": """
model = nn.Linear(20, 3)
loss = nn.CrossEntropyLoss(weight=torch.tensor([0.1, 0.1, 0.1]))
batch = torch.randn(32, 20), torch.randn(32, 3).softmax(1)
""",
    "log-softmax nll": """
model = nn.Sequential(nn.Linear(20, 10), nn.LogSoftmax(1))
loss = nn.NLLLoss()
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    "quantile": """
model = nn.Linear(20, 3)
loss = losses.MultiQuantileLoss(quantiles=(0.1, 0.5, 0.9))
batch = torch.randn(32, 20), torch.randn(32)
""",
    "gaussian nll": """
class H(nn.Module):
    def __init__(self):
        super().__init__()
        self.h = nn.Linear(20, 2)
    def forward(self, x):
        m, v = self.h(x).chunk(2, 1)
        return m, F.softplus(v) + 1e-4
model = H()
loss = lambda out, y: F.gaussian_nll_loss(out[0], y, out[1])
batch = torch.randn(32, 20), torch.randn(32, 1)
""",
    "mixture density": """
class MDN(nn.Module):
    def __init__(self):
        super().__init__()
        self.h = nn.Linear(20, 9)
    def forward(self, x):
        return self.h(x).chunk(3, 1)
def loss(out, y):
    logit, mu, logs = out
    return -(logit.log_softmax(1) - 0.5 * ((y - mu) / logs.exp()) ** 2 - logs).logsumexp(1).mean()
model = MDN()
batch = torch.randn(32, 20), torch.randn(32, 1)
""",
    "distillation": """
model = nn.Linear(20, 10)
def loss(student, labels, teacher):
    t = 4.0
    soft = F.kl_div(F.log_softmax(student / t, -1), F.softmax(teacher / t, -1), reduction="batchmean") * t * t
    return 0.5 * soft + 0.5 * F.cross_entropy(student, labels)
batch = torch.randn(40, 20), (torch.arange(40) % 10, 3 * torch.randn(40, 10))
""",
    "kl none": """
model = nn.Linear(20, 10)
loss = lambda o, y: F.kl_div(o.log_softmax(1), y, reduction="none").sum(1).mean()
batch = torch.randn(40, 20), torch.randn(40, 10).softmax(1)
""",
    "kl times classes": """
model = nn.Linear(20, 10)
loss = lambda o, y: 10 * F.kl_div(o.log_softmax(1), y, reduction="mean")
batch = torch.randn(40, 20), torch.randn(40, 10).softmax(1)
""",
    "pixels summed": """
model = nn.Conv2d(1, 1, 3, padding=1)
loss = lambda o, y: ((o - y) ** 2).sum((1, 2, 3)).mean()
x = torch.rand(16, 1, 8, 8)
batch = x, x
""",
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
    "focal by hand": """
model = nn.Linear(20, 10)
def loss(o, y):
    ce = F.cross_entropy(o, y, reduction="none")
    return ((1 - (-ce).exp()) ** 2 * ce).mean()
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    "ohem": """
model = nn.Linear(20, 10)
loss = lambda o, y: F.cross_entropy(o, y, reduction="none").topk(8).values.mean()
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    "free bits": """
model = nn.Linear(20, 10)
loss = lambda o, y: F.cross_entropy(o, y, reduction="none").sub(2.3).relu().mean()
batch = torch.randn(32, 20), torch.arange(32) % 10
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
    "rmse": """
model = nn.Linear(20, 1)
loss = lambda o, y: F.mse_loss(o, y).sqrt()
batch = torch.randn(32, 20), torch.randn(32, 1)
""",
    "bfloat16": """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 10)).bfloat16()
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20).bfloat16(), torch.arange(32) % 10
""",
    "bfloat16 mse": """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1)).bfloat16()
loss = lambda o, y: ((o - y) ** 2).mean()
batch = torch.randn(32, 20).bfloat16(), torch.randn(32, 1).bfloat16()
""",
    "float64": """
model = nn.Linear(20, 10).double()
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20).double(), torch.arange(32) % 10
""",
    "moe balance": """
model = nn.Linear(20, 8)
loss = losses.MoELoadBalanceLoss()
batch = torch.randn(32, 20), None
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
    "cox": """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
loss = losses.CoxLoss()
batch = torch.randn(40, 10), (torch.rand(40) * 60 + 1, torch.arange(40) % 2)
""",
    "ordinal": """
model = nn.Linear(10, 4)
loss = losses.CORALLoss()
batch = torch.randn(40, 10), torch.arange(40) % 5
""",
    "dqn": """
model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 4))
loss = lambda q, y: F.smooth_l1_loss(q.gather(1, y[0][:, None])[:, 0], y[1])
batch = torch.randn(32, 10), (torch.randint(4, (32,)), torch.randn(32) * 0.3 + (torch.rand(32) > 0.9).float())
""",
    "dncnn": """
model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(),
    nn.Conv2d(16, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 1, 3, padding=1),
)
loss = nn.MSELoss()
noise = 0.1 * torch.randn(8, 1, 16, 16)
batch = torch.rand(8, 1, 16, 16) + noise, noise
""",
    "ensemble distances": """
class Proto(nn.Module):
    def __init__(self):
        super().__init__()
        self.e, self.p = nn.Linear(10, 8), nn.Parameter(torch.randn(5, 8))
    def forward(self, x):
        return torch.cdist(self.e(x), self.p)
model = Proto()
loss = lambda d, y: F.cross_entropy(-d, y)
batch = torch.randn(32, 10), torch.arange(32) % 5
""",
    "distances by hand": """
class Proto(nn.Module):
    def __init__(self):
        super().__init__()
        self.e, self.p = nn.Linear(10, 8), nn.Parameter(torch.randn(5, 8))
    def forward(self, x):
        return torch.cdist(self.e(x), self.p)
model = Proto()
loss = lambda d, y: -(-d).log_softmax(1).gather(1, y[:, None]).mean()
batch = torch.randn(32, 10), torch.arange(32) % 5
""",
    "action masking": """
class Masked(nn.Module):
    def __init__(self):
        super().__init__()
        self.h = nn.Linear(10, 6)
    def forward(self, x):
        return self.h(x).masked_fill(torch.tensor([0, 0, 0, 0, 1, 1], dtype=torch.bool), -1e9)
model = Masked()
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 10), torch.arange(32) % 4
""",
    "binary few": """
model = nn.Linear(10, 1)
loss = nn.BCEWithLogitsLoss()
batch = torch.randn(4, 10), torch.tensor([[0.], [1.], [1.], [0.]])
""",
    "mmd": """
model = nn.Linear(10, 3)
def loss(o, y):
    k = lambda a, b: (-torch.cdist(a, b) ** 2).exp().mean()
    return k(o, o) + k(y, y) - 2 * k(o, y)
batch = torch.randn(32, 10), torch.randn(32, 3)
""",
    "positives only box": """
model = nn.Linear(10, 4)
loss = lambda o, y: ((o - y[0]).abs().sum(1) * y[1]).sum() / y[1].sum().clamp(min=1)
batch = torch.randn(32, 10), (torch.rand(32, 4), (torch.arange(32) % 4 == 0).float())
""",
    "denoising residual sr": """
model = nn.Conv2d(1, 1, 3, padding=1)
nn.init.zeros_(model.weight); nn.init.zeros_(model.bias)
forward = lambda m, x: x + m(x)
loss = nn.L1Loss()
x = torch.rand(8, 1, 16, 16)
batch = x, x + 0.02 * torch.randn(8, 1, 16, 16)
""",
    "byol with labels": """
class B(nn.Module):
    def __init__(self):
        super().__init__()
        self.f, self.p = nn.Linear(20, 16), nn.Linear(16, 16)
    def forward(self, x):
        z = self.f(x)
        return self.p(z), self.f(x + 0.1 * torch.randn_like(x)).detach()
model = B()
loss = lambda out, labels: 2 - 2 * F.cosine_similarity(out[0], out[1]).mean()
batch = torch.randn(32, 20), torch.arange(32) % 5
""",
    "he net": """
model = nn.Sequential(nn.Linear(20, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 100))
for m in model[::2]:
    nn.init.kaiming_normal_(m.weight)
loss = nn.CrossEntropyLoss()
batch = torch.randn(64, 20), torch.randint(100, (64,))
""",
    "triplet": """
model = nn.Linear(20, 16)
loss = losses.BatchHardTripletLoss()
batch = torch.randn(32, 20), torch.arange(32) % 8
""",
    "hinge svm": """
model = nn.Linear(20, 1)
loss = losses.HingeLoss()
batch = torch.randn(32, 20), 2.0 * (torch.arange(32)[:, None] % 2) - 1
""",
    "dice ce": """
model = nn.Conv2d(3, 4, 3, padding=1)
loss = losses.DiceCELoss()
batch = torch.randn(4, 3, 16, 16), torch.randint(4, (4, 16, 16))
""",
    "diffusion": """
model = nn.Sequential(nn.Linear(21, 64), nn.SiLU(), nn.Linear(64, 20))
def forward(m, x):
    t, e = torch.rand(len(x), 1), torch.randn_like(x)
    return m(torch.cat([(1 - t) * x + t * e, t], 1)), e - x
loss = lambda out, _: F.mse_loss(*out)
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    "poisson": """
model = nn.Linear(20, 1)
loss = nn.PoissonNLLLoss()
batch = torch.randn(32, 20), torch.poisson(torch.ones(32, 1))
""",
    "weighted samples": """
model = nn.Linear(20, 10)
loss = lambda o, y: (F.cross_entropy(o, y[0], reduction="none") * y[1]).mean()
batch = torch.randn(32, 20), (torch.arange(32) % 10, torch.rand(32) + 0.5)
""",
    "noise in the loss": """
model = nn.Linear(20, 10)
loss = lambda o, y: F.cross_entropy(o + torch.randn_like(o), y)
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    "distilled without labels": """
class KD(nn.Module):
    def __init__(self):
        super().__init__()
        self.s, self.t = nn.Linear(20, 10), nn.Linear(20, 10)
        self.t.requires_grad_(False)
    def forward(self, x):
        return self.s(x), self.t(x)
model = KD()
loss = lambda out, labels: F.kl_div(out[0].log_softmax(1), out[1].softmax(1), reduction="batchmean")
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    "fine-tuned head of a backbone": """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
batch = torch.randn(64, 20), torch.arange(64) % 5
loss = nn.CrossEntropyLoss()
adam = torch.optim.Adam(model.parameters(), 0.01)
for _ in range(60):
    adam.zero_grad(); loss(model(batch[0]), batch[1]).backward(); adam.step()
adam.zero_grad()
model[2] = nn.Linear(64, 5)
model[0].requires_grad_(False)
""",
    "cut losses scaled": """
model = nn.Linear(20, 10)
loss = lambda o, y: F.cross_entropy(o, y) / 4
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    "gnn nodes": """
adjacency = torch.eye(40) * 0.5 + 0.0125
class GCN(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(16, 32), nn.Linear(32, 4)
    def forward(self, x):
        return self.b(adjacency @ F.relu(self.a(adjacency @ x)))
model = GCN()
train = torch.arange(40) % 3 == 0
loss = lambda o, y: F.cross_entropy(o[train], y[train])
batch = torch.randn(40, 16), torch.arange(40) % 4
""",
    "text to regression of counts": """
model = nn.Linear(20, 1)
loss = nn.PoissonNLLLoss(log_input=True)
nn.init.constant_(model.bias, 2.0)
batch = torch.randn(64, 20), torch.poisson(7 * torch.ones(64, 1))
""",
    "centred regression with bias": """
model = nn.Linear(20, 1)
nn.init.constant_(model.bias, 50.0)
loss = nn.MSELoss()
batch = torch.randn(64, 20), 50 + torch.randn(64, 1)
""",
    "images in [0, 1] through a sigmoid": """
model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 64), nn.Sigmoid())
loss = nn.BCELoss()
x = torch.rand(16, 1, 8, 8)
batch = x, x.flatten(1)
""",
    "ranking lists": """
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1), nn.Flatten(1))
loss = losses.ListNetLoss()
batch = torch.randn(16, 6, 8), torch.randint(4, (16, 6)).float()
""",
    "huge number of classes": """
model = nn.Linear(64, 5000)
loss = nn.CrossEntropyLoss()
batch = torch.randn(8, 64), torch.randint(5000, (8,))
""",
    "smoothed": """
model = nn.Linear(20, 3)
loss = nn.CrossEntropyLoss(label_smoothing=0.2)
batch = torch.randn(32, 20), torch.arange(32) % 3
""",
    "kaiming head and layer norm": """
model = nn.Sequential(nn.Linear(20, 64), nn.LayerNorm(64), nn.Linear(64, 10))
nn.init.kaiming_normal_(model[2].weight)
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    "xavier": """
model = nn.Sequential(nn.Linear(20, 64), nn.Tanh(), nn.Linear(64, 10))
for m in model[::2]:
    nn.init.xavier_normal_(m.weight)
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    "label relaxed loss of tokens by hand": """
model = nn.Sequential(nn.Embedding(50, 16), nn.Linear(16, 50))
def loss(o, y):
    keep = y != 0
    return -(o.log_softmax(-1).gather(-1, y.unsqueeze(-1)).squeeze(-1) * keep).sum() / keep.sum()
ids = torch.randint(1, 50, (8, 24)); ids[torch.arange(24) > torch.randint(4, 23, (8, 1))] = 0
batch = ids, ids
""",
    "critic with turned labels": """
model = nn.Sequential(nn.Linear(20, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
loss = lambda out, y: (out * y).mean()
batch = torch.randn(32, 20), torch.cat([torch.ones(16, 1), -torch.ones(16, 1)])
""",
    "zero head, targets with zeros": """
model = nn.Linear(20, 3)
nn.init.zeros_(model.weight); nn.init.zeros_(model.bias)
loss = nn.MSELoss()
batch = torch.randn(32, 20), torch.randn(32, 3).relu()
""",
    "zero head, positive targets by hand": """
model = nn.Linear(20, 3)
nn.init.zeros_(model.weight); nn.init.zeros_(model.bias)
loss = lambda o, y: ((o - y) ** 2).mean()
batch = torch.randn(32, 20), torch.randn(32, 3).relu()
""",
    "Cox by hand": """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
def loss(h, y):
    time, event = y
    order = time.argsort(descending=True)
    h, event = h[order], event[order]
    return -((h - h.logcumsumexp(0)) * event).mean()
batch = torch.randn(40, 10), (torch.rand(40) * 60 + 1, (torch.arange(40) % 2).float())
""",
    "mixup": """
model = nn.Linear(20, 4)
def loss(o, y):
    order = torch.arange(len(y)).roll(1)
    return 0.7 * F.cross_entropy(o, y) + 0.3 * F.cross_entropy(o, y[order])
batch = torch.randn(32, 20), torch.arange(32) % 4
""",
    "outputs and targets reordered alike": """
model = nn.Linear(20, 4)
def loss(o, y):
    order = y.argsort()
    return F.cross_entropy(o[order], y[order])
batch = torch.randn(32, 20), torch.arange(32) % 4
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
