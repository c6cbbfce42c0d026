// The gradient of every parameter, backwards through what `separate` has kept.
//
// d_x is the gradient of the loss by x. That of a PReLU's slope is the sum of dy x where x < 0; as y = slope x is kept,
// it is the sum of dy y divided by the slope. Where the slope is too small for that, x is computed again.
#include "depthwise.h"
#include "forward.h"
#include "gradients.h"
#include "tiles.h"

namespace tasnet {
namespace {

// y = W (gamma z + beta) + c, from `in` to `out` channels; gradients have the layout of their parameters.
struct NormedConv {
    const float* W;
    const float* gamma;
    const float* beta;
    float* d_W;
    float* d_gamma;
    float* d_beta;
    float* d_c;
    int out;
    int in;

    // From G = dy^T v (out, in) and the column sums of dy; `spare` takes 2 `in` values. `values`: how many z was
    // normalised over. Returns how dv follows from dz.
    GlobalGradient add(const float* G, const float* sums, Norm norm, double values, float* spare) const {
        float* dg = spare;
        float* db = spare + in;
        memset(spare, 0, 2 * in * sizeof(float));
        for (int o = 0; o < out; o++) {
            const Vector s = all(sums[o]);
            const Vector sm = all(sums[o] * norm.mean);
            const size_t row = (size_t)o * in;
            for (int j = 0; j < in; j += LANES) {
                const Vector q = (load(G + row + j) - sm) * norm.rate;  // dy^T z
                const Vector w = load(W + row + j);
                store(d_W + row + j, load(d_W + row + j) + load(gamma + j) * q + load(beta + j) * s);
                store(dg + j, load(dg + j) + w * q);
                store(db + j, load(db + j) + w * s);
            }
            d_c[o] += sums[o];
        }
        return add_norm(gamma, d_gamma, d_beta, dg, db, in, norm, values);
    }

