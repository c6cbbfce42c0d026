// mixture -> sources.
#pragma once
#include "workspace.h"

namespace tasnet {

// mixture (samples) -> out (C, samples), bit for bit the same for any number of threads in the workspace.
void separate(const Network& net, Workspace& work, const float* mixture, long samples, float* out);

// d_estimates (C, samples) is the gradient of a loss by the last output of `separate` in this workspace, which must
// `keep`: adds the gradient of every parameter, at the places in `offsets`.
void add_gradients(const Network& net, Workspace& work, const float* d_estimates, float* gradient);

}  // namespace tasnet
