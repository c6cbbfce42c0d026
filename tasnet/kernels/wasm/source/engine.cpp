// Conv-TasNet in the browser: Fig. 1 as `tasnet/model.py` and `tasnet/streaming.py` compute it, one sound at a time.
//
// The caller, assets/web/browser/network.js, makes a network of the configuration, fills in its tensors in the layout
// in which they are stored, and then gives whole sounds, or a stream in pieces. One instance holds one network.
#include "layers.h"

#define EXPORT(name) extern "C" __attribute__((export_name(name)))

// Tells the caller of frames whose masks are known: w (rows, width of N), m (rows, C, width of N).
extern "C" __attribute__((import_module("tasnet"), import_name("seen"))) void seen(int rows, const float *w,
                                                                                    const float *m);

namespace {

constexpr int MOST_BLOCKS = 256;  // as in tasnet/config.py

struct Block {
  Matrix in, out;
  float slopes[2] = {0, 0};
  Norm norms[2];
  Depthwise conv;
};

struct Network {
  int N = 0, L = 0, B = 0, H = 0, Sc = 0, P = 0, blocks = 0, C = 0;  // Table I
  bool causal = false, relu = false;
  Limit limit = SIGMOID;
  float eps = 0, slope = 0, constant = 0;  // of the norms, of the last PReLU, of the decoder
  Matrix encoder, bottleneck, masks, decoder;
  Norm norm;
  Block block[MOST_BLOCKS];
  float *overlap = nullptr;  // (C, hop): of the last frame with the next
  double frames = 0;         // of the stream so far
};

constinit Network net;  // no constructor: it would run at every call from outside

struct Rows {
  float *w, *y, *summed, *u, *v;

