// The layers between the products, backward, on one tile of M frames; all pointers are to its first frame.
//
// gLN. Of y = W (gamma z + beta) + c with z = (v - m) r, G = dy^T v over all frames gives dW, and with it dgamma and
// dbeta, whose sums over the channels are the two means that the gradient of the norm needs. So, with dz = dy W gamma,
//   dv = r dz - c1 - c2 v                                                                        in one pass.
// The same holds for norm 1 and the taps after it.
//
// cLN. m and r of a frame are those of all frames so far. With m_t = S_t / n_t and r_t of S and Q, the sums of v and
// v^2 so far, A_t = sum dz and D_t = sum dz z over the channels:
//   dS_t = (r^2 m D - r A) / n,   dQ_t = -r^2 D / 2n,   dv = r dz + sum_{s>=t} dS_s + 2 v sum_{s>=t} dQ_s
// The tiles are walked from the last to the first, with what lies after them in two sums. Kept is z, not v.
#pragma once
#include "layers.h"

namespace tasnet {

// How dv and v follow from dz and what was kept (v itself), for gLN; the same for every frame.
struct GlobalGradient {
    Vector rate;
    Vector constant;
    Vector factor;

    GlobalGradient(float r, float c1, float c2) : rate(all(r)), constant(all(c1)), factor(all(c2)) {}
    Vector of(Vector dz, Vector v, int) const { return dz * rate - (constant + v * factor); }
    Vector value(Vector v, int) const { return v; }
};

// For cLN, where z was kept; `row` has five coefficients of each frame.
struct FrameGradient {
    const float* row;

    Vector of(Vector dz, Vector z, int m) const {
        return dz * row[m] + (z * row[2 * TILE + m] + row[TILE + m]);
    }
    Vector value(Vector z, int m) const { return z * row[3 * TILE + m] + row[4 * TILE + m]; }
};

// Sums of dS and dQ of the frames after.
struct After {
    double S = 0;
    double Q = 0;
};

// The coefficients of a `FrameGradient` from dz and z (M, channels) of the frames t..
template <class S>
static void frame_coefficients(
    const float* dz, const S* z, int M, int channels, int t, Frames frames, After& after, float* row
) {
    float A[TILE];
    float D[TILE];
    const S* before = z - (size_t)std::min(t, TILE) * channels;
    for (int m = 0; m < M; m++) {
        const size_t at = (size_t)m * channels;
        Vector a = {};
        Vector d = {};
        for (int j = 0; j < channels; j += LANES) {
            const Vector g = load(dz + at + j);
            a += g;
            d += g * load(z + at + j);
            ahead(before + at + j);
        }
        A[m] = sum(a);
        D[m] = sum(d);
    }
    for (int m = M - 1; m >= 0; m--) {
        const double r = frames.rate[m];
        const double mean = frames.mean[m];
        const double n = (t + m + 1.0) * channels;
        after.S += (r * r * mean * D[m] - r * A[m]) / n;
        after.Q -= r * r * D[m] / (2 * n);
        row[m] = r;
        row[TILE + m] = after.S + 2 * mean * after.Q;
        row[2 * TILE + m] = 2 * after.Q / r;
        row[3 * TILE + m] = 1 / r;
        row[4 * TILE + m] = mean;
    }
}

// dz of PReLU 2's norm -> `out`: the gradient of what the taps gave. Adds to `sums`, (4, H): the sums of it times what
// each of the three taps met, and its own. Gives the sum of dv times what was negative: after the PReLU, or, where
// `before` is given (ANEW), before it.
template <bool ANEW, class S, class Gradient>
__attribute__((noinline)) static double back_to_taps(
    const float* dz, Gradient gradient, S* out, const S* v, const S* u, const Bits* negatives, const float* before,
    float* sums, float slope_, int M, int H, const long* offsets
) {
    const Vector slope = all(slope_);
    const long soon = (long)SOON * H;
    const S* u0 = u + offsets[0] * H;
    const S* u1 = u + offsets[1] * H;
    const S* u2 = u + offsets[2] * H;
    Vector total = {};
    by_columns(M, H, [&](int first, int last, int j) {
        Vector s0 = load(sums + j);
        Vector s1 = load(sums + H + j);
        Vector s2 = load(sums + 2 * H + j);
        Vector s = load(sums + 3 * H + j);
        int m = first;
        for (long e = (long)first * H + j; e < (long)last * H; e += H, m++) {
            const Vector kept = load(v + e);
            const Vector dv = gradient.of(load(dz + e), kept, m);
            const Bits bits = negatives[e / LANES];
            const Vector value = ANEW ? load(before + e) : gradient.value(kept, m);
            total += select(bits, dv * value, Vector{});
            const Vector d = select(bits, dv * slope, dv);
            store(out + e, d);
            s += d;
            s0 += d * load(u0 + e);
            s1 += d * load(u1 + e);
            s2 += d * load(u2 + e);
            ahead(v + e + soon);
            ahead(u2 + e + soon);
            ahead_to_write(out + e + soon);
        }
        store(sums + j, s0);
        store(sums + H + j, s1);
        store(sums + 2 * H + j, s2);
        store(sums + 3 * H + j, s);
    });
    return sum(total);
}

// dz of norm 1: each tap passes o back to the frame that it met.
template <class S> struct ThroughTaps {
    const S* o0;
    const S* o1;
    const S* o2;
    const float* gamma;
    const float* weight;  // (3, H)
    int H;
    Vector w0, w1, w2;

    ThroughTaps(const S* o, const float* gamma, const float* weight, int H, const long* offsets)
        : o0(o - offsets[0] * H), o1(o - offsets[1] * H), o2(o - offsets[2] * H), gamma(gamma), weight(weight), H(H) {}

    void column(int j) {
        const Vector g = load(gamma + j);
        w0 = load(weight + j) * g;
        w1 = load(weight + H + j) * g;
        w2 = load(weight + 2 * H + j) * g;
    }
    Vector at(long e) const {
        ahead(o0 + e + (long)SOON * H);
        return w0 * load(o0 + e) + w1 * load(o1 + e) + w2 * load(o2 + e);
    }
};

// A dz that has been computed already.
struct Given {
    const float* dz;

