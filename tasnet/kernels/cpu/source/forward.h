// mixture -> sources.
#pragma once
#include "workspace.h"

namespace tasnet {

// mixture (samples) -> out (C, samples). The number of the workspace's threads changes no bit of it.
void separate(const Network& net, Workspace& work, const float* mixture, long samples, float* out);

// d_estimates (C, samples), the gradient of a loss by what `separate` gave last in this workspace, which `keeps`: adds
// the gradient of every parameter, in the places that `offsets` has.
void add_gradients(const Network& net, Workspace& work, const float* d_estimates, float* gradient);

}  // namespace tasnet
