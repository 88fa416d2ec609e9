/* The tables of the quantile, in the orders in which the instruction sets look them up. */
#include <string.h>

#include "kernel.h"

Tables tables;

void set_tables(const float *rows32, const double *rows64) {
    memcpy(tables.row, rows32, sizeof tables.row);
    memcpy(tables.row64, rows64, sizeof tables.row64);
    memset(tables.padded, 0, sizeof tables.padded);
    for (int r = 0; r < ROWS32; r++) {
        memcpy(tables.padded[r], tables.row[r], sizeof tables.row[r]);
        for (int d = 0; d <= DEGREE32; d++) {
            if (r >= ROWS32 - 8) tables.near8[d][(BIASED + r) % 8] = tables.row[r][d];
            if (r >= ROWS32 - 16) tables.near16[d][(BIASED + r) % 16] = tables.row[r][d];
        }
    }
}
