// What Python calls. No exception crosses: nullptr, or a value other than 0, means that there was not enough memory.
#include <exception>

#include "forward.h"
#include "tiles.h"

using namespace tasnet;

extern "C" {

// `numbers` as in `Shape`, `offsets` of the parameters in the order of `named_parameters()`.
Network* tasnet_network(const int* numbers, float eps, const int64_t* offsets) {
    Shape shape;
    int* fields[] = {&shape.N, &shape.L, &shape.B, &shape.H, &shape.Sc, &shape.X, &shape.R, &shape.C,
                     &shape.causal, &shape.relu_encoder, &shape.mask, &shape.half, &shape.edge, &shape.cut};
    for (int* field : fields) *field = *numbers++;
    shape.eps = eps;
    try {
        return new Network(shape, offsets);
    } catch (const std::exception&) {
        return nullptr;
    }
}

void tasnet_network_free(Network* net) {
    delete net;
}

int tasnet_pack(Network* net, const float* values, int part, int parts) {
    try {
        net->pack(values, part, parts);
        return 0;
    } catch (const std::exception&) {
        return 1;
    }
}

// Room for a sound of up to `samples`.
Workspace* tasnet_workspace(const Network* net, int64_t samples, int threads, int keeps) {
    try {
        return new Workspace(net->shape, net->shape.frames(samples), threads, keeps);
    } catch (const std::exception&) {
        return nullptr;
    }
}

void tasnet_workspace_free(Workspace* work) {
    delete work;
}

int64_t tasnet_workspace_bytes(const Workspace* work) {
    return work->bytes();
}

int tasnet_separate(const Network* net, Workspace* work, const float* mixture, int64_t samples, float* out) {
    try {
        separate(*net, *work, mixture, samples, out);
        return 0;
    } catch (const std::exception&) {
        return 1;
    }
}

void tasnet_add_gradients(const Network* net, Workspace* work, const float* d_estimates, float* gradient) {
    add_gradients(*net, *work, d_estimates, gradient);
}

// What this library was compiled for: vectors of 16 floats (AVX-512) or 8 (AVX2).
int tasnet_lanes() {
    return LANES;
}

// Whether it has products in bfloat16, and whether on a matrix unit, which this process may use.
int tasnet_bfloat16() {
#if defined(TASNET_BFLOAT16)
    return 1;
#else
    return 0;
#endif
}

int tasnet_matrix_unit() {
    return has_matrix_unit();
}

}  // extern "C"
