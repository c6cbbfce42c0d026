// What lies between the 1x1-convs: PReLU (eq. 8), the norms (eqs. 9-14), the D-conv (eq. 6) and the masks' limits.
#pragma once

#include "products.h"

enum Kind { AFFINE, CUMULATIVE, CHANNEL, GLOBAL };  // BN and none; cLN; chLN; gLN
enum Limit { SIGMOID, SOFTMAX, RELU };

struct Norm {
  Kind kind = AFFINE;
  int channels = 0;
  float *gain = nullptr;
  float *shift = nullptr;
  double sums[2] = {0, 0};  // of cLN: of all features so far and of their squares
};

inline void prelu(float *x, size_t count, float slope) {
  for (size_t i = 0; i < count; i += 4) {
    const Four v = load(x + i);
    store(x + i, larger(v, all(0)) + all(slope) * smaller(v, all(0)));
  }
}

// Of the channels: their sum, and of the squares of what they differ from their mean.
struct Spread {
  float total;
  float squares;
};

inline Spread spread(const float *f, int channels, int width) {
  Four total = all(0);
  for (int h = 0; h < width; h += 4) {
    total += load(f + h);
  }
  const float added = sum(total), mean = added / channels;
  Four squares = all(0);
  for (int h = 0; h < width; h += 4) {
    const Four d = load(f + h) - all(mean);
    squares += d * d;
  }
  return {added, sum(squares) - (width - channels) * mean * mean};  // without the zeros that fill up the panels
}

inline void scale(float *f, int width, float mean, float rate, const Norm &norm) {
  for (int h = 0; h < width; h += 4) {
    store(f + h, (load(f + h) - all(mean)) * all(rate) * load(norm.gain + h) + load(norm.shift + h));
  }
}

inline float inverse_root(double variance, float eps) {
  return static_cast<float>(1 / __builtin_sqrt((variance > 0 ? variance : 0) + eps));
}

// gLN (eqs. 9-11) of all rows: mean and variance put together from those of the rows, so that nothing cancels.
inline void normalise_all(float *f, int rows, int width, const Norm &norm, float eps) {
  Borrowed here;
  double *means = doubles(rows);
  double mean = 0, variance = 0;
  for (int r = 0; r < rows; r++) {
    const Spread one = spread(f + size_t(r) * width, norm.channels, width);
    means[r] = double(one.total) / norm.channels;
    mean += means[r] / rows;
    variance += double(one.squares) / norm.channels / rows;
  }
  for (int r = 0; r < rows; r++) {
    variance += (means[r] - mean) * (means[r] - mean) / rows;
  }
  const float rate = inverse_root(variance, eps);
  for (int r = 0; r < rows; r++) {
    scale(f + size_t(r) * width, width, static_cast<float>(mean), rate, norm);
  }
}

// A norm of rows of features in place; before: rows of the same sound before these.
inline void normalise(float *f, int rows, int width, Norm &norm, float eps, double before) {
  if (norm.kind == GLOBAL) {
    return normalise_all(f, rows, width, norm, eps);
  }
  for (int r = 0; r < rows; r++) {
    float *row = f + size_t(r) * width;
    float mean = 0, rate = 1;
    if (norm.kind != AFFINE) {
      const Spread one = spread(row, norm.channels, width);
      if (norm.kind == CHANNEL) {
        mean = one.total / norm.channels;
        rate = inverse_root(one.squares / norm.channels, eps);
      } else {  // eqs. 12-14
        const double count = (before + r + 1) * norm.channels;
        norm.sums[0] += one.total;
        norm.sums[1] += one.squares + double(one.total) * one.total / norm.channels;
        const double exact = norm.sums[0] / count;
        mean = static_cast<float>(exact);
        rate = inverse_root(norm.sums[1] / count - exact * exact, eps);
      }
    }
    scale(row, width, mean, rate, norm);
  }
}

inline void add_scaled(float *out, const float *row, const float *tap, int width) {
  for (int h = 0; h < width; h += 4) {
    store(out + h, load(out + h) + load(row + h) * load(tap + h));
  }
}

struct Depthwise {
  int taps = 0, dilation = 0;
  bool causal = false, reflect = false;
  float *weight = nullptr;  // (taps, width)
  float *bias = nullptr;
  float *past = nullptr;  // of a stream: a ring of (taps-1) dilation rows, the row of time t at t modulo its length
};

// Rows of a whole sound -> v; what lies beyond its ends is zero, or the sound itself, reflected.
inline void convolve_all(const Depthwise &conv, const float *u, int rows, int width, float *v) {
  const int present = conv.causal ? conv.taps - 1 : (conv.taps - 1) / 2;
  for (int r = 0; r < rows; r++) {
    float *out = v + size_t(r) * width;
    __builtin_memcpy(out, conv.bias, width * sizeof(float));
    for (int p = 0; p < conv.taps; p++) {
      const int offset = (p - present) * conv.dilation;
      int from = r + offset;
      if (conv.reflect && (offset < 0 ? -offset : offset) < rows) {
        from = from < 0 ? -from : from >= rows ? 2 * (rows - 1) - from : from;
      }
      if (from >= 0 && from < rows) {
        add_scaled(out, u + size_t(from) * width, conv.weight + size_t(p) * width, width);
      }
    }
  }
}

// Rows of a stream, after `before` others -> v; they join the past.
inline void convolve_next(const Depthwise &conv, const float *u, int rows, int width, float *v, double before) {
  const int span = (conv.taps - 1) * conv.dilation;
  int now = span ? static_cast<int>(before - span * __builtin_floor(before / span)) : 0;
  for (int r = 0; r < rows; r++) {
    const float *row = u + size_t(r) * width;
    float *out = v + size_t(r) * width;
    __builtin_memcpy(out, conv.bias, width * sizeof(float));
    for (int p = 0; p < conv.taps - 1; p++) {
      add_scaled(out, conv.past + size_t((now + p * conv.dilation) % span) * width, conv.weight + p * width, width);
    }
    add_scaled(out, row, conv.weight + (conv.taps - 1) * width, width);
    if (span) {
      __builtin_memcpy(conv.past + size_t(now) * width, row, width * sizeof(float));
      now = now + 1 == span ? 0 : now + 1;
    }
  }
}

// The masks of one frame, m (C, width), in place.
inline void limit(float *m, int C, int width, Limit kind) {
  for (int n = 0; n < width; n += 4) {
    if (kind == SOFTMAX) {
      Four most = load(m + n), total = all(0);
      for (int c = 1; c < C; c++) {
        most = larger(most, load(m + c * width + n));
      }
      for (int c = 0; c < C; c++) {
        const Four e = exponential(load(m + c * width + n) - most);
        store(m + c * width + n, e);
        total += e;
      }
      for (int c = 0; c < C; c++) {
        store(m + c * width + n, load(m + c * width + n) / total);
      }
      continue;
    }
    for (int c = 0; c < C; c++) {
      const Four v = load(m + c * width + n);
      store(m + c * width + n, kind == RELU ? larger(v, all(0)) : all(1) / (all(1) + exponential(-v)));
    }
  }
}
