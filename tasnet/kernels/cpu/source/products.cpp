#include "products.h"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include "pairs.h"
#include "tiles.h"

namespace tasnet {

Matrix::Matrix(Matrix&& other) noexcept {
    std::swap(K, other.K);
    std::swap(N, other.N);
    std::swap(half, other.half);
    std::swap(values, other.values);
    std::swap(size, other.size);
}

Matrix::~Matrix() {
    free(values);
}

void Matrix::allocate(int K, int N, bool half) {
    const size_t need = round_up(K, 2) * (size_t)N * (half ? sizeof(bfloat16) : sizeof(float));
    this->K = K;
    this->N = N;
    this->half = half;
    if (need <= size) return;
    free(values);
    size = (need + 4096) / 64 * 64;
    values = aligned_alloc(64, size);
    if (!values) throw std::bad_alloc();
    memset(values, 0, size);
}

void Matrix::pack(int K, int N, bool half, const float* A, bool transposed, const float* gains) {
    allocate(K, round_up(N, 16), half);
    static thread_local std::vector<float> scaled;
    const int rows = transposed ? N : K;
    const int columns = transposed ? K : N;
    if (gains) {
        scaled.resize((size_t)rows * columns);
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < columns; c++) scaled[(size_t)r * columns + c] = A[(size_t)r * columns + c] * gains[c];
        A = scaled.data();
    }
    for (int j = 0; j < this->N; j += PANEL) {
        const int width = std::min(PANEL, this->N - j);
        const int there = std::min(width, N - j);
        void* out = const_cast<void*>(panel(j));
        if (!half) {
            float* p = (float*)out;
            if (!transposed)
                for (int k = 0; k < K; k++) std::copy_n(A + (size_t)k * N + j, there, p + (size_t)k * width);
            else
                for (int n = 0; n < there; n++)
                    for (int k = 0; k < K; k++) p[(size_t)k * width + n] = A[(size_t)(j + n) * K + k];
        } else if (!transposed) {
            interleave(A + j, N, width, K, (uint32_t*)out);
        } else {
            // Rows (width, K) in bfloat16 are (width, K/2) pairs, which have to become (K/2, width).
            static thread_local std::vector<uint32_t> pairs;
            pairs.resize((size_t)PANEL * K / 2);
            for (int n = 0; n < width; n++) to_bfloat16(A + (size_t)(j + n) * K, K, (bfloat16*)pairs.data() + n * K);
            uint32_t* p = (uint32_t*)out;
            if (K % 32 == 0) {
                transpose(pairs.data(), K / 2, width, p);
                continue;
            }
            for (int n = 0; n < width; n++)
                for (int k = 0; k < K / 2; k++) p[(size_t)k * width + n] = pairs[(size_t)n * (K / 2) + k];
        }
    }
}

