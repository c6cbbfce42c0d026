// A Conv-TasNet: its shape, the places of its parameters, and its weights in the layouts that the products need.
#pragma once
#include <cstdint>
#include <vector>

#include "products.h"

namespace tasnet {

enum Mask { SIGMOID, SOFTMAX, RELU };

// As in `tasnet.config`, in the paper's symbols; the order is that of the numbers in Python.
struct Shape {
    int N, L, B, H, Sc, X, R, C;
    int causal;        // with cLN; else gLN
    int relu_encoder;  // H of eq. 2
    int mask;          // of Mask
    int half;          // products in bfloat16
    int edge;          // samples of zeros before the sound
    int cut;           // whether a last, incomplete frame is left out
    float eps;         // of the norms

    int hop() const { return L / 2; }
    int paths() const { return B + Sc; }
    int blocks() const { return X * R; }
    int dilation(int block) const { return 1 << (block % X); }
    int frames(long samples) const;                                    // K
    long covered(int frames) const { return (frames + 1L) * hop(); }  // samples
};

// The parameters of one block in the flat vector, in the order of `named_parameters()`.
struct BlockOffsets {
    long conv_in, bias_in, slope1, gamma1, beta1, taps, bias_taps, slope2, gamma2, beta2, conv_out, bias_out;
};

struct Offsets {
    long V, U, gamma, beta, bottleneck, bias_bottleneck;
    std::vector<BlockOffsets> blocks;
    long slope, conv_mask, bias_mask;

    Offsets(const int64_t* in_order, int blocks);
};

// y = W (gamma z + beta) + c, where z is v normalised: as a product with v and two constants,
//   y = r (W gamma) v + bias - r m row_sums,   row_sums = W gamma,   bias = W beta + c.
struct Normed {
    Matrix forward;   // (W gamma)^T
    Matrix backward;  // W gamma
    std::vector<float> row_sums;
    std::vector<float> bias;

    void pack(const float* W, const float* c, const float* gamma, const float* beta, int out, int in, bool half);
};

struct BlockWeights {
    Matrix in;           // (B, H)
    Matrix in_backward;  // (H, B)
    Normed out;
};

class Network {
public:
    Network(const Shape& shape, const int64_t* offsets);

    // Weights from the flat vector, which must stay in place: biases, norms and taps are read from it. Call this once
    // with (0, 1), or from `parts` threads, each with its own number.
    void pack(const float* values, int part, int parts);

    const float* at(long offset) const { return values + offset; }

    const Shape shape;
    const Offsets offsets;
    Matrix encoder;           // U^T, (L, N)
    Matrix decoder;           // V, (N, L)
    Matrix decoder_backward;  // V^T, (L, N)
    Normed bottleneck;
    std::vector<BlockWeights> blocks;
    std::vector<Matrix> mask;  // of each speaker, (Sc, N)
    Matrix mask_backward;      // (C N, Sc)

private:
    const float* values = nullptr;
};

}  // namespace tasnet
