// Four floats at a time, the vector of WebAssembly's simd128.
#pragma once

typedef float Four __attribute__((vector_size(16), aligned(4)));
typedef int FourInts __attribute__((vector_size(16)));

inline Four load(const float *from) { return *reinterpret_cast<const Four *>(from); }

inline void store(float *to, Four values) { *reinterpret_cast<Four *>(to) = values; }

inline Four all(float value) { return Four{value, value, value, value}; }

inline float sum(Four v) { return (v[0] + v[1]) + (v[2] + v[3]); }

inline Four larger(Four a, Four b) { return a > b ? a : b; }

inline Four smaller(Four a, Four b) { return a < b ? a : b; }

// e^x to 2e-7 of itself: 2^n times a polynomial on [-ln 2 / 2, ln 2 / 2] (Cephes); x as far as float32 reaches.
inline Four exponential(Four x) {
  x = smaller(larger(x, all(-87.0f)), all(88.0f));
  const Four scaled = x * all(1.44269504f);
  const Four shifted = scaled + all(12582912.0f);  // 1.5 2^23: rounds to a whole number
  const Four n = shifted - all(12582912.0f);
  const Four r = (x - n * all(0.693359375f)) + n * all(2.12194440e-4f);
  Four p = all(1.9875691500e-4f);
  p = p * r + all(1.3981999507e-3f);
  p = p * r + all(8.3334519073e-3f);
  p = p * r + all(4.1665795894e-2f);
  p = p * r + all(1.6666665459e-1f);
  p = p * r + all(5.0000001201e-1f);
  p = p * (r * r) + r + all(1.0f);
  const FourInts power = (__builtin_convertvector(n, FourInts) + 127) << 23;
  return p * reinterpret_cast<const Four &>(power);
}
