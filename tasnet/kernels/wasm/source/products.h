// 1x1-convs: rows of features times a matrix of weights.
//
// A matrix (outs, in) lies in panels of eight outs: of every input in turn the eight weights. Channels are filled up
// with zeros to whole panels, in weights and in features, so that no loop has a rest.
#pragma once

#include "memory.h"
#include "vectors.h"

constexpr int PANEL = 8;
constexpr int TILE = 64;  // rows worked on at a time: what stays in the cache while the panels pass

inline int whole(int channels) { return (channels + PANEL - 1) / PANEL * PANEL; }

struct Matrix {
  int in = 0;      // of each row of features
  int outs = 0;    // with what fills up the panels
  float *panels = nullptr;
  float *bias = nullptr;
};

// The matrix with `groups` outputs of `size` each, every group filled up: raw (groups size, in), bias or null.
inline Matrix packed(const float *raw, const float *bias, int groups, int size, int in) {
  const int step = whole(size);
  Matrix made{in, groups * step, floats(size_t(groups) * step * in), floats(groups * step)};
  for (int o = 0; o < groups * size; o++) {
    const int place = o / size * step + o % size;
    float *panel = made.panels + size_t(place / PANEL) * PANEL * in + place % PANEL;
    for (int i = 0; i < in; i++) {
      panel[i * PANEL] = raw[size_t(o) * in + i];
    }
    if (bias) {
      made.bias[place] = bias[o];
    }
  }
  return made;
}

// ROWS rows, `step` apart, against PANELS panels; eight sums are under way at a time, or each would wait for the last.
template <int ROWS, int PANELS>
inline void tile(const float *x, int step, int in, const float *panels, const float *bias, float *y, int to, bool add) {
  Four sums[ROWS][2 * PANELS];
  for (int r = 0; r < ROWS; r++) {
    for (int q = 0; q < 2 * PANELS; q++) {
      sums[r][q] = load(bias + 4 * q);
    }
  }
  for (int i = 0; i < in; i++) {
    Four weights[2 * PANELS];
    for (int q = 0; q < 2 * PANELS; q++) {
      weights[q] = load(panels + (size_t(q / 2) * in + i) * PANEL + q % 2 * 4);
    }
    for (int r = 0; r < ROWS; r++) {
      const Four value = all(x[r * step + i]);
      for (int q = 0; q < 2 * PANELS; q++) {
        sums[r][q] += value * weights[q];
      }
    }
  }
  for (int r = 0; r < ROWS; r++) {
    for (int q = 0; q < 2 * PANELS; q++) {
      float *place = y + r * to + 4 * q;
      store(place, add ? load(place) + sums[r][q] : sums[r][q]);
    }
  }
}

// As many panels at a time as there are, PANELS at most.
template <int ROWS, int PANELS>
inline void across(const float *x, int step, const Matrix &m, int first, int last, float *y, int to, bool add) {
  int o = first;
  for (; o + PANELS * PANEL <= last; o += PANELS * PANEL) {
    tile<ROWS, PANELS>(x, step, m.in, m.panels + size_t(o) * m.in, m.bias + o, y + o - first, to, add);
  }
  for (; o < last; o += PANEL) {
    tile<ROWS, 1>(x, step, m.in, m.panels + size_t(o) * m.in, m.bias + o, y + o - first, to, add);
  }
}

// x (rows, in), `step` apart, times the outputs [first, last) of the matrix -> y, rows `to` apart; or is added there.
inline void multiply(const float *x, int step, int rows, const Matrix &m, int first, int last, float *y, int to,
                     bool add = false) {
  const int fours = rows - rows % 4;
  for (int begin = 0; begin < fours; begin += TILE) {
    const int end = begin + TILE < fours ? begin + TILE : fours;
    for (int o = first; o < last; o += PANEL) {
      for (int r = begin; r < end; r += 4) {
        tile<4, 1>(x + size_t(r) * step, step, m.in, m.panels + size_t(o) * m.in, m.bias + o,
                   y + size_t(r) * to + o - first, to, add);
      }
    }
  }
  const float *from = x + size_t(fours) * step;
  float *there = y + size_t(fours) * to;
  switch (rows - fours) {
    case 3:
      return across<3, 1>(from, step, m, first, last, there, to, add);
    case 2:
      return across<2, 2>(from, step, m, first, last, there, to, add);
    case 1:
      return across<1, 4>(from, step, m, first, last, there, to, add);
    default:
      return;
  }
}
