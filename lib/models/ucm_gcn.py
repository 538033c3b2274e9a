"""UCM-GCN (Liang et al., TMM 2022): pictures, views and models embedded by one graph convolutional network.

No code of it was released. From the paper: one pretrained network's features for pictures and views, a model node
that starts as the maximum over its views, a classic GCN. Ours: two layers, the residual, the sizes, and features
centred per node type before their principal components are taken.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TYPES = ("models", "views", "pictures")


class UCMGCN(nn.Module):
    """Two graph convolutions beside a residual of the input features, embeddings of length one.

    With the normalised adjacency A and node features X:
    `U = A X + relu(A X W0 + b0) W1`, `Z = normalise(A U + residual X + b1)`, that is A A X + residual X plus a
    two-layer GCN. W1 starts at zero: training begins at the smoothed features, and improves on them or stays.
    """

    def __init__(self, feature_dim: int, embedding_dim: int, hidden_dim: int, residual: float = 0.5):
        super().__init__()
        if embedding_dim > feature_dim:
            raise ValueError(f"embedding_dim {embedding_dim} is larger than the features' {feature_dim} dimensions")
        self.residual = residual
        self.lift = nn.Linear(embedding_dim, hidden_dim)
        self.lower = nn.Linear(hidden_dim, embedding_dim, bias=False)
        self.bias = nn.Parameter(torch.zeros(embedding_dim))
        nn.init.kaiming_normal_(self.lift.weight)
        nn.init.zeros_(self.lift.bias)
        nn.init.zeros_(self.lower.weight)
        self.register_buffer("means", torch.zeros(len(TYPES), feature_dim))
        self.register_buffer("components", torch.eye(embedding_dim, feature_dim))

    @torch.no_grad()
    def start(self, views: Tensor, pictures: Tensor) -> Tensor:
        """Sets the means per node type and the principal components from views (S, V, F) and pictures (P, F).

        Returns the node features of models, views and pictures, in this order, (S + S V + P, D).
        """
        parts = [pooled(views), F.normalize(views.flatten(0, 1), dim=1), F.normalize(pictures, dim=1)]
        for k, rows in enumerate(parts):
            if len(rows):
                self.means[k] = rows.mean(0)
        both = torch.cat([parts[1] - self.means[1], parts[2] - self.means[2]])
        components = torch.linalg.eigh(both.T @ both).eigenvectors.flip(1)[:, : len(self.components)].T
        # a component's sign is free: fix it, so that every machine starts alike
        self.components.copy_(components * components.gather(1, components.abs().argmax(1, keepdim=True)).sign())
        return self.nodes(views, pictures)

    def nodes(self, views: Tensor, pictures: Tensor) -> Tensor:
        """Node features of the graph's models, views and pictures, (S + S V + P, D)."""
        parts = zip((pooled(views), views.flatten(0, 1), pictures), TYPES, strict=True)
        return torch.cat([self.project(rows, kind) for rows, kind in parts])

    def project(self, features: Tensor, kind: str) -> Tensor:
        """Features (N, F) of one node type, centred by its mean, to (N, D) of length one."""
        return F.normalize((F.normalize(features, dim=1) - self.means[TYPES.index(kind)]) @ self.components.T, dim=1)

    def hidden(self, smoothed: Tensor) -> Tensor:
        """What the second layer sends along the edges: U (N, D) from A X (N, D)."""
        return smoothed + self.lower(self.lift(smoothed).relu())

    def embed(self, smoothed: Tensor, x: Tensor) -> Tensor:
        """Embeddings (N, D) of length one from A U and the nodes' own features X, both (N, D)."""
        return F.normalize(smoothed + self.residual * x + self.bias, dim=1)

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        """Node features (N, D) and the normalised adjacency (N, N), sparse or dense, to embeddings (N, D)."""
        return self.embed(adjacency @ self.hidden(adjacency @ x), x)


def pooled(views: Tensor) -> Tensor:
    """Where a model node starts: the maximum over its views (S, V, F), of length one, (S, F)."""
    return F.normalize(F.normalize(views, dim=-1).amax(1), dim=1)
