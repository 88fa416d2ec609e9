"""Several tasks, policies, graphs, sets, experts."""

from __future__ import annotations

from .case import Case

SOUND = (
    Case(
        "two tasks summed",
        """
class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(20, 64), nn.ReLU())
        self.kind, self.size = nn.Linear(64, 5), nn.Linear(64, 1)

    def forward(self, x):
        h = self.body(x)
        return self.kind(h), self.size(h)

model = TwoHeads()
loss = lambda kind, size, y, s: F.cross_entropy(kind, y) + 0.5 * F.mse_loss(size, s)
batch = (torch.randn(60, 20), (torch.arange(60) % 5, torch.randn(60, 1)))
""",
    ),
    Case(
        "weights of uncertainty in the optimizer",
        """
class Uncertain(nn.Module):
    def __init__(self):
        super().__init__()
        self.log_var = nn.Parameter(torch.zeros(2))

    def forward(self, out, y):
        terms = torch.stack([F.cross_entropy(out["kind"], y["kind"]), F.mse_loss(out["size"], y["size"])])
        return (terms * torch.exp(-self.log_var) + self.log_var / 2).sum()

class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(20, 64), nn.ReLU())
        self.heads = nn.ModuleDict({"kind": nn.Linear(64, 5), "size": nn.Linear(64, 1)})

    def forward(self, x):
        h = self.body(x)
        return {name: head(h) for name, head in self.heads.items()}

model, loss = TwoHeads(), Uncertain()
batch = (torch.randn(60, 20), dict(kind=torch.arange(60) % 5, size=torch.randn(60, 1)))
optimizer = torch.optim.Adam([*model.parameters(), *loss.parameters()], 1e-3)
""",
    ),
    Case(
        "auxiliary classifiers of a deep net",
        """
class Inception(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(20, 64), nn.Linear(64, 64)
        self.aux, self.head = nn.Linear(64, 5), nn.Linear(64, 5)

    def forward(self, x):
        h = F.relu(self.a(x))
        out = self.head(F.relu(self.b(h)))
        return (out, self.aux(h)) if self.training else out

def loss(out, y):
    if isinstance(out, tuple):
        return F.cross_entropy(out[0], y) + 0.3 * F.cross_entropy(out[1], y)
    return F.cross_entropy(out, y)

model = Inception()
batch = (torch.randn(60, 20), torch.arange(60) % 5)
""",
    ),
    Case(
        "policy gradient",
        """
policy = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 3))
model = policy

def loss(logits, action, advantage):
    logp = torch.distributions.Categorical(logits=logits).log_prob(action)
    return -(logp * advantage).mean()

advantage = torch.randn(64)
batch = (torch.randn(64, 6), (torch.randint(3, (64,)), (advantage - advantage.mean()) / advantage.std()))
""",
    ),
    Case(
        "PPO with ours, ratio one at the start",
        """
class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 3))

    def forward(self, obs, action):
        return self.net(obs).log_softmax(-1).gather(1, action[:, None]).squeeze(1)

model = Policy()
loss = losses.PPOClipLoss()
obs, action = torch.randn(64, 6), torch.randint(3, (64,))
with torch.no_grad():
    old = model(obs, action)
batch = ((obs, action), (old, torch.randn(64)))
""",
    ),
    Case(
        "actor and critic, orthogonal weights, value loss",
        """
def layer(a, b, gain=2**0.5):
    made = nn.Linear(a, b)
    nn.init.orthogonal_(made.weight, gain)
    nn.init.zeros_(made.bias)
    return made

class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.actor = nn.Sequential(layer(6, 64), nn.Tanh(), layer(64, 64), nn.Tanh(), layer(64, 4, 0.01))
        self.critic = nn.Sequential(layer(6, 64), nn.Tanh(), layer(64, 64), nn.Tanh(), layer(64, 1, 1.0))

    def forward(self, obs):
        return self.actor(obs), self.critic(obs).squeeze(-1)

def loss(logits, value, action, returns, advantage):
    pi = torch.distributions.Categorical(logits=logits)
    return -(pi.log_prob(action) * advantage).mean() + 0.5 * F.mse_loss(value, returns) - 0.01 * pi.entropy().mean()

model = ActorCritic()
batch = (torch.randn(64, 6), (torch.randint(4, (64,)), torch.randn(64), torch.randn(64)))
""",
    ),
    Case(
        "Q-learning: the value of the action taken",
        """
class Q(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 4))

    def forward(self, obs, action):
        return self.net(obs).gather(1, action[:, None]).squeeze(1)

model = Q()
loss = nn.SmoothL1Loss()
batch = ((torch.randn(64, 6), torch.randint(4, (64,))), torch.randn(64))
""",
    ),
    Case(
        "graph convolutions, adjacency as second input",
        """
class GCN(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(10, 32), nn.Linear(32, 4)

    def forward(self, x, adjacency):
        h = F.relu(adjacency @ self.a(x))
        return adjacency @ self.b(h)

model = GCN()
loss = nn.CrossEntropyLoss()
link = ((torch.rand(30, 30) < 0.15).float() + torch.eye(30)).clamp(max=1)
link = torch.maximum(link, link.T)
degree = link.sum(1)
batch = ((torch.randn(30, 10), link / (degree[:, None] * degree[None]).sqrt()), torch.arange(30) % 4)
""",
    ),
    Case(
        "message passing on a batch of graphs",
        """
class MPNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.message, self.update = nn.Linear(5, 24), nn.Linear(24, 24), nn.GRUCell(24, 24)
        self.out = nn.Linear(24, 1)

    def forward(self, nodes, edges):
        h = F.relu(self.embed(nodes))
        b, n, d = h.shape
        for _ in range(2):
            m = edges @ self.message(h) / n
            h = self.update(m.reshape(-1, d), h.reshape(-1, d)).reshape(b, n, d)
        return self.out(h.sum(1)).squeeze(-1)

model = MPNN()
loss = nn.L1Loss()
edges = (torch.rand(16, 8, 8) < 0.4).float()
batch = ((torch.randn(16, 8, 5), edges), torch.randn(16))
""",
    ),
    Case(
        "DeepSets",
        """
class DeepSets(nn.Module):
    def __init__(self):
        super().__init__()
        self.phi = nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 32))
        self.rho = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 4))

    def forward(self, points):
        return self.rho(self.phi(points).mean(1))

model = DeepSets()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(32, 20, 3), torch.arange(32) % 4)
""",
    ),
    Case(
        "PointNet with max pooling",
        """
class PointNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.mlp = nn.Sequential(nn.Conv1d(3, 32, 1), nn.ReLU(), nn.Conv1d(32, 64, 1), nn.ReLU())
        self.head = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 5))

    def forward(self, points):
        return self.head(self.mlp(points.transpose(1, 2)).max(-1).values)

model = PointNet()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(20, 30, 3), torch.arange(20) % 5)
""",
    ),
    Case(
        "mixture of experts, every expert used",
        """
class MoE(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(12, 3)
        self.experts = nn.ModuleList([nn.Sequential(nn.Linear(12, 24), nn.ReLU(), nn.Linear(24, 12)) for _ in range(3)])
        self.head = nn.Linear(12, 4)

    def forward(self, x):
        weights = self.gate(x).softmax(-1)
        y = torch.stack([expert(x) for expert in self.experts], 1)
        return self.head(x + (weights.unsqueeze(-1) * y).sum(1))

model = MoE()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(40, 12), torch.arange(40) % 4)
""",
    ),
    Case(
        "categories and numbers: embeddings beside features",
        """
class Tabular(nn.Module):
    def __init__(self):
        super().__init__()
        self.embeds = nn.ModuleList([nn.Embedding(n, 4) for n in (7, 12, 3)])
        self.net = nn.Sequential(nn.Linear(12 + 6, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 1))

    def forward(self, codes, numbers):
        parts = [embed(codes[:, i]) for i, embed in enumerate(self.embeds)]
        return self.net(torch.cat([*parts, numbers], 1))

model = Tabular()
loss = nn.MSELoss()
codes = torch.stack([torch.randint(n, (64,)) for n in (7, 12, 3)], 1)
batch = ((codes, torch.randn(64, 6)), torch.randn(64, 1))
""",
    ),
    Case(
        "logits through a wrapper given as forward",
        """
model = nn.ModuleDict({"encoder": nn.Linear(10, 32), "decoder": nn.Linear(32, 5)})
forward = lambda m, x: m["decoder"](torch.relu(m["encoder"](x)))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(40, 10), torch.arange(40) % 5)
""",
    ),
    Case(
        "hinge with labels of -1 and 1",
        """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
loss = losses.HingeLoss()
batch = (torch.randn(60, 10), (torch.arange(60) % 2) * 2.0 - 1)
""",
    ),
)
