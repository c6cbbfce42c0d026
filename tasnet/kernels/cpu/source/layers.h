// The layers between the products, forward, on one tile of M frames; all pointers are to its first frame.
//
// The features are S or Z: float, or bfloat16 where the products take that, as memory is the bottleneck.
// With KEEP the signs before a PReLU are kept, for the gradient.
#pragma once
#include <algorithm>

#include "network.h"
#include "norms.h"
#include "vectors.h"

namespace tasnet {

constexpr int STRIP = 4;   // frames that are processed together
constexpr int SOON = 8;    // frames ahead that are prefetched

// Walks a tile in strips of frames and columns of LANES channels: work(first frame, end, channel). That is one cache
// line a frame, a pattern that hardware prefetchers recognise only in short strips, and not far ahead.
template <class Work> static inline void by_columns(int M, int channels, Work work) {
    for (int first = 0; first < M; first += STRIP)
        for (int j = 0; j < channels; j += LANES) work(first, std::min(M, first + STRIP), j);
}

// The values of LANES channels in a tile, added up; short sums first, which rounds less.
struct VectorMoments {
    Vector sums = {};
    Vector squares = {};

    void add_to(Moments& moments) const { moments.add(sum(sums), sum(squares)); }
};

// u = PReLU(x + bias), eq. 8, of a block x (M, width) of a product; a frame of u has H values. Adds up u.
template <bool KEEP, class Z>
__attribute__((noinline)) static void activate(
    const float* x, Z* u, Bits* negatives, const float* bias, float slope_, int M, int width, int H, Moments& moments
) {
    const Vector slope = all(slope_);
    VectorMoments total;
    by_columns(M, width, [&](int first, int last, int j) {
        const Vector b = load(bias + j);
        VectorMoments strip;
        for (int m = first; m < last; m++) {
            const long e = (long)m * H + j;
            const Vector before = load(x + m * width + j) + b;
            if constexpr (KEEP) negatives[e / LANES] = negative(before);
            const Vector y = prelu(before, slope);
            store(u + e, y);
            strip.sums += y;
            strip.squares += y * y;
        }
        total.sums += strip.sums;
        total.squares += strip.squares;
    });
    total.add_to(moments);
}

// The D-conv of a stretch of frames at which the same taps meet frames: v = PReLU(constant + sum of three taps of u),
// eqs. 6 and 8, with the factors of norm 1 already in the taps; adds up v.
struct Taps {
    const float* constant;
    const float* weight[3];
    long offset[3];  // of the values that a tap meets
};

template <bool KEEP, class S, class Z>
__attribute__((noinline)) static void convolve_stretch(
    const S* u, Z* v, Bits* negatives, const Taps& taps, float slope_, int M, int H, Moments& moments
) {
    const Vector slope = all(slope_);
    const long soon = (long)SOON * H;
    const S* u0 = u + taps.offset[0];
    const S* u1 = u + taps.offset[1];
    const S* u2 = u + taps.offset[2];
    VectorMoments total;
    by_columns(M, H, [&](int first, int last, int j) {
        const Vector c = load(taps.constant + j);
        const Vector w0 = load(taps.weight[0] + j);
        const Vector w1 = load(taps.weight[1] + j);
        const Vector w2 = load(taps.weight[2] + j);
        VectorMoments strip;
        for (long e = (long)first * H + j; e < (long)last * H; e += H) {
            const Vector x = c + w0 * load(u0 + e) + w1 * load(u1 + e) + w2 * load(u2 + e);
            if constexpr (KEEP) negatives[e / LANES] = negative(x);
            const Vector y = prelu(x, slope);
            store(v + e, y);
            strip.sums += y;
            strip.squares += y * y;
            ahead(u2 + e + soon);
            ahead_to_write(v + e + soon);
        }
        total.sums += strip.sums;
        total.squares += strip.squares;
    });
    total.add_to(moments);
}

// paths += y r + bias - row_sums r m (see `Normed`), from column `begin` on; x = the first B columns, where it is
// given.
template <class S>
__attribute__((noinline)) static void add_paths(
    float* paths, const float* y, const Normed& weights, Norm norm, S* x, int B, int width, int begin, int M
) {
    const Vector rate = all(norm.rate);
    const Vector shift = all(norm.rate * norm.mean);
    const long soon = (long)SOON * width;
    by_columns(M, width, [&](int first, int last, int j) {
        if (j < begin) return;
        const Vector c = load(weights.bias.data() + j) - load(weights.row_sums.data() + j) * shift;
        S* out = x && j < B ? x + (long)first * B + j : nullptr;
        for (long e = (long)first * width + j; e < (long)last * width; e += width) {
            const Vector sum = load(paths + e) + (load(y + e) * rate + c);
            store(paths + e, sum);
            ahead(paths + e + soon);
            ahead(y + e + soon);
            if (!out) continue;
            store(out, sum);
            out += B;
        }
    });
}

// PReLU of columns of `paths` (M, width) from `begin` on: out (M, channels).
static inline void activate_sum(
    const float* paths, int width, int begin, float* out, int channels, float slope_, int M
) {
    const Vector slope = all(slope_);
    for (int m = 0; m < M; m++)
        for (int j = 0; j < channels; j += LANES)
            store(out + (long)m * channels + j, prelu(load(paths + (long)m * width + begin + j), slope));
}

// m += bias, then the masks' nonlinearity (section II-C): `m` (M, n) with `stride` between frames.
static inline void limit_masks(float* m, long stride, const float* bias, int n, bool relu, int M) {
    for (int t = 0; t < M; t++, m += stride)
        for (int j = 0; j < n; j += LANES) {
            const Vector x = load(m + j) + load(bias + j);
            store(m + j, relu ? (x < 0 ? Vector{} : x) : sigmoid(x));
        }
}

// The same with masks that sum to one over the speakers: `m` (M, C, n).
static inline void softmax_masks(float* m, const float* bias, int C, int n, int M) {
    for (int t = 0; t < M; t++, m += C * n)
        for (int j = 0; j < n; j += LANES) {
            Vector most = load(m + j) + load(bias + j);
            for (int c = 0; c < C; c++) {
                const Vector x = load(m + c * n + j) + load(bias + c * n + j);
                most = x > most ? x : most;
                store(m + c * n + j, x);
            }
            Vector total = {};
            for (int c = 0; c < C; c++) {
                const Vector power = exponential(load(m + c * n + j) - most);
                store(m + c * n + j, power);
                total += power;
            }
            for (int c = 0; c < C; c++) store(m + c * n + j, load(m + c * n + j) / total);
        }
}

}  // namespace tasnet