    void column(int) {}
    Vector at(long e) const { return load(dz + e); }
};

template <class S>
__attribute__((noinline)) static void take_through_taps(ThroughTaps<S> taps, float* dz, int M, int H, const S* next) {
    by_columns(M, H, [&](int first, int last, int j) {
        taps.column(j);
        for (long e = (long)first * H + j; e < (long)last * H; e += H) {
            store(dz + e, taps.at(e));
            ahead(next + e);
        }
    });
}

// dz of norm 1 -> `out`: the gradient of what the first 1x1-conv gave; adds it to `sums` (H). Gives, as `back_to_taps`,
// the sum for the slope.
template <bool ANEW, class S, class Gradient, class Source>
__attribute__((noinline)) static double back_to_product(
    Source source, Gradient gradient, S* out, const S* u, const Bits* negatives, const float* before, float* sums,
    float slope_, int M, int H, const S* next
) {
    const Vector slope = all(slope_);
    const long soon = (long)SOON * H;
    Vector total = {};
    by_columns(M, H, [&](int first, int last, int j) {
        source.column(j);
        Vector s = load(sums + j);
        int m = first;
        for (long e = (long)first * H + j; e < (long)last * H; e += H, m++) {
            const Vector kept = load(u + e);
            const Vector du = gradient.of(source.at(e), kept, m);
            const Bits bits = negatives[e / LANES];
            const Vector value = ANEW ? load(before + e) : gradient.value(kept, m);
            total += select(bits, du * value, Vector{});
            const Vector d = select(bits, du * slope, du);
            s += d;
            store(out + e, d);
            ahead(u + e + soon);
            ahead(next + e);
        }
        store(sums + j, s);
    });
    return sum(total);
}

// The first `channels` columns of d_paths (M, width) += x (M, channels); adds them, as they are then, to `sums`.
template <class S>
__attribute__((noinline)) static void add_to_paths(
    float* d_paths, const float* x, float* sums, int channels, int width, int M, const S* next
) {
    const long soon = (long)SOON * width;
    by_columns(M, channels, [&](int first, int last, int j) {
        Vector s = load(sums + j);
        float* p = d_paths + (long)first * width + j;
        for (long e = (long)first * channels + j; e < (long)last * channels; e += channels, p += width) {
            const Vector d = load(p) + load(x + e);
            s += d;
            store(p, d);
            ahead(p + soon);
            ahead(next + e);
        }
        store(sums + j, s);
    });
}

}  // namespace tasnet