    static GlobalGradient add_norm(
        const float* gamma, float* d_gamma, float* d_beta, const float* dg, const float* db, int channels, Norm norm,
        double values
    ) {
        double A = 0;
        double D = 0;
        for (int j = 0; j < channels; j++) {
            d_gamma[j] += dg[j];
            d_beta[j] += db[j];
            A += (double)gamma[j] * db[j];
            D += (double)gamma[j] * dg[j];
        }
        const double factor = norm.rate * (double)norm.rate * D / values;
        return GlobalGradient(norm.rate, (float)(norm.rate * A / values - factor * norm.mean), (float)factor);
    }
};

template <class S> class Backward {
public:
    Backward(const Network& net, Workspace& work, float* gradient)
        : net(net), shape(net.shape), work(work), gradient(gradient), own(work.scratch[0]), K(work.frames),
          H(shape.H), width(shape.paths()), last_tile((K - 1) / TILE * TILE) {
        spare = work.sums + 2 * std::max(width, shape.C * shape.N);
        const size_t beyond = (size_t)2 << (shape.X - 1);
        memset(d_taps() - beyond * H, 0, beyond * H * sizeof(S));
        memset(d_taps() + (size_t)K * H, 0, beyond * H * sizeof(S));
        for (void* u : work.u) memset((S*)u + (size_t)K * H, 0, beyond * H * sizeof(S));
    }

    void run() {
        memset(work.sums, 0, width * sizeof(float));
        memset(work.outer, 0, (size_t)shape.N * net.decoder.N * sizeof(float));
        for (int t = 0; t < K; t += TILE) back_to_paths(t);
        add_outer_frames(net.offsets.V, net.decoder.N);
        begin_outer_product();
        for (int i = shape.blocks() - 1; i >= 0; i--) {
            const double values = (double)K * H;
            const GlobalGradient second = block_conv(i).add(work.outer, work.sums, work.norm2[i], values, spare);
            const GlobalGradient first = back_to_norm1(i, second);
            back_to_input(i, first);
        }
        back_to_encoder();
    }

private:
    S* d_taps() const { return (S*)work.d_taps; }
    int length(int t) const { return std::min(TILE, K - t); }
    float* d_paths(int t) const { return work.d_paths + (size_t)t * width; }

    NormedConv block_conv(int i) const {
        const BlockOffsets& at = net.offsets.blocks[i];
        return {net.at(at.conv_out),    net.at(at.gamma2),   net.at(at.beta2),     gradient + at.conv_out,
                gradient + at.gamma2,   gradient + at.beta2, gradient + at.bias_out, width,
                H};
    }

    NormedConv bottleneck() const {
        const Offsets& at = net.offsets;
        return {net.at(at.bottleneck), net.at(at.gamma),   net.at(at.beta),                gradient + at.bottleneck,
                gradient + at.gamma,   gradient + at.beta, gradient + at.bias_bottleneck, shape.B,
                shape.N};
    }

    // Whether the gradient of a slope is better computed from the input of the PReLU. What cLN keeps is normalised: y,
    // recovered from it, has the error of a mean that may be much larger.
    bool too_small(float slope) const { return std::abs(slope) < (shape.causal ? 0.02f : 1e-6f); }

    // Decoder (eq. 5), masks (eq. 4), the conv before them and its PReLU, of the frames t..
    void back_to_paths(int t) {
        const int M = length(t);
        const int N = shape.N;
        const int CN = shape.C * N;
        const int Sc = shape.Sc;
        const int hop = shape.hop();
        const float* w = work.w + (size_t)t * N;
        const float* masks = work.masks + (size_t)t * CN;
        float* d_w = work.d_w + (size_t)t * N;
        float* d_masks = own.b;  // before their nonlinearity
        for (int c = 0; c < shape.C; c++) {
            const float* d_source = work.d_source(c) + (long)t * hop;
            float* d_bias = gradient + net.offsets.bias_mask + (long)c * N;
            multiply(d_source, hop, net.decoder_backward, own.a, N, M, own.spare.a);
            for (int m = 0; m < M; m++)
                for (int j = 0; j < N; j += LANES) {
                    const long e = (long)m * N + j;
                    const long at = (long)m * CN + c * N + j;
                    const Vector d = load(own.a + e);
                    const Vector y = load(masks + at);
                    const Vector x = load(w + e);
                    const Vector slope = shape.mask == RELU ? (y > 0 ? all(1) : Vector{}) : y * (1 - y);
                    const Vector d_mask = d * x * slope;
                    store(d_w + e, c ? load(d_w + e) + d * y : d * y);
                    store(d_masks + at, d_mask);
                    store(own.c + e, x * y);
                    store(d_bias + j, load(d_bias + j) + d_mask);
                }
            const int columns = net.decoder.N;
            multiply_over_frames(
                own.c, N, N, d_source, hop, columns, work.outer, columns, M, false, own.spare
            );
        }
        multiply(d_masks, CN, net.mask_backward, own.a, Sc, M, own.spare.a);
        const Vector slope = all(*net.at(net.offsets.slope));
        Vector d_slope = {};
        for (int m = 0; m < M; m++) {
            float* d = d_paths(t + m);
            const float* skip_sum = work.paths + (size_t)(t + m) * width + shape.B;
            memset(d, 0, shape.B * sizeof(float));
            for (int j = 0; j < Sc; j += LANES) {
                const Vector x = load(skip_sum + j);
                const Vector dy = load(own.a + (long)m * Sc + j);
                const Vector dx = x < 0 ? dy * slope : dy;
                d_slope += x < 0 ? dy * x : Vector{};
                store(own.c + (long)m * Sc + j, prelu(x, slope));
                store(d + shape.B + j, dx);
                float* sums = work.sums + shape.B + j;
                store(sums, load(sums) + dx);
            }
        }
        gradient[net.offsets.slope] += sum(d_slope);
        multiply_over_frames(
            d_masks, CN, CN, own.c, Sc, Sc, gradient + net.offsets.conv_mask, Sc, M, shape.half, own.spare
        );
    }

    // outer (N, columns) -> the gradient (N, L) of U or V.
    void add_outer_frames(long offset, int columns) {
        for (int j = 0; j < shape.N; j++)
            for (int l = 0; l < shape.L; l++)
                gradient[offset + (long)j * shape.L + l] += work.outer[(size_t)j * columns + l];
    }

    // d_paths^T v of the last block, whose residual path is not used.
    void begin_outer_product() {
        const int i = shape.blocks() - 1;
        memset(work.outer, 0, (size_t)width * H * sizeof(float));
        float* skip_rows = work.outer + (size_t)shape.B * H;
        for (int t = 0; t < K; t += TILE)
            multiply_over_frames(
                d_paths(t) + shape.B, width, shape.Sc, (const S*)work.v[i] + (size_t)t * H, H, H, skip_rows, H,
                length(t), shape.half, own.spare
            );
    }

    void find_offsets(int i) {
        const long d = shape.dilation(i);
        for (int p = 0; p < 3; p++) offsets[p] = (p - (shape.causal ? 2 : 1)) * d;
    }

    // The second 1x1-conv, norm 2, PReLU 2 and the D-conv's parameters; leaves the gradient of the taps' output.
    GlobalGradient back_to_norm1(int i, GlobalGradient global) {
        const BlockOffsets& at = net.offsets.blocks[i];
        const float slope = *net.at(at.slope2);
        const bool anew = too_small(slope);
        double d_slope = 0;
        After after;
        find_offsets(i);
        memset(spare, 0, 4 * H * sizeof(float));
        for (int t = last_tile; t >= 0; t -= TILE) {
            const int M = length(t);
            const size_t e = (size_t)t * H;
            const S* u = (const S*)work.u[i] + e;
            const S* v = (const S*)work.v[i] + e;
            const Bits* negatives = work.v_negative[i] + e / LANES;
            multiply(d_paths(t), width, net.blocks[i].out.backward, own.a, H, M, own.spare.a);
            if (anew) {
                Moments ignored;
                convolve<false, S>(net, work, i, t, t + M, own.b, 1, work.norm1[i], own.c, ignored);
            }
            auto back = [&](auto gradient) {
                using Gradient = decltype(gradient);
                auto go = anew ? back_to_taps<true, S, Gradient> : back_to_taps<false, S, Gradient>;
                return go(own.a, gradient, d_taps() + e, v, u, negatives, own.b, spare, slope, M, H, offsets);
            };
            if (shape.causal) {
                frame_coefficients(own.a, v, M, H, t, work.frames2[i].from(t), after, work.row);
                d_slope += back(FrameGradient{work.row});
            } else {
                d_slope += back(global);
            }
        }
        gradient[at.slope2] += anew ? d_slope : d_slope / slope;
        return add_taps(i);
    }

    // The gradients of the taps, their bias and norm 1, from the sums in `spare`: D_p = sum d u over what tap p met,
    // and the sum of d itself, without the frames for which a tap met none.
    GlobalGradient add_taps(int i) {
        const BlockOffsets& at = net.offsets.blocks[i];
        const Norm norm = work.norm1[i];
        const float* gamma = net.at(at.gamma1);
        const float* beta = net.at(at.beta1);
        const float* all_frames = spare + 3 * H;
        float* met = spare + 4 * H;
        float* dg = spare + 5 * H;
        float* db = spare + 6 * H;
        memset(dg, 0, 2 * H * sizeof(float));
        for (int p = 0; p < 3; p++) {
            const float* D = spare + (long)p * H;
            const float* weight = net.at(at.taps) + (long)p * H;
            float* d_weight = gradient + at.taps + (long)p * H;
            const int reach = (int)std::min((long)K, std::abs(offsets[p]));
            const S* missed = d_taps() + (offsets[p] > 0 ? (size_t)(K - reach) * H : 0);
            memcpy(met, all_frames, H * sizeof(float));
            for (int t = 0; t < reach; t++)
                for (int h = 0; h < H; h += LANES) store(met + h, load(met + h) - load(missed + (size_t)t * H + h));
            for (int h = 0; h < H; h++) {
                const float x = norm.rate * (D[h] - norm.mean * met[h]);
                d_weight[h] += gamma[h] * x + beta[h] * met[h];
                dg[h] += weight[h] * x;
                db[h] += weight[h] * met[h];
            }
        }
        for (int h = 0; h < H; h++) gradient[at.bias_taps + h] += all_frames[h];
        return NormedConv::add_norm(
            gamma, gradient + at.gamma1, gradient + at.beta1, dg, db, H, norm, (double)K * H
        );
    }

    // Norm 1, PReLU 1 and the first 1x1-conv; begins the product over all frames of the block before.
    void back_to_input(int i, GlobalGradient global) {
        const BlockOffsets& at = net.offsets.blocks[i];
        const int B = shape.B;
        const float slope = *net.at(at.slope1);
        const bool anew = too_small(slope);
        const S* before = (const S*)work.v[i ? i - 1 : 0];
        S* d_wide = (S*)own.c;
        double d_slope = 0;
        After after;
        memset(work.outer, 0, (size_t)width * std::max(H, shape.N) * sizeof(float));
        memset(work.sums, 0, B * sizeof(float));
        for (int t = last_tile; t >= 0; t -= TILE) {
            const int M = length(t);
            const size_t e = (size_t)t * H;
            const S* u = (const S*)work.u[i] + e;
            const S* x = (const S*)work.x[i] + (size_t)t * B;
            const Bits* negatives = work.u_negative[i] + e / LANES;
            const ThroughTaps<S> taps(d_taps() + e, net.at(at.gamma1), net.at(at.taps), H, offsets);
            if (anew) {
                multiply(x, B, net.blocks[i].in, own.b, H, M, own.spare.a);
                const float* bias = net.at(at.bias_in);
                for (int m = 0; m < M; m++)
                    for (int h = 0; h < H; h++) own.b[(long)m * H + h] += bias[h];
            }
            auto back = [&](auto source, auto gradient) {
                using Source = decltype(source);
                using Gradient = decltype(gradient);
                auto go = back_to_product<false, S, Gradient, Source>;
                if (anew) go = back_to_product<true, S, Gradient, Source>;
                float* sums = this->gradient + at.bias_in;
                return go(source, gradient, d_wide, u, negatives, own.b, sums, slope, M, H, before + e);
            };
            if (shape.causal) {
                take_through_taps(taps, own.a, M, H, u);
                frame_coefficients(own.a, u, M, H, t, work.frames1[i].from(t), after, work.row);
                d_slope += back(Given{own.a}, FrameGradient{work.row});
            } else {
                d_slope += back(taps, global);
            }
            multiply_over_frames(d_wide, H, H, x, B, B, gradient + at.conv_in, B, M, shape.half, own.spare);
            multiply(d_wide, H, net.blocks[i].in_backward, own.b, B, M, own.spare.a);
            add_to_paths(d_paths(t), own.b, work.sums, B, width, M, x - (size_t)std::min(t, TILE) * B);
            if (i) {
                multiply_over_frames(
                    d_paths(t), width, width, before + e, H, H, work.outer, H, M, shape.half, own.spare
                );
                continue;
            }
            const float* z = normed_w(t);
            multiply_over_frames(
                d_paths(t), width, B, z, shape.N, shape.N, work.outer, shape.N, M, shape.half, own.spare
            );
        }
        gradient[at.slope1] += anew ? d_slope : d_slope / slope;
    }

    // w of the frames t.., cLN: normalised.
    const float* normed_w(int t) {
        const float* w = work.w + (size_t)t * shape.N;
        if (!shape.causal) return w;
        normalise(w, own.c, length(t), shape.N, work.frames0.from(t));
        return own.c;
    }

    // Bottleneck, the first norm and the encoder (eq. 2).
    void back_to_encoder() {
        const int N = shape.N;
        const int columns = net.decoder.N;
        const Norm norm = shape.causal ? Norm() : work.norm;
        const GlobalGradient global = bottleneck().add(work.outer, work.sums, norm, (double)K * N, spare);
        After after;
        memset(work.outer, 0, (size_t)N * columns * sizeof(float));
        for (int t = last_tile; t >= 0; t -= TILE) {
            const int M = length(t);
            const float* w = work.w + (size_t)t * N;
            const float* z = normed_w(t);
            float* d_w = work.d_w + (size_t)t * N;
            multiply(d_paths(t), width, net.bottleneck.backward, own.a, N, M, own.spare.a);
            if (shape.causal) frame_coefficients(own.a, z, M, N, t, work.frames0.from(t), after, work.row);
            const FrameGradient by_frame{work.row};
            for (int m = 0; m < M; m++)
                for (long e = (long)m * N; e < (m + 1L) * N; e += LANES) {
                    const Vector dz = load(own.a + e);
                    const Vector kept = load(z + e);
                    Vector d = load(d_w + e) + (shape.causal ? by_frame.of(dz, kept, m) : global.of(dz, kept, m));
                    if (shape.relu_encoder) d = load(w + e) > 0 ? d : Vector{};
                    store(d_w + e, d);
                }
            const float* frames = work.mixture + (long)t * shape.hop();
            multiply_over_frames(
                d_w, N, N, frames, shape.hop(), columns, work.outer, columns, M, false, own.spare
            );
        }
        add_outer_frames(net.offsets.U, columns);
    }

    const Network& net;
    const Shape& shape;
    Workspace& work;
    float* gradient;
    const Scratch& own;
    const int K;
    const int H;
    const int width;
    const int last_tile;  // its first frame
    float* spare;         // 7 H values, or 2 N
    long offsets[3];      // of the frames that the taps of this block meet
};

}  // namespace

void add_gradients(const Network& net, Workspace& work, const float* d_estimates, float* gradient) {
    const Shape& shape = net.shape;
    const long covered = shape.covered(work.frames);
    const long there = std::min(work.samples, covered - shape.edge);
    for (int c = 0; c < shape.C; c++) {
        float* d = work.d_source(c);
        memset(d, 0, (covered + 64) * sizeof(float));
        memcpy(d + shape.edge, d_estimates + c * work.samples, there * sizeof(float));
    }
    Tiles configured;
#if defined(TASNET_BFLOAT16)
    if (shape.half) {
        Backward<bfloat16>(net, work, gradient).run();
        return;
    }
#endif
    Backward<float>(net, work, gradient).run();
}

}  // namespace tasnet
