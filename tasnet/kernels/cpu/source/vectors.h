// Vectors of floats, as wide as this processor's, and the few operations that need more than + - * /.
#pragma once
#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace tasnet {

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#define TASNET_AVX512
constexpr int LANES = 16;
using Bits = uint16_t;  // one for each lane
#elif defined(__AVX2__) && defined(__FMA__)
constexpr int LANES = 8;
using Bits = uint8_t;
#else
#error "These kernels need AVX-512, or AVX2 with FMA."
#endif

using bfloat16 = uint16_t;  // the upper half of a float
typedef float Vector __attribute__((vector_size(4 * LANES)));
typedef uint32_t Words __attribute__((vector_size(4 * LANES)));
typedef uint16_t Halves __attribute__((vector_size(2 * LANES)));

static inline Vector all(float x) {
    return x - Vector{};
}

static inline Vector load(const float* p) {
    Vector x;
    memcpy(&x, p, sizeof x);
    return x;
}

static inline void store(float* p, Vector x) {
    memcpy(p, &x, sizeof x);
}

static inline Words load_words(const void* p) {
    Words x;
    memcpy(&x, p, sizeof x);
    return x;
}

static inline void store_words(void* p, Words x) {
    memcpy(p, &x, sizeof x);
}

static inline Words load_halves(const bfloat16* p) {
#if defined(TASNET_AVX512)
    return (Words)_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)p));  // GCC's own conversion takes four
#else
    Halves x;
    memcpy(&x, p, sizeof x);
    return __builtin_convertvector(x, Words);
#endif
}

static inline Vector load(const bfloat16* p) {
    return (Vector)(load_halves(p) << 16);
}

// bfloat16 in the lower halves, rounded to nearest, ties to even; NaN stays NaN.
static inline Words rounded(Vector x) {
    const Words bits = (Words)x;
    const Words nearest = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    const Words quiet = (bits >> 16) | 64;
    return ((Words)(x == x) & nearest) | (~(Words)(x == x) & quiet);
}

static inline void store(bfloat16* p, Vector x) {
#if defined(__AVX512BF16__)
    _mm256_storeu_si256((__m256i*)p, (__m256i)_mm512_cvtneps_pbh((__m512)x));
#else
    const Halves halves = __builtin_convertvector(rounded(x), Halves);
    memcpy(p, &halves, sizeof halves);
#endif
}

static inline float sum(Vector x) {
#if defined(TASNET_AVX512)
    return _mm512_reduce_add_ps((__m512)x);
#else
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128((__m256)x), _mm256_extractf128_ps((__m256)x, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
#endif
}

static inline Bits negative(Vector x) {
#if defined(TASNET_AVX512)
    return _mm512_cmp_ps_mask((__m512)x, _mm512_setzero_ps(), _CMP_LT_OQ);
#else
    return (Bits)_mm256_movemask_ps(_mm256_cmp_ps((__m256)x, _mm256_setzero_ps(), _CMP_LT_OQ));
#endif
}

// a where the bit is set, b elsewhere.
static inline Vector select(Bits bits, Vector a, Vector b) {
#if defined(TASNET_AVX512)
    return (Vector)_mm512_mask_blend_ps(bits, (__m512)b, (__m512)a);
#else
    const Words one_a_lane = {1, 2, 4, 8, 16, 32, 64, 128};
    const Words set = one_a_lane & (uint32_t)bits;
    return set != 0 ? a : b;
#endif
}

static inline Vector prelu(Vector x, Vector slope) {
    return x < 0 ? x * slope : x;  // eq. 8
}

// e^x to the last digit but one, with x clamped to -80 .. 80. NaN gives NaN.
static inline Vector exponential(Vector x) {
    x = x > 80 ? all(80) : x;
    x = x < -80 ? all(-80) : x;
    const Vector exponent = x * 1.44269504f;        // e^x = 2^exponent
    const Vector shifted = exponent + 12582912.0f;  // 1.5 2^23: rounds to a whole number, in the lowest bits
    const Vector f = (exponent - (shifted - 12582912.0f)) * 0.69314718f;
    Vector power = 0.0083333310f + f * 0.0013888889f;
    power = 0.16666667f + f * (0.041666668f + f * power);
    power = 1 + f * (1 + f * (0.5f + f * power));
    const Words scale = ((Words)shifted << 23) + 0x3f800000u;
    return power * (Vector)scale;
}

static inline Vector sigmoid(Vector x) {
    return 1 / (1 + exponential(-x));
}

// Prefetches what will soon be read or written.
static inline void ahead(const void* p) {
    _mm_prefetch((const char*)p, _MM_HINT_T1);
}

static inline void ahead_to_write(const void* p) {
    __builtin_prefetch(p, 1, 2);
}

static inline int round_up(int n, int multiple) {
    return (n + multiple - 1) / multiple * multiple;
}

}  // namespace tasnet
