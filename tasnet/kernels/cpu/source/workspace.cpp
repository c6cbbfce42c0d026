#include "workspace.h"

#include <algorithm>

namespace tasnet {

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
        const bool own = keeps || i == 0;
        u.push_back(own ? features(s.H, beyond) : u[0]);
        v.push_back(own ? features(s.H) : v[0]);
        if (!keeps) continue;
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
    sources = memory.zeros<float>(s.C * source_stride);
    const bool all_masks = keeps || s.mask == SOFTMAX;
    const int widest = std::max({s.H, all_masks ? s.N * s.C : s.N, s.paths(), round_up(s.L, 16)});
    if (keeps) {
        masks = memory.zeros<float>((size_t)rows * s.N * s.C);
        d_sources = memory.zeros<float>(s.C * source_stride);
        d_paths = memory.zeros<float>((size_t)rows * s.paths());
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
