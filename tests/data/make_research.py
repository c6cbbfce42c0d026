"""How research_gln.npz and research_cln.npz were made: random weights and what the research code makes of them.

python tests/data/make_research.py, from the project's root, with ../shared beside it.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT.parent / "shared" / "tools" / "gpu_train"))
import net  # noqa: E402

t = torch.arange(300) / 8000
x = (torch.sin(2 * torch.pi * 440 * t) + 0.5 * torch.sin(2 * torch.pi * 1234 * t + 1) + 0.3)[None]
for kind, causal in (("gln", False), ("cln", True)):
    torch.manual_seed(1)
    config = dict(C=2, N=6, L=4, B=4, H=5, Sc=3, P=3, X=3, R=2, causal=causal)
    model = net.ConvTasNet(**config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim < 2:  # biases, norms and slopes start at constants
                parameter.add_(0.2 * torch.randn_like(parameter))
        y = model.double()(x.double()).float()
    state = {f"state/{name}": value.float().numpy() for name, value in model.state_dict().items()}
    path = Path(__file__).parent / f"research_{kind}.npz"
    np.savez_compressed(path, config=json.dumps(config), x=x.numpy(), y=y.numpy(), **state)