  explicit Rows(int K)
      : w(floats(size_t(K) * whole(net.N))), y(floats(size_t(K) * whole(net.B))),
        summed(floats(size_t(K) * whole(net.Sc ? net.Sc : net.B))), u(floats(size_t(K) * whole(net.H))),
        v(floats(size_t(K) * whole(net.H))) {}
};

// Eq. 2, the first norm, the bottleneck and the blocks: x (K+1 hops) -> rows.w and what the masks are made of.
float *features(const float *x, int K, Rows &rows, bool stream) {
  const int hop = net.L / 2, N = whole(net.N), B = whole(net.B), H = whole(net.H), Sc = net.Sc ? whole(net.Sc) : 0;
  const double before = stream ? net.frames : 0;
  multiply(x, hop, K, net.encoder, 0, N, rows.w, N);
  if (net.relu) {
    prelu(rows.w, size_t(K) * N, 0);
  }
  {
    Borrowed here;
    float *normed = floats(size_t(K) * N);
    __builtin_memcpy(normed, rows.w, size_t(K) * N * sizeof(float));
    normalise(normed, K, N, net.norm, net.eps, before);
    multiply(normed, N, K, net.bottleneck, 0, B, rows.y, B);
  }
  for (int i = 0; i < net.blocks; i++) {
    Block &block = net.block[i];
    multiply(rows.y, B, K, block.in, 0, H, rows.u, H);
    prelu(rows.u, size_t(K) * H, block.slopes[0]);
    normalise(rows.u, K, H, block.norms[0], net.eps, before);
    if (stream) {
      convolve_next(block.conv, rows.u, K, H, rows.v, before);
    } else {
      convolve_all(block.conv, rows.u, K, H, rows.v);
    }
    prelu(rows.v, size_t(K) * H, block.slopes[1]);
    normalise(rows.v, K, H, block.norms[1], net.eps, before);
    multiply(rows.v, H, K, block.out, 0, B, rows.y, B, true);
    if (Sc) {
      multiply(rows.v, H, K, block.out, B, B + Sc, rows.summed, Sc, i > 0);
    }
  }
  return Sc ? rows.summed : rows.y;
}

// Masks, eqs. 4 and 5: out (C, samples) gets the first halves, with the halves before them; the last stay in overlap.
void decode(float *summed, int K, const Rows &rows, float *out, int samples) {
  const int hop = net.L / 2, N = whole(net.N), width = whole(net.Sc ? net.Sc : net.B), L = whole(net.L);
  Borrowed here;
  float *m = floats(size_t(TILE) * net.C * N), *d = floats(size_t(TILE) * N), *s = floats(size_t(TILE) * L);
  prelu(summed, size_t(K) * width, net.slope);
  for (int begin = 0; begin < K; begin += TILE) {
    const int count = begin + TILE < K ? TILE : K - begin;
    const float *w = rows.w + size_t(begin) * N;
    multiply(summed + size_t(begin) * width, width, count, net.masks, 0, net.C * N, m, net.C * N);
    for (int r = 0; r < count; r++) {
      limit(m + size_t(r) * net.C * N, net.C, N, net.limit);
    }
    seen(count, w, m);
    for (int c = 0; c < net.C; c++) {
      for (int r = 0; r < count; r++) {
        const float *mask = m + (size_t(r) * net.C + c) * N;
        for (int n = 0; n < N; n += 4) {
          store(d + r * N + n, load(mask + n) * load(w + r * N + n));
        }
      }
      multiply(d, N, count, net.decoder, 0, L, s, L);
      float *over = net.overlap + c * hop;
      for (int r = 0; r < count; r++) {
        float *to = out + size_t(c) * samples + size_t(begin + r) * hop;
        for (int n = 0; n < hop; n++) {
          to[n] = s[r * L + n] + over[n];
          over[n] = s[r * L + hop + n] + net.constant;
        }
      }
    }
  }
}

void forget() {
  net.frames = 0;
  for (int n = 0; n < net.C * (net.L / 2); n++) {
    net.overlap[n] = net.constant;
  }
  net.norm.sums[0] = net.norm.sums[1] = 0;
  for (int i = 0; i < net.blocks; i++) {
    for (Norm &norm : net.block[i].norms) {
      norm.sums[0] = norm.sums[1] = 0;
    }
    const Depthwise &conv = net.block[i].conv;
    if (conv.past) {
      __builtin_memset(conv.past, 0, size_t(conv.taps - 1) * conv.dilation * whole(net.H) * sizeof(float));
    }
  }
}

Norm make_norm(int kind, int channels) {
  Norm made;
  made.kind = static_cast<Kind>(kind);
  made.channels = channels;
  made.gain = floats(whole(channels));
  made.shift = floats(whole(channels));
  return made;
}

}  // namespace

// Room for so many floats that is never given back.
EXPORT("room") float *room(int count) { return floats(count); }

// So many floats for now: what `give_back` of the mark before it ends.
EXPORT("mark") uintptr_t mark() {
  take(0);
  return end_of_use;
}

EXPORT("give_back") void give_back(uintptr_t to) { end_of_use = to; }

// The network of a configuration; kinds as in `Kind` and `Limit`. Every tensor is to be filled in.
EXPORT("make")
void make(int N, int L, int B, int H, int Sc, int P, int X, int R, int C, int norm_in, int norm1, int norm2, int relu,
          int limit, int causal, int reflect, float eps) {
  net.N = N, net.L = L, net.B = B, net.H = H, net.Sc = Sc, net.P = P, net.blocks = X * R, net.C = C;
  net.causal = causal, net.relu = relu, net.limit = static_cast<Limit>(limit), net.eps = eps;
  net.norm = make_norm(norm_in, N);
  net.overlap = floats(C * (L / 2));
  for (int i = 0; i < net.blocks; i++) {
    Block &block = net.block[i];
    block.norms[0] = make_norm(norm1, H);
    block.norms[1] = make_norm(norm2, H);
    Depthwise &conv = block.conv;
    conv.taps = P, conv.dilation = 1 << (i % X), conv.causal = causal, conv.reflect = reflect;
    conv.weight = floats(size_t(P) * whole(H));
    conv.bias = floats(whole(H));
    conv.past = causal && P > 1 ? floats(size_t(P - 1) * conv.dilation * whole(H)) : nullptr;
  }
}

