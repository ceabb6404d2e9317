// Kernels of our own for NVIDIA GPUs, where dfdx's would go over what is in memory many times. nn/gpu.rs compiles this text when the
// first of them is launched; the Rust files beside it say what each is given.
//
// Maps are rows × channels, and every grid is of blocks of ACROSS × ROWS threads: those beside each other have neighbouring channels, so
// that a warp reads one stretch of memory, and those behind each other have every so manyth row. A grid is blocks of channels × chunks of
// rows. Nothing is added up by atomics: sums are the same in every run.

#define ACROSS 32
#define ROWS 16
// Added to variances.
#define EPS 1e-5f
#define INFINITE __int_as_float(0x7f800000)

typedef unsigned long long size;

// `x` as 16 bits hold it, if `half`. What is no number stays one.
static __device__ float rounded(float x, size half) {
    unsigned short bits;
    if (!half) return x;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x));
    asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
    return x;
}

// Count, mean, and sum of the squared distances from it.
struct Moments {
    float count, mean, squares;
};

// Those of two sets together (Chan, Golub & LeVeque 1979): nothing cancels out where means are large.
static __device__ Moments together(Moments a, Moments b) {
    float count = a.count + b.count;
    if (b.count == 0) return a;
    float share = b.count / count, apart = b.mean - a.mean;
    return {count, a.mean + apart * share, a.squares + b.squares + apart * apart * a.count * share};
}

// Those of all ROWS threads of a channel, to the first of them.
static __device__ Moments of_all(Moments own) {
    __shared__ Moments each[ROWS][ACROSS];
    each[threadIdx.y][threadIdx.x] = own;
    for (int half = ROWS / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.y < half) {
            Moments other = each[threadIdx.y + half][threadIdx.x];
            each[threadIdx.y][threadIdx.x] = together(each[threadIdx.y][threadIdx.x], other);
        }
    }
    return each[0][threadIdx.x];
}

// The sums of all ROWS threads of a channel, to the first of them.
static __device__ float2 sums_of_all(float2 own) {
    __shared__ float2 each[ROWS][ACROSS];
    each[threadIdx.y][threadIdx.x] = own;
    for (int half = ROWS / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.y < half) {
            float2 *to = &each[threadIdx.y][threadIdx.x], other = each[threadIdx.y + half][threadIdx.x];
            *to = make_float2(to->x + other.x, to->y + other.y);
        }
    }
    return each[0][threadIdx.x];
}

// This block's first row, or with `more` = 1 the one after its last.
static __device__ size chunk(size rows, int more) { return rows * (blockIdx.y + more) / gridDim.y; }

// What batch_moments puts together: of each chunk of rows each channel's count, mean and squares.
extern "C" __global__ void chunk_moments(const float *x, size rows, size channels, float *parts) {
    size channel = blockIdx.x * ACROSS + threadIdx.x, end = chunk(rows, 1);
    Moments own = {0, 0, 0};
    if (channel < channels) {
        // Sums of what lies beside a first number, which cancel out no more than numbers of one channel do.
        size first = chunk(rows, 0) + threadIdx.y;
        float middle = first < end ? x[first * channels + channel] : 0, sum = 0, squares = 0;
        for (size row = first; row < end; row += ROWS) {
            float apart = x[row * channels + channel] - middle;
            sum += apart;
            squares += apart * apart;
            own.count += 1;
        }
        if (own.count > 0) {
            own.mean = middle + sum / own.count;
            own.squares = fmaxf(squares - sum * (sum / own.count), 0);
        }
    }
    own = of_all(own);
    if (threadIdx.y == 0 && channel < channels) {
        float *to = parts + 3 * (blockIdx.y * channels + channel);
        to[0] = own.count, to[1] = own.mean, to[2] = own.squares;
    }
}

// The mean and the variance of each channel of a batch, of `chunks` parts. One chunk of blocks.
extern "C" __global__ void batch_moments(const float *parts, size chunks, size channels, float *mean, float *variance) {
    size channel = blockIdx.x * ACROSS + threadIdx.x;
    Moments own = {0, 0, 0};
    for (size part = threadIdx.y; part < chunks && channel < channels; part += ROWS) {
        const float *from = parts + 3 * (part * channels + channel);
        own = together(own, {from[0], from[1], from[2]});
    }
    own = of_all(own);
    if (threadIdx.y == 0 && channel < channels) mean[channel] = own.mean, variance[channel] = own.squares / own.count;
}

