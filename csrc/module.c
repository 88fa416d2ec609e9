/* The Python module firststep.rng._kernel: packs jobs, runs them without the GIL. Limited API of Python 3.10.
 *
 * Addresses come from Python as integers, and are trusted: rng/_native.py is the only caller. Packed laws and jobs are
 * bytes, valid in this process only.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <string.h>

#include "kernel.h"

#include "platform.h"

static int packed(PyObject *object, const char *what, Py_ssize_t size, char **data) {
    Py_ssize_t length;
    if (PyBytes_AsStringAndSize(object, data, &length) < 0) return 0;
    if (size ? length == size : length % (Py_ssize_t)sizeof(Job) == 0) return 1;
    PyErr_Format(PyExc_ValueError, "%s of %zd bytes", what, length);
    return 0;
}

static int arguments(Py_ssize_t given, Py_ssize_t expected) {
    if (given == expected) return 1;
    PyErr_Format(PyExc_TypeError, "expected %zd arguments, given %zd", expected, given);
    return 0;
}

/* Addresses and indices: any integer of 64 bits. */
static uint64_t number(PyObject *object) { return PyLong_AsUnsignedLongLongMask(object); }

static const InstructionSet *chosen(PyObject *index) {
    long i = PyLong_AsLong(index), n = 0;
    const InstructionSet *const *sets = instruction_sets();
    while (sets[n]) n++;
    if (i < 0 || i >= n) {
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "no such instruction set");
        return NULL;
    }
    return sets[i];
}

static Key key_of(const unsigned char *digest) {
    Key key = {0, 0};
    for (int i = 7; i >= 0; i--) {
        key.philox = key.philox << 8 | digest[i];
        key.stream = key.stream << 8 | digest[8 + i];
    }
    return key;
}

static PyObject *py_sets(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    PyObject *names = PyList_New(0);
    for (const InstructionSet *const *set = instruction_sets(); names && *set; set++) {
        PyObject *name = PyUnicode_FromString((*set)->name);
        if (!name || PyList_Append(names, name) < 0) Py_CLEAR(names);
        Py_XDECREF(name);
    }
    return names;
}

static PyObject *py_tables(PyObject *self, PyObject *args) {
    (void)self;
    const char *narrow, *wide;
    Py_ssize_t narrow_size, wide_size;
    if (!PyArg_ParseTuple(args, "y#y#", &narrow, &narrow_size, &wide, &wide_size)) return NULL;
    if (narrow_size != sizeof tables.row || wide_size != sizeof tables.row64) {
        PyErr_SetString(PyExc_ValueError, "tables of another size");
        return NULL;
    }
    float rows32[ROWS32 * (DEGREE32 + 1)];
    double rows64[ROWS64 * (DEGREE64 + 1)];
    memcpy(rows32, narrow, sizeof rows32);
    memcpy(rows64, wide, sizeof rows64);
    set_tables(rows32, rows64);
    Py_RETURN_NONE;
}

static PyObject *py_law(PyObject *self, PyObject *args) {
    (void)self;
    Law law;
    memset(&law, 0, sizeof law);
    unsigned long long first, width;
    if (!PyArg_ParseTuple(args, "iiiiddddKK", &law.kind, &law.dtype, &law.wide, &law.narrowed, &law.shift, &law.scale,
                          &law.bottom, &law.top, &first, &width))
        return NULL;
    law.first = first;
    law.width = width;
    return PyBytes_FromStringAndSize((const char *)&law, sizeof law);
}

/* A job with the law, the digest and the address that arguments begin with; 0 and an exception when they are not such. */
static int begin_job(PyObject *const *args, Job *job) {
    char *law, *digest;
    if (!packed(args[0], "a law", sizeof(Law), &law) || !packed(args[1], "a key", 16, &digest)) return 0;
    memset(job, 0, sizeof *job);
    memcpy(&job->law, law, sizeof(Law));
    job->key = key_of((const unsigned char *)digest);
    job->out = (void *)(uintptr_t)number(args[2]);
    return 1;
}

/* dense(law, digest, out, count, tasks, backup): a box that is all of a tensor, in one run of memory. backup counts bytes
 * from the start of the memory that join is given. */
