/* One battery of TestU01 over one stream.
 *
 *     crush SmallCrush|Crush|BigCrush KEYS [reversed]
 *     crush Crush KEYS TEST TIMES
 *
 * KEYS is a file from keys.py. `reversed` turns each word round, lowest bit first: most of TestU01's tests look at the
 * upper bits only. TEST and TIMES repeat one of Crush's tests, by its number, on words that follow each other. Prints
 * TestU01's own reports, each test's p-values, and a last line with the verdict.
 */
#include <string.h>
#include <testu01/bbattery.h>
#include <testu01/swrite.h>
#include <testu01/unif01.h>

#include "stream.h"

enum { CRUSH = 96 }; /* tests in Crush */

static Stream stream;

static unsigned int word(void) { return stream_next(&stream); }

static unsigned int reversed_word(void) {
    uint32_t w = stream_next(&stream);
    w = (w & 0x55555555u) << 1 | (w >> 1 & 0x55555555u);
    w = (w & 0x33333333u) << 2 | (w >> 2 & 0x33333333u);
    w = (w & 0x0F0F0F0Fu) << 4 | (w >> 4 & 0x0F0F0F0Fu);
    return w << 24 | (w & 0xFF00u) << 8 | (w >> 8 & 0xFF00u) | w >> 24;
}

/* Crush's test number `test` only, `times` times. */
static void repeat(unif01_Gen *generator, int test, int times) {
    int all[1 + CRUSH] = {0};
    all[test] = times;
    bbattery_RepeatCrush(generator, all);
}

/* What bbattery left behind of the battery that it ran. */
static void summarize(const char *title) {
    int outside = 0;
    double smallest = 1.0, largest = 0.0;
    printf("\n%s\n", title);
    for (int i = 0; i < bbattery_NTests; i++) {
        double p = bbattery_pVal[i];
        int is_outside = p < 1e-3 || p > 1 - 1e-3;
        outside += is_outside;
        smallest = p < smallest ? p : smallest;
        largest = p > largest ? p : largest;
        printf("  %-28s %.6g%s\n", bbattery_TestNames[i], p, is_outside ? "  <--" : "");
    }
    printf("%s: %d p-values, %d outside [0.001, 0.999], from %.3g to 1 - %.3g, of %.3g words\n", title, bbattery_NTests,
           outside, smallest, 1 - largest, (double)(stream.given + stream.next));
}

int main(int argc, char **argv) {
    int reversed = argc == 4 && strcmp(argv[3], "reversed") == 0;
    int test = argc == 5 ? atoi(argv[3]) : 0, times = argc == 5 ? atoi(argv[4]) : 0;
    int one = test >= 1 && test <= CRUSH && times >= 1 && strcmp(argv[1], "Crush") == 0;
    void (*battery)(unif01_Gen *) = NULL;
    if (argc == 3 || reversed || one) {
        if (strcmp(argv[1], "SmallCrush") == 0) battery = bbattery_SmallCrush;
        if (strcmp(argv[1], "Crush") == 0) battery = bbattery_Crush;
        if (strcmp(argv[1], "BigCrush") == 0) battery = bbattery_BigCrush;
    }
    if (!battery) {
        fprintf(stderr, "usage: crush SmallCrush|Crush|BigCrush KEYS [reversed]\n       crush Crush KEYS TEST TIMES\n");
        return 2;
    }
    stream = stream_open(argv[2], 0);
    const char *slash = strrchr(argv[2], '/');
    char title[100];
    snprintf(title, sizeof title, "%s of %.40s%s", argv[1], slash ? slash + 1 : argv[2], reversed ? ", reversed" : "");
    setvbuf(stdout, NULL, _IOLBF, 0);
    swrite_Host = 0;
    unif01_Gen *generator = unif01_CreateExternGenBits(title, reversed ? reversed_word : word);
    if (one)
        repeat(generator, test, times);
    else
        battery(generator);
    unif01_DeleteExternGenBits(generator);
    summarize(title);
    return 0;
}
