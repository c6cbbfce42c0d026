#include "network.h"

#include <algorithm>

#include "workspace.h"

namespace tasnet {

int Shape::frames(long samples) const {
    // As `coders.cover`: zeros fill the last frame, or it is cut, or half a frame of zeros lies at both ends.
    const int half_frame = hop();
    if (edge) samples += edge + half_frame + (half_frame - samples % half_frame) % half_frame;
    const long beyond = std::max(0L, samples - L);
    return (int)(1 + (cut ? beyond / half_frame : (beyond + half_frame - 1) / half_frame));
}

Offsets::Offsets(const int64_t* in_order, int blocks) {
    auto take = [&](auto&... offsets) { ((offsets = *in_order++), ...); };
    take(V, U, gamma, beta, bottleneck, bias_bottleneck);
    for (int i = 0; i < blocks; i++) {
        BlockOffsets b;
        take(b.conv_in, b.bias_in, b.slope1, b.gamma1, b.beta1, b.taps, b.bias_taps);
        take(b.slope2, b.gamma2, b.beta2, b.conv_out, b.bias_out);
        this->blocks.push_back(b);
    }
    take(slope, conv_mask, bias_mask);
}

void Normed::pack(
    const float* W, const float* c, const float* gamma, const float* beta, int out, int in, bool half
) {
    forward.pack(in, out, half, W, true, gamma);
    backward.pack(out, in, half, W, false, gamma);
    row_sums.resize(out);
    bias.resize(out);
    for (int j = 0; j < out; j++) {
        double gain = 0;
        double shift = c[j];
        for (int k = 0; k < in; k++) {
            gain += W[(size_t)j * in + k] * gamma[k];
            shift += W[(size_t)j * in + k] * beta[k];
        }
        row_sums[j] = gain;
        bias[j] = shift;
    }
}

Network::Network(const Shape& shape, const int64_t* offsets) : shape(shape), offsets(offsets, shape.blocks()) {
    blocks.resize(shape.blocks());
    mask.resize(shape.C);
}

void Network::pack(const float* values, int part, int parts) {
    const int N = shape.N;
    const int L = shape.L;
    const int Sc = shape.Sc;
    const bool half = shape.half;
    if (part == 0) {
        this->values = values;
        encoder.pack(L, N, false, values + offsets.U, true);
        decoder.pack(N, L, false, values + offsets.V, false);
        decoder_backward.pack(L, N, false, values + offsets.V, true);
        bottleneck.pack(
            values + offsets.bottleneck, values + offsets.bias_bottleneck, values + offsets.gamma,
            values + offsets.beta, shape.B, N, half
        );
        const float* M = values + offsets.conv_mask;
        for (int c = 0; c < shape.C; c++) mask[c].pack(Sc, N, half, M + (size_t)c * N * Sc, true);
        mask_backward.pack(shape.C * N, Sc, half, M, false);
    }
    for (int i = part; i < shape.blocks(); i += parts) {
        const BlockOffsets& at = offsets.blocks[i];
        BlockWeights& block = blocks[i];
        block.in.pack(shape.B, shape.H, half, values + at.conv_in, true);
        block.in_backward.pack(shape.H, shape.B, half, values + at.conv_in, false);
        block.out.pack(
            values + at.conv_out, values + at.bias_out, values + at.gamma2, values + at.beta2, shape.paths(), shape.H,
            half
        );
    }
}

Workspace::Workspace(const Shape& s, int K, int threads, bool keeps)
    : most_frames(K), threads(threads), keeps(keeps) {
    const size_t size = s.half ? sizeof(bfloat16) : sizeof(float);
    const int rows = round_up(K, 16);  // rows up to there are read
    const int beyond = keeps ? 2 << (s.X - 1) : 0;  // frames of zeros that dilated taps meet at both ends
    auto features = [&](int channels, int zeros = 0) -> void* {
        char* start = memory.zeros<char>((size_t)(rows + 2 * zeros) * channels * size);
        return start + (size_t)zeros * channels * size;
    };
    auto frame_norms = [&] { return Frames{memory.zeros<float>(rows), memory.zeros<float>(rows)}; };
    for (int i = 0; i < s.blocks(); i++) {
        u.push_back(keeps || i == 0 ? features(s.H, beyond) : u[0]);
        if (!keeps) continue;
        v.push_back(features(s.H));
        x.push_back(features(s.B));
        u_negative.push_back(memory.zeros<Bits>((size_t)rows * s.H / LANES));
        v_negative.push_back(memory.zeros<Bits>((size_t)rows * s.H / LANES));
        if (!s.causal) continue;
        frames1.push_back(frame_norms());
        frames2.push_back(frame_norms());
    }
    if (s.causal) frames0 = frame_norms();
    norm1.resize(s.blocks());
    norm2.resize(s.blocks());
    source_stride = s.covered(K) + 64;
    mixture = memory.zeros<float>(source_stride);
    w = memory.zeros<float>((size_t)rows * s.N);
    paths = memory.zeros<float>((size_t)rows * s.paths());
    y = memory.zeros<float>((size_t)rows * s.paths());
    sources = memory.zeros<float>(s.C * source_stride);
    const bool all_masks = keeps || s.mask == SOFTMAX;
    const int widest = std::max({s.H, all_masks ? s.N * s.C : s.N, s.paths(), round_up(s.L, 16)});
    if (keeps) {
        masks = memory.zeros<float>((size_t)rows * s.N * s.C);
        d_sources = memory.zeros<float>(s.C * source_stride);
        d_paths = y;  // which has been used by then
        d_w = memory.zeros<float>((size_t)rows * s.N);
        d_taps = features(s.H, beyond);
        outer = memory.zeros<float>((size_t)widest * std::max({s.H, s.N, round_up(s.L, 16)}));
        sums = memory.zeros<float>(16 * (size_t)widest);
        row = memory.zeros<float>(5 * TILE);
    }
    for (int i = 0; i < threads; i++) {
        auto tile = [&] { return memory.zeros<float>((size_t)TILE * std::max(widest, 64)); };
        auto words = [&] { return memory.zeros<uint32_t>((size_t)TILE * widest); };
        Scratch own;
        own.a = tile();
        own.b = tile();
        own.c = tile();
        own.frames = memory.zeros<float>((size_t)TILE * round_up(s.L, 16));
        own.spare.a = words();
        if (keeps) {
            own.spare.b = words();
            own.spare.c = words();
        }
        scratch.push_back(own);
    }
}

}  // namespace tasnet