static PyObject *py_dense(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
    (void)self;
    Job job;
    if (!arguments(nargs, 6) || !begin_job(args, &job)) return NULL;
    job.count = number(args[3]);
    job.tasks = (int32_t)number(args[4]);
    job.backup = (void *)(uintptr_t)number(args[5]);
    job.rank = 1;
    job.sizes[0] = (int64_t)job.count;
    job.steps[0] = job.strides[0] = 1;
    if (PyErr_Occurred()) return NULL;
    return PyBytes_FromStringAndSize((const char *)&job, sizeof job);
}

static int numbers(PyObject *tuple, Py_ssize_t rank, int64_t *out) {
    if (PyTuple_Size(tuple) != rank) {
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "sizes, steps and strides differ in length");
        return 0;
    }
    for (Py_ssize_t i = 0; i < rank; i++) out[i] = (int64_t)number(PyTuple_GetItem(tuple, i));
    return !PyErr_Occurred();
}

/* box(law, digest, out, start, sizes, steps, strides): any box, to be filled and nothing else. */
static PyObject *py_box(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
    (void)self;
    Job job;
    if (!arguments(nargs, 7) || !begin_job(args, &job)) return NULL;
    job.start = number(args[3]);
    job.tasks = FILL;
    Py_ssize_t rank = PyTuple_Size(args[4]);
    if (rank < 0 || rank > MAX_RANK) {
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "too many dimensions");
        return NULL;
    }
    job.rank = (int32_t)rank;
    if (!numbers(args[4], rank, job.sizes) || !numbers(args[5], rank, job.steps) || !numbers(args[6], rank, job.strides))
        return NULL;
    job.count = 1;
    for (int d = 0; d < job.rank; d++) job.count *= (uint64_t)job.sizes[d];
    return PyBytes_FromStringAndSize((const char *)&job, sizeof job);
}

/* join(list of jobs, address of memory for backups) -> (jobs, number of chunks) */
static PyObject *py_join(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
    (void)self;
    if (!arguments(nargs, 2)) return NULL;
    PyObject *list = args[0];
    Py_ssize_t n = PyList_Size(list);
    uint64_t backups = number(args[1]);
    if (n < 0 || PyErr_Occurred()) return NULL;
    PyObject *joined = PyBytes_FromStringAndSize(NULL, n * (Py_ssize_t)sizeof(Job));
    char *to, *from;
    Py_ssize_t length;
    uint64_t chunks = 0;
    if (!joined) return NULL;
    if (PyBytes_AsStringAndSize(joined, &to, &length) < 0) goto failed;
    for (Py_ssize_t i = 0; i < n; i++, to += sizeof(Job)) {
        if (!packed(PyList_GetItem(list, i), "a job", sizeof(Job), &from)) goto failed;
        Job job;
        memcpy(&job, from, sizeof job);
        job.chunks_before = chunks;
        if (job.tasks & KEEP) job.backup = (void *)(uintptr_t)(backups + (uint64_t)(uintptr_t)job.backup);
        chunks += chunks_of(&job);
        memcpy(to, &job, sizeof job);
        uint64_t bytes = job.count * element_size(job.law.dtype);
        if (job.tasks & FILL && bytes >= LARGE && one_run(&job)) advise_huge((uint64_t)(uintptr_t)job.out, bytes);
    }
    return Py_BuildValue("NK", joined, (unsigned long long)chunks);
failed:
    Py_DECREF(joined);
    return NULL;
}

/* The last job that starts at or before a chunk. */
static size_t job_at(const Job *jobs, size_t n, uint64_t chunk) {
    size_t low = 0, high = n;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (jobs[middle].chunks_before <= chunk) low = middle;
        else high = middle;
    }
    return low;
}

typedef enum { RUN, RESTORE } Action;

static void each_chunk(const InstructionSet *set, const Job *jobs, size_t n, uint64_t begin, uint64_t end, Sums *sums,
                       unsigned char *saved, Action action) {
    FloatMode mode = ieee();
    size_t j = n ? job_at(jobs, n, begin) : 0;
    for (uint64_t chunk = begin; chunk < end; chunk++) {
        while (j + 1 < n && jobs[j + 1].chunks_before <= chunk) j++;
        const Job *job = jobs + j;
        uint64_t own = chunk - job->chunks_before;
        if (action == RUN) {
            run_chunk(set, job, own, sums ? sums + 2 * chunk : NULL, saved ? saved + chunk : NULL);
        } else {
            restore_chunk(job, own, sums + 2 * chunk, saved[chunk]);
        }
    }
    put_back(mode);
}