// to = (x - mean) · weight / √(variance + ε) + bias, then the residual is added (if there is one) and the sum rectified (if it
// `rectifies`); of 16 bits, if `half`, what is stored and what the residual is added to. What is no number stays one.
extern "C" __global__ void normalize(const float *x, const float *mean, const float *variance, const float *weight, const float *bias,
                                     const float *residual, size rows, size channels, size rectifies, size half, float *to) {
    size channel = blockIdx.x * ACROSS + threadIdx.x, end = chunk(rows, 1);
    if (channel >= channels) return;
    float middle = mean[channel], scale = weight[channel] / sqrtf(variance[channel] + EPS), shift = bias[channel];
    for (size row = chunk(rows, 0) + threadIdx.y; row < end; row += ROWS) {
        size at = row * channels + channel;
        float y = rounded((x[at] - middle) * scale + shift, half);
        if (residual) y = rounded(y + residual[at], half);
        to[at] = rectifies && y < 0 ? 0 : y;
    }
}

// The gradient by what was there before the rectifier (of which `out` came, if it is there).
static __device__ float passed(const float *grad, const float *out, size at, size half) {
    return out && out[at] <= 0 ? 0 : rounded(grad[at], half);
}

// What grad_sums adds up: of each chunk of rows each channel's Σ gradient and Σ gradient · x̂.
extern "C" __global__ void chunk_grad_sums(const float *grad, const float *x, const float *out, const float *mean,
                                            const float *variance, size rows, size channels, size half, float *parts) {
    size channel = blockIdx.x * ACROSS + threadIdx.x, end = chunk(rows, 1);
    float2 own = {0, 0};
    if (channel < channels) {
        float middle = mean[channel], inverse = 1 / sqrtf(variance[channel] + EPS);
        for (size row = chunk(rows, 0) + threadIdx.y; row < end; row += ROWS) {
            size at = row * channels + channel;
            float by_y = passed(grad, out, at, half);
            own.x += by_y;
            own.y += by_y * ((x[at] - middle) * inverse);
        }
    }
    own = sums_of_all(own);
    if (threadIdx.y == 0 && channel < channels) {
        float *to = parts + 2 * (blockIdx.y * channels + channel);
        to[0] = own.x, to[1] = own.y;
    }
}

// The gradients by a batch normalization's bias and weight, of `chunks` parts. One chunk of blocks.
extern "C" __global__ void grad_sums(const float *parts, size chunks, size channels, float *by_bias, float *by_weight) {
    size channel = blockIdx.x * ACROSS + threadIdx.x;
    float2 own = {0, 0};
    for (size part = threadIdx.y; part < chunks && channel < channels; part += ROWS) {
        const float *from = parts + 2 * (part * channels + channel);
        own = make_float2(own.x + from[0], own.y + from[1]);
    }
    own = sums_of_all(own);
    if (threadIdx.y == 0 && channel < channels) by_bias[channel] = own.x, by_weight[channel] = own.y;
}

// The gradient by a batch normalization's input, weight / √(variance + ε) · (gradient - mean(gradient) - x̂ · mean(gradient · x̂)); and that by its
// residual, if there is room for it.
extern "C" __global__ void grad_by_inputs(const float *grad, const float *x, const float *out, const float *mean,
                                          const float *variance, const float *weight, const float *by_bias, const float *by_weight,
                                          size rows, size channels, size half, float *by_x, float *by_residual) {
    size channel = blockIdx.x * ACROSS + threadIdx.x, end = chunk(rows, 1);
    if (channel >= channels) return;
    float middle = mean[channel], inverse = 1 / sqrtf(variance[channel] + EPS), scale = weight[channel] * inverse;
    float level = by_bias[channel] / rows, along = by_weight[channel] / rows;
    for (size row = chunk(rows, 0) + threadIdx.y; row < end; row += ROWS) {
        size at = row * channels + channel;
        float by_y = passed(grad, out, at, half);
        by_x[at] = scale * (by_y - level - (x[at] - middle) * inverse * along);
        if (by_residual) by_residual[at] = by_y;
    }
}

// Row i of `to` is row places[i] of the `pixels` rows of `x`; zeros where x has no such row.
template <class Number>
static __device__ void gather(const Number *x, const size *places, size pixels, size rows, size channels, Number *to) {
    size channel = blockIdx.x * ACROSS + threadIdx.x, end = chunk(rows, 1);
    if (channel >= channels) return;
    for (size row = chunk(rows, 0) + threadIdx.y; row < end; row += ROWS) {
        size place = places[row];
        to[row * channels + channel] = place < pixels ? x[place * channels + channel] : 0;
    }
}

