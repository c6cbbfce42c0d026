// What is held of one sound on its way through the network, under the paper's names.
#pragma once
#include <vector>

#include "memory.h"
#include "network.h"
#include "norms.h"

namespace tasnet {

// Private to a thread: what it holds of one tile.
struct Scratch {
    float* a;
    float* b;
    float* c;
    float* frames;  // of a source
    Spare spare;
};

// For inference the blocks share their features. For training (`keeps`) each has its own, for the gradient, with one
// bit a value for what was negative before a PReLU: its output does not tell, as slopes may have any sign.
class Workspace {
public:
    Workspace(const Shape& shape, int most_frames, int threads, bool keeps);

    size_t bytes() const { return memory.bytes(); }

    const int most_frames;
    const int threads;
    const bool keeps;
    int frames = 0;    // K of the present sound
    long samples = 0;  // of it

    std::vector<void*> x;  // what a block is given, (K, B); only where it keeps
    std::vector<void*> u;  // after PReLU 1, (K, H); cLN: normalised
    std::vector<void*> v;  // after PReLU 2, likewise; only where it keeps
    std::vector<Bits*> u_negative;
    std::vector<Bits*> v_negative;
    std::vector<Norm> norm1;  // of gLN
    std::vector<Norm> norm2;
    Norm norm;                 // of w
    std::vector<Frames> frames1;  // of cLN; only where it keeps
    std::vector<Frames> frames2;
    Frames frames0;  // of w

    float* mixture;    // with the zeros at its edges
    float* w;          // (K, N), eq. 2
    float* paths;      // (K, B + Sc): residual path and sum of the skip paths
    float* y;          // (K, B + Sc): of the second 1x1-conv before norm 2 is applied
    float* masks;      // (K, C, N); only where it keeps
    float* sources;    // (C, covered)
    float* d_sources;  // the gradients of these, from here on, only where it keeps
    float* d_paths;
    float* d_w;
    void* d_taps;  // of what the taps gave, (K, H)
    float* outer;  // the product over all frames that gives the gradient of weights
    float* sums;
    float* row;  // coefficients of the frames of a tile
    std::vector<Scratch> scratch;

    float* source(int c) const { return sources + c * source_stride; }
    float* d_source(int c) const { return d_sources + c * source_stride; }

private:
    Memory memory;
    long source_stride;
};

}  // namespace tasnet
