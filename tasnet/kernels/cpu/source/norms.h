// The statistics of gLN (eqs. 10, 11) and cLN (eqs. 13, 14). They are not applied to the features themselves
// except where noted: products and taps take the features as they are, and their results are corrected.
#pragma once
#include <algorithm>
#include <cmath>

#include "products.h"

namespace tasnet {

struct Norm {
    float mean = 0;
    float rate = 1;  // 1 / deviation
};

// Frame by frame (cLN).
struct Frames {
    float* mean = nullptr;
    float* rate = nullptr;

    Frames from(int t) const { return {mean + t, rate + t}; }
};

// Sums of values and of their squares.
struct Moments {
    double sum = 0;
    double square = 0;

    void add(double s, double q) {
        sum += s;
        square += q;
    }

    // Of n values. A variance that is NaN stays NaN: damaged weights must not look sound.
    Norm norm(double n, float eps) const {
        const double mean = sum / n;
        const double variance = square / n - mean * mean;
        return {(float)mean, (float)(1 / std::sqrt((variance < 0 ? 0 : variance) + eps))};
    }
};

static inline void row_moments(const float* p, int channels, float& s, float& q) {
    Vector sums = {};
    Vector squares = {};
    for (int j = 0; j < channels; j += LANES) {
        const Vector x = load(p + j);
        sums += x;
        squares += x * x;
    }
    s = sum(sums);
    q = sum(squares);
}

// cLN's mean and rate of the M frames from t on, of a tile (M, channels). `hand_over(own)` takes the sums of the tile
// and returns those of all tiles before it.
template <class HandOver>
static inline void norms_so_far(
    const float* p, int M, int channels, int t, float eps, Frames out, HandOver hand_over
) {
    float s[TILE];
    float q[TILE];
    Moments own;
    for (int m = 0; m < M; m++) {
        row_moments(p + (size_t)m * channels, channels, s[m], q[m]);
        own.add(s[m], q[m]);
    }
    Moments so_far = hand_over(own);
    for (int m = 0; m < M; m++) {
        so_far.add(s[m], q[m]);
        const Norm norm = so_far.norm((t + m + 1.0) * channels, eps);
        out.mean[m] = norm.mean;
        out.rate[m] = norm.rate;
    }
}

// z = (v - m) r, the one place where a norm is applied: each frame of cLN has its own.
template <class S> static inline void normalise(const float* v, S* z, int M, int channels, Frames frames) {
    for (int m = 0; m < M; m++, v += channels, z += channels) {
        const Vector mean = all(frames.mean[m]);
        const Vector rate = all(frames.rate[m]);
        for (int j = 0; j < channels; j += LANES) store(z + j, (load(v + j) - mean) * rate);
    }
}

}  // namespace tasnet