// 1x1-convs and coders, raw (outs, in) with a bias or null: 0 encoder, 1 bottleneck, 2 and 3 of a block, 4 masks,
// 5 decoder (L, N).
EXPORT("matrix") void matrix(int which, int block, const float *raw, const float *bias) {
  switch (which) {
    case 0:
      net.encoder = packed(raw, bias, 1, net.N, net.L);
      break;
    case 1:
      net.bottleneck = packed(raw, bias, 1, net.B, net.N);
      break;
    case 2:
      net.block[block].in = packed(raw, bias, 1, net.H, net.B);
      break;
    case 3: {  // the residual and the skip path may be of unlike widths: two matrices in one
      const int B = whole(net.B), Sc = net.Sc ? whole(net.Sc) : 0;
      Matrix made{net.H, B + Sc, floats(size_t(B + Sc) * net.H), floats(B + Sc)};
      Borrowed here;
      const Matrix residual = packed(raw, bias, 1, net.B, net.H);
      const Matrix skip = packed(raw + size_t(net.B) * net.H, bias + net.B, net.Sc ? 1 : 0, net.Sc ? net.Sc : 1, net.H);
      __builtin_memcpy(made.panels, residual.panels, size_t(B) * net.H * sizeof(float));
      __builtin_memcpy(made.panels + size_t(B) * net.H, skip.panels, size_t(Sc) * net.H * sizeof(float));
      __builtin_memcpy(made.bias, residual.bias, B * sizeof(float));
      __builtin_memcpy(made.bias + B, skip.bias, Sc * sizeof(float));
      net.block[block].out = made;
      break;
    }
    case 4:
      net.masks = packed(raw, bias, net.C, net.N, net.Sc ? net.Sc : net.B);
      break;
    default:
      net.decoder = packed(raw, bias, 1, net.L, net.N);
  }
}

// Where vectors go, and how many floats apart the rows of the taps lie: 0, 1 gain and shift of the first norm; of a
// block 2, 3 and 4, 5 those of its norms, 6 the taps, 7 the bias of the D-conv.
EXPORT("vector") float *vector(int which, int block) {
  Block &of = net.block[block];
  float *places[] = {net.norm.gain,     net.norm.shift,    of.norms[0].gain, of.norms[0].shift,
                     of.norms[1].gain, of.norms[1].shift, of.conv.weight,   of.conv.bias};
  return places[which];
}

EXPORT("width") int width(int channels) { return whole(channels); }

// Single numbers: the slopes of a block; block -1: of the last PReLU, and the decoder's constant.
EXPORT("numbers") void numbers(int block, float first, float second) {
  if (block < 0) {
    net.slope = first, net.constant = second;
    return;
  }
  net.block[block].slopes[0] = first, net.block[block].slopes[1] = second;
}

EXPORT("reset") void reset() { forget(); }

// The next K frames of a stream: x (K+1 hops) -> the hops they complete, out (C, K hop).
EXPORT("push") void push(const float *x, int K, float *out) {
  Borrowed here;
  Rows rows(K);
  float *summed = features(x, K, rows, true);
  decode(summed, K, rows, out, K * (net.L / 2));
  net.frames += K;
}

// (C, hop): what the last frame has in common with the next, which is what remains at the end of a sound.
EXPORT("overlap") float *overlap() { return net.overlap; }

// K frames that are the whole sound: x (K+1 hops) -> out (C, K hop); its last hop is then the overlap.
EXPORT("separate") void separate(const float *x, int K, float *out) {
  forget();
  Borrowed here;
  Rows rows(K);
  float *summed = features(x, K, rows, false);
  decode(summed, K, rows, out, K * (net.L / 2));
}
