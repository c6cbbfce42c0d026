// Matrix products: a tile of frames times packed weights, and two tiles summed over their frames.
#pragma once
#include <algorithm>

#include "vectors.h"

#if defined(__AVX512BF16__) || defined(TASNET_TILES_EMULATED)
#define TASNET_BFLOAT16  // the kernels are compiled for bfloat16 as well
#endif

namespace tasnet {

constexpr int TILE = 96;  // frames that go through several layers while they are in the cache
constexpr int PANEL = LANES == 16 ? 64 : 16;  // columns that are summed in registers, of 6 rows at once

// Frames of a product that are used before the next are computed, so that results are written to memory meanwhile; as
// the product instructions take them.
template <class S> constexpr int BLOCK = sizeof(S) == sizeof(float) ? 24 : 32;


// Weights (K, N) in panels of PANEL columns, one after the other; in bfloat16 in pairs of rows. A Matrix owns
// its memory and cannot be copied.
class Matrix {
public:
    Matrix() = default;
    Matrix(Matrix&& other) noexcept;
    Matrix(const Matrix&) = delete;
    ~Matrix();

    // From A (K, N), or, where `transposed`, from A (N, K); its columns (as they lie in memory) times `gains` where
    // they are given. Columns are filled up with zeros to a multiple of 16.
    void pack(int K, int N, bool half, const float* A, bool transposed, const float* gains = nullptr);

    const void* panel(int column) const {
        return (const char*)values + (size_t)K * column * (half ? sizeof(bfloat16) : sizeof(float));
    }

    int K = 0;
    int N = 0;
    bool half = false;  // bfloat16

private:
    void allocate(int K, int N, bool half);
    void* values = nullptr;
    size_t size = 0;
};

// C (M, width of a panel) = A (M, K) times the panel of B that begins at `column`, for M <= TILE; A is in bfloat16 as B
// is. Rows of A up to the next multiple of 16 may be read.
template <class S>
void multiply_panel(const S* A, long stride, const Matrix& B, int column, float* C, long stride_out, int M);

// A (M, K) in bfloat16.
const bfloat16* halves_of(const float* A, long stride, int M, int K, uint32_t* spare);

// C (M, N) = A (M, K) B. `spare` holds A in bfloat16 if B is and A is not.
template <class S>
static inline void multiply(
    const S* A, long stride, const Matrix& B, float* C, long stride_out, int M, uint32_t* spare
) {
#if defined(TASNET_BFLOAT16)
    if constexpr (sizeof(S) == sizeof(float))
        if (B.half) return multiply(halves_of(A, stride, M, B.K, spare), B.K, B, C, stride_out, M, spare);
#endif
    for (int j = 0; j < B.N; j += PANEL) multiply_panel(A, stride, B, j, C + j, stride_out, M);
}

// Goes through the blocks of a product (M, N) from column `begin` on, panel by panel: task(row, rows, column, columns).
template <class S, class Task> static inline void by_blocks(int M, int N, int begin, Task task) {
    for (int j = begin; j < N; j += PANEL)
        for (int m = 0; m < M; m += BLOCK<S>) task(m, std::min(BLOCK<S>, M - m), j, std::min(PANEL, N - j));
}

// What a product over frames in bfloat16 needs: (TILE/2, widest) words each.
struct Spare {
    uint32_t* a;
    uint32_t* b;
    uint32_t* c;
};

// C (M, N) += A^T B over T <= TILE frames of A (T, M) and B (T, N); M and N multiples of 16. With `half` the factors
// are rounded to bfloat16.
template <class S, class Z>
void multiply_over_frames(
    const S* A, long stride_a, int M, const Z* B, long stride_b, int N, float* C, long stride_out, int T, bool half,
    Spare spare
);

}  // namespace tasnet
