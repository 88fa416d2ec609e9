/* Sums for mean and std, and the extremes, of one chunk. Eight sums each, so that the loop runs in vectors. */
#ifndef FIRSTSTEP_MEASURE_H
#define FIRSTSTEP_MEASURE_H

#include <math.h>

#include "scalar.h"

enum { SIDE = 8 };

#define MEASURE(NAME, TYPE, LOAD)                                                          \
    static void NAME(const TYPE *x, size_t count, Sums *out) {                             \
        const double pivot = isfinite((double)LOAD(x[0])) ? (double)LOAD(x[0]) : 0.0;      \
        double sum[SIDE] = {0}, squares[SIDE] = {0}, low[SIDE], high[SIDE];                \
        for (int j = 0; j < SIDE; j++) low[j] = high[j] = (double)LOAD(x[0]);              \
        size_t i = 0;                                                                      \
        for (; i + SIDE <= count; i += SIDE) {                                             \
            for (int j = 0; j < SIDE; j++) {                                               \
                double v = (double)LOAD(x[i + j]), d = v - pivot;                          \
                sum[j] += d;                                                               \
                squares[j] += d * d;                                                       \
                low[j] = v < low[j] ? v : low[j];                                          \
                high[j] = v > high[j] ? v : high[j];                                       \
            }                                                                              \
        }                                                                                  \
        for (int j = 0; i < count; i++, j++) {                                             \
            double v = (double)LOAD(x[i]), d = v - pivot;                                  \
            sum[j] += d;                                                                   \
            squares[j] += d * d;                                                           \
            low[j] = v < low[j] ? v : low[j];                                              \
            high[j] = v > high[j] ? v : high[j];                                           \
        }                                                                                  \
        for (int j = 1; j < SIDE; j++) {                                                   \
            sum[0] += sum[j];                                                              \
            squares[0] += squares[j];                                                      \
            low[0] = low[j] < low[0] ? low[j] : low[0];                                    \
            high[0] = high[j] > high[0] ? high[j] : high[0];                               \
        }                                                                                  \
        if (isnan(squares[0])) { /* comparisons pass over what is not a number */          \
            for (i = 0; i < count; i++)                                                    \
                if (isnan((double)LOAD(x[i]))) low[0] = high[0] = NAN;                     \
        }                                                                                  \
        out->pivot = pivot, out->sum = sum[0], out->squares = squares[0];                  \
        out->low = low[0], out->high = high[0];                                            \
    }

MEASURE(measure_f32, float, (float))
MEASURE(measure_f64, double, (double))
MEASURE(measure_bf16, uint16_t, of_bf16)
MEASURE(measure_f16, uint16_t, of_f16)

static void measure(const void *data, size_t count, int dtype, Sums *sums) {
    if (dtype == F32) measure_f32(data, count, sums);
    else if (dtype == F64) measure_f64(data, count, sums);
    else if (dtype == BF16) measure_bf16(data, count, sums);
    else measure_f16(data, count, sums);
}

#endif
