"""Conv-TasNet in C++, compiled for this processor: what `ConvTasNet` computes, and its gradients, only faster.

`source/` has the C++, `build` compiles it into the user's cache folder, and `network` calls it. Nothing is compiled or
loaded before it is asked for.
"""

from .build import BuildError, is_built, library
from .network import Network, Workspace, bfloat16_is_faster, why_not

__all__ = ["BuildError", "Network", "Workspace", "bfloat16_is_faster", "is_built", "library", "why_not"]
