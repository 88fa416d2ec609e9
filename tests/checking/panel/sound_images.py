"""Images: segmentation, detection, diffusion."""

from __future__ import annotations

from .case import Case

SOUND = (
    Case(
        "U-Net and Dice",
        """
def double(a, b):
    return nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.GroupNorm(2, b), nn.ReLU())

class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.d1, self.d2, self.mid = double(1, 8), double(8, 16), double(16, 16)
        self.up2, self.up1 = nn.ConvTranspose2d(16, 16, 2, stride=2), nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.u2, self.u1, self.out = double(32, 16), double(16, 8), nn.Conv2d(8, 3, 1)

    def forward(self, x):
        a = self.d1(x)
        b = self.d2(F.max_pool2d(a, 2))
        c = self.mid(F.max_pool2d(b, 2))
        c = self.u2(torch.cat([b, self.up2(c)], 1))
        return self.out(self.u1(torch.cat([a, self.up1(c)], 1)))

model = UNet()
loss = losses.DiceLoss()
batch = (torch.randn(4, 1, 12, 12), torch.randint(3, (4, 12, 12)))
""",
    ),
    Case(
        "binary segmentation, Dice by hand and BCE",
        """
class Seg(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 1, 1))

    def forward(self, x):
        return self.net(x)

def loss(logits, mask):
    p = torch.sigmoid(logits).flatten(1)
    m = mask.flatten(1)
    dice = 1 - (2 * (p * m).sum(1) + 1) / (p.sum(1) + m.sum(1) + 1)
    return dice.mean() + F.binary_cross_entropy_with_logits(logits, mask)

model = Seg()
batch = (torch.randn(6, 3, 10, 10), (torch.rand(6, 1, 10, 10) < 0.4).float())
""",
    ),
    Case(
        "segmentation with void 255 ignored",
        """
model = nn.Sequential(
    nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
    nn.Conv2d(16, 16, 3, padding=2, dilation=2), nn.ReLU(), nn.Conv2d(16, 5, 1)
)
loss = nn.CrossEntropyLoss(ignore_index=255)
mask = torch.randint(5, (4, 10, 10))
mask[:, :1] = 255
batch = (torch.randn(4, 3, 10, 10), mask)
""",
    ),
    Case(
        "focal loss with the prior in the bias",
        """
import math

class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU())
        self.cls = nn.Conv2d(16, 1, 3, padding=1)
        nn.init.normal_(self.cls.weight, std=0.01)
        nn.init.constant_(self.cls.bias, -math.log((1 - 0.01) / 0.01))

    def forward(self, x):
        return self.cls(self.body(x))

model = Head()
loss = losses.SigmoidFocalLoss(alpha=0.25)
mask = torch.zeros(4, 1, 20, 20)
mask[:, :, :2, :2] = 1
batch = (torch.randn(4, 3, 20, 20), mask)
""",
    ),
    Case(
        "boxes from centre and size to corners, GIoU and L1",
        """
def corners(box):
    cx, cy, w, h = box.unbind(-1)
    return torch.stack([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], -1)

class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 4))

    def forward(self, x):
        return self.net(x).sigmoid()

model = Head()
giou = losses.GIoULoss()
loss = lambda out, box: 5 * F.l1_loss(out, box) + 2 * giou(corners(out), corners(box))
box = torch.cat([0.3 + 0.4 * torch.rand(32, 2), 0.05 + 0.25 * torch.rand(32, 2)], 1)
batch = (torch.randn(32, 32), box)
""",
    ),
    Case(
        "anchor-free detection head: classes, distances, centredness",
        """
class FCOS(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.GroupNorm(4, 16), nn.ReLU())
        self.cls, self.reg = nn.Conv2d(16, 3, 3, padding=1), nn.Conv2d(16, 4, 3, padding=1)
        self.ctr = nn.Conv2d(16, 1, 1)
        nn.init.constant_(self.cls.bias, -2.0)

    def forward(self, x):
        h = self.body(x)
        return {"cls": self.cls(h), "reg": F.softplus(self.reg(h)), "ctr": self.ctr(h)}

def loss(out, y):
    inside = y["inside"]
    count = inside.sum().clamp(min=1)
    cls = losses.functional.sigmoid_focal_loss(out["cls"], y["cls"], reduction="sum") / count
    reg = ((out["reg"] - y["reg"]).abs() * inside).sum() / (4 * count)
    ctr = F.binary_cross_entropy_with_logits(out["ctr"], y["ctr"], reduction="none")
    return cls + reg + (ctr * inside).sum() / count

model = FCOS()
inside = (torch.rand(4, 1, 8, 8) < 0.2).float()
targets = dict(
    cls=F.one_hot(torch.randint(3, (4, 8, 8)), 3).permute(0, 3, 1, 2).float() * inside,
    reg=torch.rand(4, 4, 8, 8) * 2, ctr=torch.rand(4, 1, 8, 8), inside=inside,
)
batch = (torch.randn(4, 3, 8, 8), targets)
""",
    ),
    Case(
        "ViT",
        """
class ViT(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 32, 4, stride=4)
        self.cls, self.pos = nn.Parameter(torch.zeros(1, 1, 32)), nn.Parameter(torch.zeros(1, 10, 32))
        nn.init.trunc_normal_(self.pos, std=0.02)
        layer = nn.TransformerEncoderLayer(32, 4, 64, 0.0, "gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm, self.head = nn.LayerNorm(32), nn.Linear(32, 5)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(len(x), -1, -1), x], 1) + self.pos
        return self.head(self.norm(self.encoder(x))[:, 0])

model = ViT()
loss = nn.CrossEntropyLoss(label_smoothing=0.1)
batch = (torch.randn(10, 3, 12, 12), torch.arange(10) % 5)
""",
    ),
    Case(
        "DiT block with adaLN-zero",
        """
class DiT(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.inp, self.time = nn.Linear(8, d), nn.Sequential(nn.Linear(1, d), nn.SiLU(), nn.Linear(d, d))
        self.norm1, self.norm2 = nn.LayerNorm(d, elementwise_affine=False), nn.LayerNorm(d, elementwise_affine=False)
        self.attention = nn.MultiheadAttention(d, 4, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(d, 2 * d), nn.GELU(), nn.Linear(2 * d, d))
        self.ada = nn.Sequential(nn.SiLU(), nn.Linear(d, 6 * d))
        self.out = nn.Linear(d, 8)
        for layer in (self.ada[1], self.out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x, t):
        x = self.inp(x)
        s1, b1, g1, s2, b2, g2 = self.ada(self.time(t)).unsqueeze(1).chunk(6, -1)
        h = self.norm1(x) * (1 + s1) + b1
        x = x + g1 * self.attention(h, h, h, need_weights=False)[0]
        x = x + g2 * self.mlp(self.norm2(x) * (1 + s2) + b2)
        return self.out(x)

model = DiT()
loss = nn.MSELoss()
batch = ((torch.randn(16, 6, 8), torch.rand(16, 1)), torch.randn(16, 6, 8))
""",
    ),
    Case(
        "diffusion: noise predicted, last convolution zero",
        """
class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.time = nn.Sequential(nn.Linear(16, 32), nn.SiLU(), nn.Linear(32, 16))
        self.inp, self.mid = nn.Conv2d(1, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1)
        self.out = nn.Conv2d(16, 1, 3, padding=1)
        self.norm = nn.GroupNorm(4, 16)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x, t):
        freq = torch.exp(-torch.arange(8) / 8 * 9.2)
        angle = t[:, None].float() * freq
        emb = self.time(torch.cat([angle.sin(), angle.cos()], -1))
        h = F.silu(self.inp(x)) + emb[:, :, None, None]
        return self.out(F.silu(self.norm(self.mid(h))))

model = Denoiser()
loss = nn.MSELoss()
t = torch.randint(1000, (12,))
alpha = torch.cos(t / 1000 * 1.57).view(-1, 1, 1, 1)
noise = torch.randn(12, 1, 10, 10)
batch = ((alpha * torch.randn(12, 1, 10, 10) + (1 - alpha**2).sqrt() * noise, t), noise)
""",
    ),
    Case(
        "flow matching, velocity as target",
        """
class Velocity(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 2))

    def forward(self, x, t):
        return self.net(torch.cat([x, t], 1))

model = Velocity()
loss = lambda v, target: ((v - target) ** 2).mean()
x0, x1, t = torch.randn(128, 2), torch.randn(128, 2) * 0.5 + 1, torch.rand(128, 1)
batch = (((1 - t) * x0 + t * x1, t), x1 - x0)
""",
    ),
)
