// Pairs of bfloat16, as the product instructions expect them: two rows interleaved, (rows/2, columns, 2).
#pragma once
#include "vectors.h"

namespace tasnet {

// n values, rounded; n a multiple of 16.
static inline void to_bfloat16(const float* x, int n, bfloat16* out) {
    for (int k = 0; k < n; k += LANES) store(out + k, load(x + k));
}

static inline Words lower_halves(const float* p) {
    return rounded(load(p));
}

static inline Words lower_halves(const bfloat16* p) {
    return load_halves(p);
}

static inline Words pair(const float* even, const float* odd) {
#if defined(__AVX512BF16__)
    alignas(64) static const uint16_t ORDER[32] = {0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23,
                                                   8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    const __m512i both = (__m512i)_mm512_cvtne2ps_pbh((__m512)load(odd), (__m512)load(even));
    return (Words)_mm512_permutexvar_epi16(_mm512_load_si512(ORDER), both);
#else
    return lower_halves(even) | lower_halves(odd) << 16;
#endif
}

static inline Words pair(const bfloat16* even, const bfloat16* odd) {
    return lower_halves(even) | lower_halves(odd) << 16;
}

// Rows (T, n) with `stride` from one to the next, as pairs (T/2, n, 2); a row of zeros follows where T is odd.
template <class S> static inline void interleave(const S* rows, long stride, int n, int T, uint32_t* out) {
    for (int t = 0; t < T; t += 2, rows += 2 * stride, out += n)
        for (int k = 0; k < n; k += LANES) {
            const Words both = t + 1 < T ? pair(rows + k, rows + stride + k) : lower_halves(rows + k);
            store_words(out + k, both);
        }
}

// Pairs (rows, n) transposed to (n, rows); both multiples of 16.
static inline void transpose(const uint32_t* in, int n, int rows, uint32_t* out) {
#if defined(TASNET_AVX512)
    for (int j = 0; j < n; j += 16)
        for (int t = 0; t < rows; t += 16) {
            __m512i r[16];
            __m512i s[16];
            for (int i = 0; i < 16; i++) r[i] = _mm512_loadu_si512(in + (long)(t + i) * n + j);
            for (int i = 0; i < 16; i += 2) {
                s[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
                s[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
            }
            for (int i = 0; i < 16; i += 4) {
                r[i] = _mm512_unpacklo_epi64(s[i], s[i + 2]);
                r[i + 1] = _mm512_unpackhi_epi64(s[i], s[i + 2]);
                r[i + 2] = _mm512_unpacklo_epi64(s[i + 1], s[i + 3]);
                r[i + 3] = _mm512_unpackhi_epi64(s[i + 1], s[i + 3]);
            }
            for (int h = 0; h < 16; h += 8)
                for (int i = 0; i < 4; i++) {
                    s[h + i] = _mm512_shuffle_i32x4(r[h + i], r[h + 4 + i], 0x88);
                    s[h + 4 + i] = _mm512_shuffle_i32x4(r[h + i], r[h + 4 + i], 0xdd);
                }
            for (int i = 0; i < 8; i++) {
                _mm512_storeu_si512(out + (long)(j + i) * rows + t, _mm512_shuffle_i32x4(s[i], s[8 + i], 0x88));
                _mm512_storeu_si512(out + (long)(j + 8 + i) * rows + t, _mm512_shuffle_i32x4(s[i], s[8 + i], 0xdd));
            }
        }
#else
    for (int j = 0; j < n; j++)
        for (int t = 0; t < rows; t++) out[(long)j * rows + t] = in[(long)t * n + j];
#endif
}

}  // namespace tasnet
