// Conv-TasNet as in Fig. 1, from one norm's statistics to the next.
//
// Each tile of frames goes through several layers while it is in the cache. The norms are never applied by themselves
// (but cLN's to u and v, which are kept normalised): with z = gamma (v - m) r + beta before a 1x1-conv W, c,
//   y = W z + c = r (W gamma) v + constant,
// so the product can take v as it is, before r and m of all frames are known.
#include "forward.h"

#include <deque>

#include "depthwise.h"
#include "layers.h"
#include "team.h"
#include "tiles.h"

namespace tasnet {
namespace {

// What all threads of a call share.
struct Shared {
    // cLN hands sums over from tile to tile, so that there the tiles have to be taken in order, as one share.
    Shared(int stages, int tiles, int joint, int shares)
        : moments{std::vector<Moments>(tiles), std::vector<Moments>(tiles)}, joints((size_t)tiles * joint) {
        for (int i = 0; i < stages; i++) this->stages.emplace_back(shares);
    }

    Team team;
    std::deque<Stage> stages;
    std::vector<Moments> moments[2];  // of every tile in this stage; the next stage has the other
    std::vector<float> joints;        // second halves of the last frames of tiles, (tiles, C, L/2)
};

template <class S, bool KEEP> class Worker {
public:
    Worker(const Network& net, Workspace& work, Shared& shared, int member)
        : net(net), shape(net.shape), work(work), shared(shared), own(work.scratch[member]), member(member),
          K(work.frames),
          tiles((K + TILE - 1) / TILE) {
        own_frames = {norm_of_frames, norm_of_frames + TILE};
    }

    void run() {
        const double values = (double)K * shape.H;
        share([&](int tile) { encode(tile); });
        keep(work.norm, (double)K * shape.N);
        for (int i = 0; i < shape.blocks(); i++) {
            share([&](int tile) { widen(i, tile); });
            keep(work.norm1[i], values);
            share([&](int tile) { convolve_tile(i, tile); });
            keep(work.norm2[i], values);
        }
        share([&](int tile) { estimate(tile); });
    }

private:
    template <class Task> void share(Task task) {
        stage = &shared.stages[number++];
        shared.team.share(*stage, member, tiles, task);
    }

    std::vector<Moments>& moments() { return shared.moments[number % 2]; }

    // gLN of the `values` that the finished stage has added up, always in the order of the tiles.
    void keep(Norm& kept, double values) {
        if (shape.causal) return;
        Moments total;
        for (const Moments& tile : moments()) total.add(tile.sum, tile.square);
        norm = total.norm(values, shape.eps);
        if constexpr (KEEP) kept = norm;
    }

    int first(int tile) const { return tile * TILE; }
    int length(int tile) const { return std::min(TILE, K - first(tile)); }

    void norms_of_tile(const float* p, int tile, int channels, Frames out) {
        auto hand_over = [&](const Moments& sums) { return stage->hand_over(tile, sums); };
        norms_so_far(p, length(tile), channels, first(tile), shape.eps, out, hand_over);
    }

    // w = H(x U), eq. 2.
    void encode(int tile) {
        const int M = length(tile);
        const int N = shape.N;
        float* w = work.w + (size_t)first(tile) * N;
        multiply(work.mixture + (long)first(tile) * shape.hop(), shape.hop(), net.encoder, w, N, M, own.spare.a);
        Moments sums;
        for (int m = 0; m < M; m++) {
            float* row = w + (size_t)m * N;
            if (shape.relu_encoder)
                for (int j = 0; j < N; j += LANES) store(row + j, prelu(load(row + j), Vector{}));
            float s;
            float q;
            row_moments(row, N, s, q);
            sums.add(s, q);
        }
        if (shape.causal) norms_of_tile(w, tile, N, work.frames0.from(first(tile)));
        else moments()[tile] = sums;
    }

    // The first norm and the bottleneck; x is what the first block is given.
    void begin_paths(int tile, S* x) {
        const int M = length(tile);
        const int B = shape.B;
        const int width = shape.paths();
        const float* bias = net.bottleneck.bias.data();
        const float* row_sums = net.bottleneck.row_sums.data();
        multiply(work.w + (size_t)first(tile) * shape.N, shape.N, net.bottleneck.forward, own.a, B, M, own.spare.a);
        for (int m = 0; m < M; m++) {
            const int t = first(tile) + m;
            const float rate = shape.causal ? work.frames0.rate[t] : norm.rate;
            const float shift = rate * (shape.causal ? work.frames0.mean[t] : norm.mean);
            float* paths = work.paths + (size_t)t * width;
            for (int j = 0; j < B; j += LANES)
                store(paths + j, load(own.a + m * B + j) * rate + (load(bias + j) - load(row_sums + j) * shift));
            memset(paths + B, 0, shape.Sc * sizeof(float));
            for (int j = 0; j < B; j += LANES) store(x + (size_t)m * B + j, load(paths + j));
        }
    }

    // The end of block i: norm 2 and its second 1x1-conv, of which y is known, and the two sums; x is what the next
    // block is given.
    void finish_block(int i, int tile, S* x) {
        const int width = shape.paths();
        const size_t at = (size_t)first(tile) * width;
        add_paths(work.paths + at, work.y + at, net.blocks[i].out, norm, x, shape.B, width, begin(i), length(tile));
    }

    // The first column of block i's second 1x1-conv that is used: the last residual path is not.
    int begin(int i) const { return i + 1 == shape.blocks() && shape.B % PANEL == 0 ? shape.B : 0; }

    // The end of the block before, then the first 1x1-conv and PReLU of block i: u.
    void widen(int i, int tile) {
        S* x = KEEP ? (S*)work.x[i] + (size_t)first(tile) * shape.B : (S*)own.c;
        if (i == 0) begin_paths(tile, x);
        else finish_block(i - 1, tile, x);
        const int M = length(tile);
        const size_t at = (size_t)first(tile) * shape.H;
        S* u = (S*)work.u[i] + at;
        Bits* negatives = KEEP ? work.u_negative[i] + at / LANES : nullptr;
        Moments sums;
        if (!shape.causal) {
            widen_to(u, i, x, negatives, M, sums);
            moments()[tile] = sums;
            return;
        }
        const Frames frames = KEEP ? work.frames1[i].from(first(tile)) : own_frames;
        widen_to(own.b, i, x, negatives, M, sums);
        norms_of_tile(own.b, tile, shape.H, frames);
        normalise(own.b, u, M, shape.H, frames);
    }

    template <class Z> void widen_to(Z* u, int i, const S* x, Bits* negatives, int M, Moments& sums) {
        const int B = shape.B;
        const int H = shape.H;
        const BlockOffsets& at = net.offsets.blocks[i];
        const float* bias = net.at(at.bias_in);
        const float slope = *net.at(at.slope1);
        by_blocks<S>(M, H, 0, [&](int m, int rows, int j, int width) {
            const size_t e = (size_t)m * H + j;
            Bits* bits = KEEP ? negatives + e / LANES : nullptr;
            multiply_panel(x + (size_t)m * B, B, net.blocks[i].in, j, own.a, width, rows);
            activate<KEEP>(own.a, u + e, bits, bias + j, slope, rows, width, H, sums);
        });
    }

    // Norm 1, the D-conv, PReLU 2 and, before norm 2 is known, the second 1x1-conv: y.
    void convolve_tile(int i, int tile) {
        const int M = length(tile);
        const int H = shape.H;
        const int t = first(tile);
        const float slope = *net.at(net.offsets.blocks[i].slope2);
        S* v = KEEP ? (S*)work.v[i] + (size_t)t * H : (S*)own.c;
        Moments sums;
        if (!shape.causal) {
            convolve<KEEP, S>(net, work, i, t, t + M, v, slope, norm, own.a, sums);
            moments()[tile] = sums;
        } else {
            const Frames frames = KEEP ? work.frames2[i].from(t) : own_frames;
            convolve<KEEP, S>(net, work, i, t, t + M, own.b, slope, Norm(), own.a, sums);
            norms_of_tile(own.b, tile, H, frames);
            normalise(own.b, v, M, H, frames);
        }
        const int width = shape.paths();
        float* y = work.y + (size_t)t * width;
        by_blocks<S>(M, width, begin(i), [&](int m, int rows, int j, int) {
            multiply_panel(v + (size_t)m * H, H, net.blocks[i].out.forward, j, y + (size_t)m * width + j, width, rows);
        });
    }

    // The masks, d = m w (eq. 4), and the frames of the sources, d V (eq. 5), overlapping by half.
    void estimate(int tile) {
        finish_block(shape.blocks() - 1, tile, nullptr);
        const int M = length(tile);
        const int N = shape.N;
        const int C = shape.C;
        const bool all_at_once = KEEP || shape.mask == SOFTMAX;
        const long stride = all_at_once ? C * N : N;
        const float* bias = net.at(net.offsets.bias_mask);
        const float* paths = work.paths + (size_t)first(tile) * shape.paths();
        float* masks = KEEP ? work.masks + (size_t)first(tile) * C * N : own.b;
        activate_sum(paths, shape.paths(), shape.B, own.a, shape.Sc, *net.at(net.offsets.slope), M);
        auto product = [&](int c, float* m) { multiply(own.a, shape.Sc, net.mask[c], m, stride, M, own.spare.a); };
        if (all_at_once)
            for (int c = 0; c < C; c++) product(c, masks + c * N);
        if (shape.mask == SOFTMAX) softmax_masks(masks, bias, C, N, M);
        for (int c = 0; c < C; c++) {
            float* m = all_at_once ? masks + c * N : masks;
            if (!all_at_once) product(c, m);
            if (shape.mask != SOFTMAX) limit_masks(m, stride, bias + (size_t)c * N, N, shape.mask == RELU, M);
            decode(tile, c, m, stride);
        }
    }

    void decode(int tile, int c, const float* masks, long stride) {
        const int M = length(tile);
        const int N = shape.N;
        const int hop = shape.hop();
        const int width = net.decoder.N;
        const float* w = work.w + (size_t)first(tile) * N;
        for (int m = 0; m < M; m++)
            for (int j = 0; j < N; j += LANES)
                store(own.c + (long)m * N + j, load(masks + m * stride + j) * load(w + (long)m * N + j));
        float* frames = own.frames;
        multiply(own.c, N, net.decoder, frames, width, M, own.spare.a);
        float* out = work.source(c) + (long)first(tile) * hop;
        for (int m = 0; m < M; m++, out += hop) {
            const float* frame = frames + (long)m * width;
            const bool joins = m + 1 == M && tile + 1 < tiles;  // the next tile's samples belong to another thread
            float* second = joins ? shared.joints.data() + ((long)tile * shape.C + c) * hop : out + hop;
            for (int l = 0; l < hop; l++) out[l] = m ? out[l] + frame[l] : frame[l];
            for (int l = 0; l < hop; l++) second[l] = frame[hop + l];
        }
    }

    const Network& net;
    const Shape& shape;
    Workspace& work;
    Shared& shared;
    const Scratch& own;
    const int member;  // of the team
    const int K;
    const int tiles;
    Stage* stage = nullptr;
    int number = 0;  // of stages so far
    Norm norm;  // of the last stage; cLN: none, its frames are normalised
    Frames own_frames;
    float norm_of_frames[2 * TILE];
};

template <class S, bool KEEP> void run(const Network& net, Workspace& work) {
    const int tiles = (work.frames + TILE - 1) / TILE;
    const int hop = net.shape.hop();
    const int C = net.shape.C;
    const int most = std::min(work.threads, tiles);
    Shared shared(2 * net.shape.blocks() + 2, tiles, C * hop, net.shape.causal ? 1 : most);
    shared.team.run(most, [&](int member) {
        Tiles configured;
        Worker<S, KEEP>(net, work, shared, member).run();
    });
    for (int tile = 1; tile < tiles; tile++)
        for (int c = 0; c < C; c++) {
            float* out = work.source(c) + (long)tile * TILE * hop;
            const float* joint = shared.joints.data() + ((long)(tile - 1) * C + c) * hop;
            for (int l = 0; l < hop; l++) out[l] += joint[l];
        }
}

}  // namespace

void separate(const Network& net, Workspace& work, const float* mixture, long samples, float* out) {
    const Shape& shape = net.shape;
    work.frames = shape.frames(samples);
    work.samples = samples;
    const long covered = shape.covered(work.frames);
    const long there = std::min(samples, covered - shape.edge);
    memset(work.mixture, 0, (covered + 64) * sizeof(float));
    memcpy(work.mixture + shape.edge, mixture, there * sizeof(float));
#if defined(TASNET_BFLOAT16)
    if (shape.half && work.keeps) run<bfloat16, true>(net, work);
    else if (shape.half) run<bfloat16, false>(net, work);
    else
#endif
        if (work.keeps) run<float, true>(net, work);
    else run<float, false>(net, work);
    for (int c = 0; c < shape.C; c++) {
        memset(out + c * samples, 0, samples * sizeof(float));
        memcpy(out + c * samples, work.source(c) + shape.edge, there * sizeof(float));
    }
}

}  // namespace tasnet