/* run(set, jobs, begin, end, sums, saved): chunks [begin, end). sums and saved are addresses, or 0: two rows of sums
 * for each chunk of all jobs; one byte for each, how its old elements are kept. */
static PyObject *py_run(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
    (void)self;
    char *jobs;
    const InstructionSet *set;
    if (!arguments(nargs, 6) || !(set = chosen(args[0])) || !packed(args[1], "jobs", 0, &jobs)) return NULL;
    uint64_t begin = number(args[2]), end = number(args[3]);
    Sums *sums = (Sums *)(uintptr_t)number(args[4]);
    unsigned char *saved = (unsigned char *)(uintptr_t)number(args[5]);
    if (PyErr_Occurred()) return NULL;
    size_t n = (size_t)PyBytes_Size(args[1]) / sizeof(Job);
    Py_BEGIN_ALLOW_THREADS
    each_chunk(set, (const Job *)jobs, n, begin, end, sums, saved, RUN);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

/* restore(jobs, chunks, sums, saved): put back what was overwritten. */
static PyObject *py_restore(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
    (void)self;
    char *jobs;
    if (!arguments(nargs, 4) || !packed(args[0], "jobs", 0, &jobs)) return NULL;
    uint64_t chunks = number(args[1]);
    Sums *sums = (Sums *)(uintptr_t)number(args[2]);
    unsigned char *saved = (unsigned char *)(uintptr_t)number(args[3]);
    if (PyErr_Occurred()) return NULL;
    each_chunk(NULL, (const Job *)jobs, (size_t)PyBytes_Size(args[0]) / sizeof(Job), 0, chunks, sums, saved, RESTORE);
    Py_RETURN_NONE;
}

/* Fill a small tensor at once, without giving up the GIL. */
static PyObject *filled(PyObject *set_index, PyObject *packed_law, const Key *key, PyObject *out, PyObject *count) {
    char *bytes;
    Law law;
    const InstructionSet *set = chosen(set_index);
    if (!set || !packed(packed_law, "a law", sizeof(Law), &bytes)) return NULL;
    memcpy(&law, bytes, sizeof law);
    void *address = (void *)(uintptr_t)number(out);
    uint64_t elements = number(count);
    if (PyErr_Occurred()) return NULL;
    FloatMode mode = ieee();
    set->span(address, 0, elements, &law, key);
    put_back(mode);
    Py_RETURN_NONE;
}

/* fill(set, law, digest, out, count) */
static PyObject *py_fill(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
    (void)self;
    char *digest;
    if (!arguments(nargs, 5) || !packed(args[2], "a key", 16, &digest)) return NULL;
    Key key = key_of((const unsigned char *)digest);
    return filled(args[0], args[1], &key, args[3], args[4]);
}

enum { BEGUN = 64 };

/* fill_fresh(set, law, begun, halves, out, count): under the key of the message that begins with `begun` and goes on with
 * the seed whose 32-bit halves, the lower one first, are the integers of 64 bits at the address `halves`. */
static PyObject *py_fill_fresh(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
    (void)self;
    char *begun;
    Py_ssize_t length;
    unsigned char message[BEGUN + 8];
    if (!arguments(nargs, 6) || PyBytes_AsStringAndSize(args[2], &begun, &length) < 0) return NULL;
    const uint64_t *halves = (const uint64_t *)(uintptr_t)number(args[3]);
    if (PyErr_Occurred()) return NULL;
    if (length > BEGUN) {
        PyErr_SetString(PyExc_ValueError, "a long beginning");
        return NULL;
    }
    memcpy(message, begun, (size_t)length);
    uint64_t seed = halves[1] << 32 | halves[0];
    for (int i = 0; i < 8; i++) message[length + i] = (unsigned char)(seed >> 8 * i);
    Key key = digest_of(message, (size_t)length + 8);
    return filled(args[0], args[1], &key, args[4], args[5]);
}

/* digest(message) -> 16 bytes */
static PyObject *py_digest(PyObject *self, PyObject *message) {
    (void)self;
    char *data;
    Py_ssize_t length;
    unsigned char out[16];
    if (PyBytes_AsStringAndSize(message, &data, &length) < 0) return NULL;
    Key key = digest_of((const unsigned char *)data, (size_t)length);
    for (int i = 0; i < 8; i++) {
        out[i] = (unsigned char)(key.philox >> 8 * i);
        out[8 + i] = (unsigned char)(key.stream >> 8 * i);
    }
    return PyBytes_FromStringAndSize((const char *)out, sizeof out);
}

/* One side of a job's sums, of all its chunks together: (mean, std, low, high). */
static PyObject *summary(const Job *job, const Sums *rows, int side) {
    double sum = 0, squares = 0, pivot = rows[side].pivot, low = rows[side].low, high = rows[side].high;
    for (uint64_t chunk = 0, left = job->count; left; chunk++) {
        const Sums *row = rows + 2 * chunk + side;
        double n = left < CHUNK ? (double)left : CHUNK, d = row->pivot - pivot;
        sum += row->sum + n * d;
        squares += row->squares + 2 * d * row->sum + n * d * d;
        low = row->low < low || isnan(row->low) ? row->low : low;
        high = row->high > high || isnan(row->high) ? row->high : high;
        left -= left < CHUNK ? left : CHUNK;
    }
    double mean = sum / (double)job->count, variance = squares / (double)job->count - mean * mean;
    return Py_BuildValue("dddd", pivot + mean, sqrt(variance > 0 ? variance : 0), low, high);
}

/* summaries(jobs, sums) -> for each job that measures: (before or None, after or None) */
static PyObject *py_summaries(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
    (void)self;
    char *data;
    if (!arguments(nargs, 2) || !packed(args[0], "jobs", 0, &data)) return NULL;
    const Sums *sums = (const Sums *)(uintptr_t)number(args[1]);
    const Job *jobs = (const Job *)data;
    size_t n = (size_t)PyBytes_Size(args[0]) / sizeof(Job);
    PyObject *list = PyList_New(0);
    for (size_t j = 0; list && j < n; j++) {
        PyObject *sides[2];
        for (int side = 0; side < 2; side++) {
            int asked = jobs[j].tasks & (side ? MEASURE_AFTER : MEASURE_BEFORE);
            sides[side] = asked ? summary(jobs + j, sums + 2 * jobs[j].chunks_before, side) : Py_BuildValue("");
        }
        PyObject *pair = Py_BuildValue("NN", sides[0], sides[1]);
        if (!pair || PyList_Append(list, pair) < 0) Py_CLEAR(list);
        Py_XDECREF(pair);
    }
    return list;
}

/* huge(address, bytes): True when the system took the advice. */
static PyObject *py_huge(PyObject *self, PyObject *args) {
    (void)self;
    unsigned long long address, bytes;
    if (!PyArg_ParseTuple(args, "KK", &address, &bytes)) return NULL;
    return PyBool_FromLong(advise_huge(address, bytes));
}

#define FAST(f) (PyCFunction)(void (*)(void))f, METH_FASTCALL
static PyMethodDef methods[] = {
    {"instruction_sets", py_sets, METH_NOARGS, "names, fastest first"},
    {"set_tables", py_tables, METH_VARARGS, "set_tables(rows32, rows64)"},
    {"law", py_law, METH_VARARGS, "law(kind, dtype, wide, narrowed, shift, scale, bottom, top, first, width)"},
    {"dense", FAST(py_dense), "dense(law, digest, out, count, tasks, backup)"},
    {"box", FAST(py_box), "box(law, digest, out, start, sizes, steps, strides)"},
    {"join", FAST(py_join), "join(list of jobs, backups) -> (jobs, chunks)"},
    {"run", FAST(py_run), "run(set, jobs, begin, end, sums, saved)"},
    {"restore", FAST(py_restore), "restore(jobs, chunks, sums, saved)"},
    {"fill", FAST(py_fill), "fill(set, law, digest, out, count)"},
    {"fill_fresh", FAST(py_fill_fresh), "fill_fresh(set, law, begun, halves, out, count)"},
    {"digest", py_digest, METH_O, "digest(message)"},
    {"summaries", FAST(py_summaries), "summaries(jobs, sums)"},
    {"huge", py_huge, METH_VARARGS, "huge(address, bytes)"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{0, NULL}};
static struct PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_kernel",
    .m_doc = "Values of a law at the speed of memory; see rng/_native.py.",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__kernel(void) { return PyModuleDef_Init(&definition); }
