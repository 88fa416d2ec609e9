/* Writes words to stdout, 4 bytes each, in the machine's byte order, until the reader stops or WORDS are written.
 *
 *     stream KEYS [WORDS [BLOCK]]
 *
 * KEYS is a file from keys.py; every key begins at word 4 * BLOCK.
 */
#include "stream.h"

int main(int argc, char **argv) {
    if (argc < 2 || argc > 4) {
        fprintf(stderr, "usage: stream KEYS [WORDS [BLOCK]]\n");
        return 2;
    }
    uint64_t left = argc > 2 ? strtoull(argv[2], NULL, 10) : UINT64_MAX;
    Stream s = stream_open(argv[1], argc > 3 ? strtoull(argv[3], NULL, 10) : 0);
    while (left > 0) {
        size_t count = left < s.length ? (size_t)left : s.length;
        if (fwrite(s.buffer, 4, count, stdout) != count) break;
        left -= count;
        stream_refill(&s);
    }
    return fflush(stdout) != 0;
}
