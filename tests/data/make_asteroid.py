"""How asteroid_gln.npz and asteroid_cln.npz were made: random weights and what asteroid 0.7 makes of them.

python tests/data/make_asteroid.py, from the project's root, where asteroid is installed (it is not needed otherwise).
"""

import json
from pathlib import Path

import numpy as np
import torch
from asteroid.models import ConvTasNet

t = torch.arange(300) / 8000
x = (torch.sin(2 * torch.pi * 440 * t) + 0.5 * torch.sin(2 * torch.pi * 1234 * t + 1) + 0.3)[None]
sizes = dict(n_filters=6, kernel_size=4, stride=2, n_blocks=3, n_repeats=2, bn_chan=4, hid_chan=5, skip_chan=3)
for kind, options in (
    ("gln", dict()),
    ("cln", dict(causal=True, norm_type="cgLN", mask_act="relu", encoder_activation="relu")),
):
    torch.manual_seed(2)
    model = ConvTasNet(2, **sizes, **options, sample_rate=8000).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim < 2:  # biases, norms and slopes start at constants
                parameter.add_(0.2 * torch.randn_like(parameter))
        y = model.double()(x.double()).float()
    state = {f"state/{name}": value.float().numpy() for name, value in model.state_dict().items()}
    path = Path(__file__).parent / f"asteroid_{kind}.npz"
    np.savez_compressed(path, config=json.dumps(model.get_model_args()), x=x.numpy(), y=y.numpy(), **state)
