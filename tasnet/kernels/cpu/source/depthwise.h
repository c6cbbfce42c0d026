// The D-conv (eq. 6) of any frames of a block, with norm 1 before it and PReLU 2 after it.
#pragma once
#include "layers.h"
#include "workspace.h"

namespace tasnet {

// Frames [t0, t1) -> v, at its frame t0; `slope` of PReLU 2. `constants` is room for 4 H values. Adds up v.
//
// With norm 1, z = gamma (u - m) r + beta = g u + shift, a tap gives w g u + w shift, where it meets a frame; zeros
// beyond the first and last are zeros of z, not of u. So a tile is split where a tap begins or ceases to meet frames.
template <bool KEEP, class S, class Z>
static void convolve(
    const Network& net, Workspace& work, int i, int t0, int t1, Z* v, float slope, Norm norm, float* constants,
    Moments& moments
) {
    const Shape& shape = net.shape;
    const BlockOffsets& at = net.offsets.blocks[i];
    const int H = shape.H;
    const int K = work.frames;
    const int d = shape.dilation(i);
    const int offsets[3] = {shape.causal ? -2 * d : -d, shape.causal ? -d : 0, shape.causal ? 0 : d};
    const float* gamma = net.at(at.gamma1);
    const float* beta = net.at(at.beta1);
    const float* weight = net.at(at.taps);
    const float* bias = net.at(at.bias_taps);
    int cuts[4] = {t0, std::clamp(d, t0, t1), std::clamp(shape.causal ? 2 * d : K - d, t0, t1), t1};
    if (cuts[1] > cuts[2]) std::swap(cuts[1], cuts[2]);
    for (int part = 0; part < 3; part++) {
        const int first = cuts[part];
        const int last = cuts[part + 1];
        if (first >= last) continue;
        float* constant = constants;
        for (int h = 0; h < H; h++) constant[h] = bias[h];
        Taps taps;
        taps.constant = constant;
        for (int p = 0; p < 3; p++) {
            const bool meets = first + offsets[p] >= 0 && first + offsets[p] < K;
            const float* w = weight + (long)p * H;
            float* scaled = constants + (long)(p + 1) * H;
            for (int h = 0; h < H; h++) {
                const float gain = gamma[h] * norm.rate;
                scaled[h] = meets ? w[h] * gain : 0;
                constant[h] += meets ? w[h] * (beta[h] - gain * norm.mean) : 0;
            }
            taps.weight[p] = scaled;
            taps.offset[p] = meets ? (long)offsets[p] * H : 0;
        }
        Bits* negatives = KEEP ? work.v_negative[i] + (size_t)first * H / LANES : nullptr;
        convolve_stretch<KEEP>(
            (const S*)work.u[i] + (size_t)first * H, v + (size_t)(first - t0) * H, negatives, taps, slope,
            last - first, H, moments
        );
    }
}

}  // namespace tasnet
