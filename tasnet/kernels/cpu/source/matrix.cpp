// Weights into the layouts of the products.
#include <algorithm>
#include <cstdlib>
#include <new>
#include <utility>
#include <vector>

#include "pairs.h"
#include "products.h"

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
            // Rows (width, K) in bfloat16 are (width, K/2) pairs, which want to be (K/2, width).
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

}  // namespace tasnet