namespace {

constexpr int ROWS = 6;                      // multiplied by a panel at once
constexpr int DEPTH = 128;                   // of the K that are summed at once
constexpr int MOST_VECTORS = PANEL / LANES;  // in a row of a panel

#if defined(TASNET_BFLOAT16)
// sums += the products of the pairs a and b.
inline Vector dot(Vector sums, Words a, Words b) {
#if defined(__AVX512BF16__)
    return (Vector)_mm512_dpbf16_ps((__m512)sums, (__m512bh)a, (__m512bh)b);
#else
    const Vector lower = (Vector)(a << 16) * (Vector)(b << 16);
    return sums + lower + (Vector)(a & 0xffff0000u) * (Vector)(b & 0xffff0000u);
#endif
}
#endif

inline Vector multiply_add(Vector sums, float a, const float* b) {
    return sums + all(a) * load(b);
}

inline Vector multiply_add(Vector sums, uint32_t a, const uint32_t* b) {
#if defined(TASNET_BFLOAT16)
    return dot(sums, a + Words{}, load_words(b));
#else
    return sums;
#endif
}

// C (M, NV vectors) = A (M, K) b, or += where ADD, T being a float or a pair: all sums are in registers.
template <int M, int NV, bool ADD, class T>
inline void product(const T* A, long lda, const T* b, float* C, long ldc, int K) {
    Vector c[M][NV];
#pragma GCC unroll 8
    for (int m = 0; m < M; m++)
#pragma GCC unroll 4
        for (int n = 0; n < NV; n++) c[m][n] = ADD ? load(C + m * ldc + n * LANES) : Vector{};
    for (int k = 0; k < K; k++, b += NV * LANES) {
#pragma GCC unroll 8
        for (int m = 0; m < M; m++)
#pragma GCC unroll 4
            for (int n = 0; n < NV; n++) c[m][n] = multiply_add(c[m][n], A[m * lda + k], b + n * LANES);
    }
#pragma GCC unroll 8
    for (int m = 0; m < M; m++)
#pragma GCC unroll 4
        for (int n = 0; n < NV; n++) store(C + m * ldc + n * LANES, c[m][n]);
}

template <int NV, bool ADD, class T>
void rows_product(const T* A, long lda, const T* b, float* C, long ldc, int M, int K) {
    int m = 0;
    for (; m + ROWS <= M; m += ROWS) product<ROWS, NV, ADD>(A + m * lda, lda, b, C + m * ldc, ldc, K);
    A += m * lda;
    C += m * ldc;
    switch (M - m) {
        case 1: return product<1, NV, ADD>(A, lda, b, C, ldc, K);
        case 2: return product<2, NV, ADD>(A, lda, b, C, ldc, K);
        case 3: return product<3, NV, ADD>(A, lda, b, C, ldc, K);
        case 4: return product<4, NV, ADD>(A, lda, b, C, ldc, K);
        case 5: return product<5, NV, ADD>(A, lda, b, C, ldc, K);
    }
}

// As much of K at a time as leaves that part of the panel in the first cache.
template <int NV, class T> void panel_product(const T* A, long lda, const T* b, float* C, long ldc, int M, int K) {
    rows_product<NV, false>(A, lda, b, C, ldc, M, std::min(DEPTH, K));
    for (int k = DEPTH; k < K; k += DEPTH)
        rows_product<NV, true>(A + k, lda, b + (long)k * NV * LANES, C, ldc, M, std::min(DEPTH, K - k));
}

// T is float, or, in pairs, uint32_t; K counts these.
template <class T>
void multiply_in_registers(const T* A, long lda, const Matrix& B, int column, float* C, long ldc, int M, int K) {
    const T* b = (const T*)B.panel(column);
    switch (std::min(MOST_VECTORS, (B.N - column) / LANES)) {
        case 1: return panel_product<1>(A, lda, b, C, ldc, M, K);
        case 2: return panel_product<2>(A, lda, b, C, ldc, M, K);
#if defined(TASNET_AVX512)
        case 3: return panel_product<3>(A, lda, b, C, ldc, M, K);
        case 4: return panel_product<4>(A, lda, b, C, ldc, M, K);
#endif
    }
}

constexpr int COLUMNS_OF_A = 4;  // multiplied by a panel of B at once

// C (COLUMNS_OF_A, NV vectors) += A^T B over T frames, or pairs of frames.
template <int NV, class E>
inline void product_over_frames(const E* A, long lda, const E* B, long ldb, float* C, long ldc, int T) {
    Vector c[COLUMNS_OF_A][NV];
#pragma GCC unroll 8
    for (int m = 0; m < COLUMNS_OF_A; m++)
#pragma GCC unroll 4
        for (int n = 0; n < NV; n++) c[m][n] = load(C + m * ldc + n * LANES);
    for (int t = 0; t < T; t++, A += lda, B += ldb) {
#pragma GCC unroll 8
        for (int m = 0; m < COLUMNS_OF_A; m++)
#pragma GCC unroll 4
            for (int n = 0; n < NV; n++) c[m][n] = multiply_add(c[m][n], A[m], B + n * LANES);
    }
#pragma GCC unroll 8
    for (int m = 0; m < COLUMNS_OF_A; m++)
#pragma GCC unroll 4
        for (int n = 0; n < NV; n++) store(C + m * ldc + n * LANES, c[m][n]);
}

template <class E>
void product_over_frames(int vectors, const E* A, long lda, const E* B, long ldb, float* C, long ldc, int T) {
    switch (vectors) {
        case 1: return product_over_frames<1>(A, lda, B, ldb, C, ldc, T);
        case 2: return product_over_frames<2>(A, lda, B, ldb, C, ldc, T);
#if defined(TASNET_AVX512)
        case 3: return product_over_frames<3>(A, lda, B, ldb, C, ldc, T);
        case 4: return product_over_frames<4>(A, lda, B, ldb, C, ldc, T);
#endif
    }
}

template <class E>
void over_frames_in_registers(const E* A, long lda, int M, const E* B, long ldb, int N, float* C, long ldc, int T) {
    for (int j = 0; j < N; j += PANEL)
        for (int m = 0; m < M; m += COLUMNS_OF_A) {
            const int vectors = std::min(MOST_VECTORS, (N - j) / LANES);
            product_over_frames(vectors, A + m, lda, B + j, ldb, C + m * ldc + j, ldc, T);
        }
}

#if defined(TASNET_TILES)
// Pairs of frames, filled up with zeros to a multiple of 32 frames; returns how many these are.
template <class S> int whole_pairs(const S* rows, long stride, int n, int T, uint32_t* out) {
    const int whole = round_up(T, 32);
    const int there = (T + 1) / 2;
    interleave(rows, stride, n, T, out);
    memset(out + (size_t)there * n, 0, (size_t)(whole / 2 - there) * n * sizeof(uint32_t));
    return whole;
}
#endif

}  // namespace