extern "C" __global__ void gather_32(const float *x, const size *places, size pixels, size rows, size channels, float *to) {
    gather(x, places, pixels, rows, channels, to);
}

// Of 16 bits.
extern "C" __global__ void gather_16(const unsigned short *x, const size *places, size pixels, size rows, size channels,
                                     unsigned short *to) {
    gather(x, places, pixels, rows, channels, to);
}

// Row i of `y` is the highest of the rows of `x` at the `taps` places[i * taps] and after; what is not among the `pixels` is left out.
extern "C" __global__ void highest(const float *x, const size *places, size pixels, size taps, size rows, size channels, float *y) {
    size channel = blockIdx.x * ACROSS + threadIdx.x, end = chunk(rows, 1);
    if (channel >= channels) return;
    for (size row = chunk(rows, 0) + threadIdx.y; row < end; row += ROWS) {
        float best = -INFINITE;
        for (size tap = 0; tap < taps; tap++) {
            size place = places[row * taps + tap];
            if (place >= pixels) continue;
            // What is no number stays one, so that it is found.
            float own = x[place * channels + channel];
            if (own > best || own != own) best = own;
        }
        y[row * channels + channel] = best;
    }
}

// The gradient by `x`: the sum of those by the numbers of `y`, at the `taps` places of each pixel, that it is as high as.
extern "C" __global__ void grad_by_highest(const float *x, const size *places, const float *y, const float *grad, size windows,
                                            size taps, size rows, size channels, float *by_x) {
    size channel = blockIdx.x * ACROSS + threadIdx.x, end = chunk(rows, 1);
    if (channel >= channels) return;
    for (size row = chunk(rows, 0) + threadIdx.y; row < end; row += ROWS) {
        float own = x[row * channels + channel], sum = 0;
        for (size tap = 0; tap < taps; tap++) {
            size place = places[row * taps + tap];
            if (place < windows && y[place * channels + channel] == own) sum += grad[place * channels + channel];
        }
        by_x[row * channels + channel] = sum;
    }
}

// Numbers one after the other, whatever blocks they are given to: this thread's first, and how far on its next is.
static __device__ size first_number() {
    return ((size(blockIdx.y) * gridDim.x + blockIdx.x) * ROWS + threadIdx.y) * ACROSS + threadIdx.x;
}
static __device__ size stride() { return size(gridDim.x) * gridDim.y * ROWS * ACROSS; }

// Copies as many parts as there are blocks across: `table` has of each where it is, where it goes to, how long it is, and whether it is
// rounded to 16 bits.
extern "C" __global__ void copy_parts(const size *table) {
    const size *part = table + 4 * blockIdx.x;
    const float *from = (const float *)part[0];
    float *to = (float *)part[1];
    size begin = (blockIdx.y * ROWS + threadIdx.y) * ACROSS + threadIdx.x;
    for (size at = begin; at < part[2]; at += gridDim.y * ROWS * ACROSS) to[at] = rounded(from[at], part[3]);
}

// sgd::momentum, or without a velocity sgd::plain.
extern "C" __global__ void sgd(const float *w, const float *v, const float *g, size count, float learning_rate, float momentum,
                               size nesterov, float l2, float kept, float *to_w, float *to_v) {
    for (size at = first_number(); at < count; at += stride()) {
        float by = g[at] + l2 * w[at];
        if (v) {
            float velocity = momentum * v[at] + by;
            by = nesterov ? by + momentum * velocity : velocity;
            to_v[at] = velocity;
        }
        to_w[at] = w[at] * kept - learning_rate * by;
    }
}

// adam::adam.
extern "C" __global__ void adam(const float *w, const float *m, const float *v, const float *g, size count, float beta1, float beta2,
                                float rest1, float rest2, float eps, float length, float root, float l2, float kept, float *to_w,
                                float *to_m, float *to_v) {
    for (size at = first_number(); at < count; at += stride()) {
        float by = g[at] + l2 * w[at], first = beta1 * m[at] + rest1 * by, second = beta2 * v[at] + rest2 * by * by;
        to_m[at] = first, to_v[at] = second;
        to_w[at] = w[at] * kept - length * first / (root * sqrtf(second) + eps);
    }
}
