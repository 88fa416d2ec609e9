/* Sums for mean and std, and the extremes, one element at a time. */
#ifndef FIRSTSTEP_MEASURE_H
#define FIRSTSTEP_MEASURE_H

#include <math.h>

#include "scalar.h"

INLINE double loaded(const void *data, size_t i, int dtype) {
    if (dtype == F32) return ((const float *)data)[i];
    if (dtype == F64) return ((const double *)data)[i];
    if (dtype == BF16) return of_bf16(((const uint16_t *)data)[i]);
    return of_f16(((const uint16_t *)data)[i]);
}

/* Add count elements to sums about a pivot; extremes are NaN once one of them is. */
INLINE void sum_up(double pivot, const void *data, size_t count, int dtype, Sums *s) {
    for (size_t i = 0; i < count; i++) {
        double v = loaded(data, i, dtype), d = v - pivot;
        s->sum += d;
        s->squares += d * d;
        if (v < s->low || isnan(v)) s->low = v;
        if (v > s->high || isnan(v)) s->high = v;
    }
}

/* The same with a loop for each dtype, and four sums, for the additions of one wait for each other. */
INLINE void measure_dtype(double pivot, const void *data, size_t count, const int dtype, Sums *s) {
    enum { SIDE = 4 };
    Sums side[SIDE];
    size_t size = element_size(dtype), quarter = count / SIDE;
    for (int j = 0; j < SIDE; j++) side[j] = (Sums){pivot, 0, 0, s->low, s->high};
    for (size_t i = 0; i < quarter; i++)
        for (int j = 0; j < SIDE; j++) sum_up(pivot, (const char *)data + (SIDE * i + (size_t)j) * size, 1, dtype, side + j);
    sum_up(pivot, (const char *)data + SIDE * quarter * size, count - SIDE * quarter, dtype, s);
    for (int j = 0; j < SIDE; j++) {
        s->sum += side[j].sum;
        s->squares += side[j].squares;
        if (side[j].low < s->low || isnan(side[j].low)) s->low = side[j].low;
        if (side[j].high > s->high || isnan(side[j].high)) s->high = side[j].high;
    }
}

static void measure_about(double pivot, const void *data, size_t count, int dtype, Sums *s) {
    if (dtype == F32) measure_dtype(pivot, data, count, F32, s);
    else if (dtype == F64) measure_dtype(pivot, data, count, F64, s);
    else if (dtype == BF16) measure_dtype(pivot, data, count, BF16, s);
    else measure_dtype(pivot, data, count, F16, s);
}

/* About the first element, or 0 where that is not finite. */
static void measure(const void *data, size_t count, int dtype, Sums *out) {
    double first = loaded(data, 0, dtype), pivot = isfinite(first) ? first : 0.0;
    *out = (Sums){pivot, 0, 0, first, first};
    measure_about(pivot, data, count, dtype, out);
}

#endif
