#include "forward.h"
namespace tasnet {
void add_gradients(const Network&, Workspace&, const float*, float*) {}
}  // namespace tasnet