template <> void multiply_panel(
    const float* A, long stride, const Matrix& B, int column, float* C, long stride_out, int M
) {
    multiply_in_registers(A, stride, B, column, C, stride_out, M, B.K);
}

#if defined(TASNET_BFLOAT16)
template <> void multiply_panel(
    const bfloat16* A, long stride, const Matrix& B, int column, float* C, long stride_out, int M
) {
#if defined(TASNET_TILES)
    if (B.K % 32 == 0 && has_matrix_unit()) {
        const int width = std::min(PANEL, B.N - column);
        tile_panel(A, stride, B.K, (const bfloat16*)B.panel(column), width, C, stride_out, M);
        return;
    }
#endif
    multiply_in_registers((const uint32_t*)A, stride / 2, B, column, C, stride_out, M, B.K / 2);
}
#endif

const bfloat16* halves_of(const float* A, long stride, int M, int K, uint32_t* spare) {
    bfloat16* halves = (bfloat16*)spare;
    for (int m = 0; m < M; m++) to_bfloat16(A + m * stride, K, halves + (size_t)m * K);
    return halves;
}

template <class S, class Z>
void multiply_over_frames(
    const S* A, long stride_a, int M, const Z* B, long stride_b, int N, float* C, long stride_out, int T, bool half,
    Spare spare
) {
    if constexpr (std::is_same<S, float>::value && std::is_same<Z, float>::value) {
        if (!half) {
            over_frames_in_registers(A, stride_a, M, B, stride_b, N, C, stride_out, T);
            return;
        }
    }
#if defined(TASNET_TILES)
    if (has_matrix_unit()) {
        const int whole = whole_pairs(B, stride_b, N, T, spare.b);
        whole_pairs(A, stride_a, M, T, spare.a);
        transpose(spare.a, M, whole / 2, spare.c);
        tile_transposed((const bfloat16*)spare.c, M, (const bfloat16*)spare.b, N, C, stride_out, whole);
        return;
    }
#endif
#if defined(TASNET_BFLOAT16)
    interleave(A, stride_a, M, T, spare.a);
    interleave(B, stride_b, N, T, spare.b);
    over_frames_in_registers(spare.a, M, M, spare.b, N, N, C, stride_out, (T + 1) / 2);
#endif
}

template void multiply_over_frames(const float*, long, int, const float*, long, int, float*, long, int, bool, Spare);
#if defined(TASNET_BFLOAT16)
template void multiply_over_frames(const float*, long, int, const bfloat16*, long, int, float*, long, int, bool, Spare);
template void multiply_over_frames(
    const bfloat16*, long, int, const bfloat16*, long, int, float*, long, int, bool, Spare
);
#endif

}  // namespace tasnet
