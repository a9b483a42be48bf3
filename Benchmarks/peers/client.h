// What the bare clients of redis.c, beanstalkd.c and gearman.c have in common: a connection with its buffers, the run
// of an application that keeps a window of jobs under way, and its report.
//
//     CLIENT produce PORT MODE WINDOW JOBS NAME=PID[,PID]...     the application; prints a line of JSON
//     CLIENT work PORT MODE WINDOW                               the worker, until it is killed
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PAYLOAD = 100, NUMBER = 8, BUFFER = 1 << 20 };

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(70);
}

// MARK: A connection

struct connection {
    int fd;
    size_t head, tail, length;
    char in[BUFFER], out[BUFFER];
};

static struct connection *connect_to(int port) {
    struct connection *c = calloc(1, sizeof *c);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1;
    if (!c || (c->fd = socket(AF_INET, SOCK_STREAM, 0)) < 0) fail("no socket: %m");
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address)) fail("port %d of this host: %m", port);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return c;
}

static void put(struct connection *c, const void *data, size_t count) {
    if (c->length + count > BUFFER) fail("more than %d bytes to send at once", BUFFER);
    memcpy(c->out + c->length, data, count);
    c->length += count;
}

#define put_text(c, text) put(c, text, sizeof text - 1)

__attribute__((format(printf, 2, 3))) static inline void putf(struct connection *c, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int count = vsnprintf(c->out + c->length, BUFFER - c->length, format, arguments);
    va_end(arguments);
    if (count < 0 || (size_t)count >= BUFFER - c->length) fail("more than %d bytes to send at once", BUFFER);
    c->length += (size_t)count;
}

// Everything so far, in as few writes as the kernel allows.
static void flush(struct connection *c) {
    for (size_t sent = 0; sent < c->length;) {
        ssize_t count = write(c->fd, c->out + sent, c->length - sent);
        if (count < 0 && errno != EINTR) fail("the server ended the connection: %m");
        if (count > 0) sent += (size_t)count;
    }
    c->length = 0;
}

static void receive(struct connection *c) {
    if (c->head == c->tail) c->head = c->tail = 0;
    if (c->tail == BUFFER) {
        memmove(c->in, c->in + c->head, c->tail - c->head);
        c->tail -= c->head;
        c->head = 0;
    }
    ssize_t count = read(c->fd, c->in + c->tail, BUFFER - c->tail);
    if (count == 0 || (count < 0 && errno != EINTR)) fail("the server ended the connection");
    if (count > 0) c->tail += (size_t)count;
}

static int has_more(const struct connection *c) { return c->head < c->tail; }

// The next so many bytes; they stay until the next call.
static char *bytes(struct connection *c, size_t count) {
    while (c->tail - c->head < count) receive(c);
    c->head += count;
    return c->in + c->head - count;
}

// The next line, without its end; it stays until the next call.
static char *line(struct connection *c) {
    for (size_t seen = 0;;) {
        char *end = memchr(c->in + c->head + seen, '\n', c->tail - c->head - seen);
        if (!end) {
            seen = c->tail - c->head;
            receive(c);
            continue;
        }
        char *start = c->in + c->head;
        c->head = (size_t)(end - c->in) + 1;
        end[end > start && end[-1] == '\r' ? -1 : 0] = 0;
        return start;
    }
}

static inline void expect(struct connection *c, const char *beginning) {
    const char *answer = line(c);
    if (strncmp(answer, beginning, strlen(beginning))) fail("expected %s, got '%s'", beginning, answer);
}

// Waits until one of the two has something to read, and reads it.
static inline void receive_any(struct connection *first, struct connection *second) {
    struct pollfd ready[2] = { { .fd = first->fd, .events = POLLIN }, { .fd = second->fd, .events = POLLIN } };
    if (poll(ready, 2, 60000) == 0) fail("nothing has come for a minute");
    if (ready[0].revents) receive(first);
    if (ready[1].revents) receive(second);
}

// MARK: A run

// Jobs are accepted (the server has answered) and ended (the worker's word has come back), each exactly once.
static struct {
    long jobs, window, sent, accepted, ended;
    int64_t *begun, *took;
} run;

static int64_t now(clockid_t clock) {
    struct timespec time;
    if (clock_gettime(clock, &time)) fail("a process of the peer has ended: %m");
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static void ended(const char *number) {
    char digits[NUMBER + 1] = { 0 };
    memcpy(digits, number, NUMBER);
    long job = strtol(digits, NULL, 10);
    if (job < 0 || job >= run.sent || run.took[job]) fail("job '%s' ended twice, or was never sent", digits);
    run.took[job] = now(CLOCK_MONOTONIC) - run.begun[job];
    run.ended++;
}

// Keeps the window full until all have ended. `submit` only queues the bytes; `wait_for_some` sends them and waits.
static void drive(long jobs, long window, void (*submit)(const char *), void (*wait_for_some)(void)) {
    free(run.begun);
    free(run.took);
    memset(&run, 0, sizeof run);
    run.jobs = jobs;
    run.window = window;
    run.begun = calloc((size_t)jobs, sizeof *run.begun);
    run.took = calloc((size_t)jobs, sizeof *run.took);
    char payload[PAYLOAD + 1];
    memset(payload, 'x', sizeof payload);
    while (run.ended < jobs || run.accepted < jobs) {
        for (; run.sent < jobs && run.sent - run.ended < window; run.sent++) {
            char digits[24];
            snprintf(digits, sizeof digits, "%08ld", run.sent);
            memcpy(payload, digits, NUMBER);
            run.begun[run.sent] = now(CLOCK_MONOTONIC);
            submit(payload);
        }
        wait_for_some();
    }
}

static int by_size(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

// Processor time of the processes of NAME=PID,PID..., as the kernel's clocks of processes have it.
static int64_t processor(const char *named) {
    int64_t sum = 0;
    for (const char *at = strchr(named, '='); at && *at; at = strchr(at, ',')) {
        pid_t pid = (pid_t)strtol(++at, NULL, 10);
        sum += now((clockid_t)(~(unsigned)pid << 3 | 2));
    }
    return sum;
}

static void produce(int count, char **words, void (*submit)(const char *), void (*wait_for_some)(void)) {
    if (count < 6) fail("usage: %s produce PORT MODE WINDOW JOBS NAME=PID[,PID]...", words[0]);
    long window = atol(words[4]), jobs = atol(words[5]);
    drive(window < 100 ? 100 : window, window, submit, wait_for_some);
    int64_t before[16] = { 0 };
    for (int at = 6; at < count && at < 16; at++) before[at] = processor(words[at]);
    int64_t own = now(CLOCK_PROCESS_CPUTIME_ID), begun = now(CLOCK_MONOTONIC);
    drive(jobs, window, submit, wait_for_some);
    double seconds = (double)(now(CLOCK_MONOTONIC) - begun) / 1e9, each = 1e3 * (double)jobs;
    int64_t sum = own = now(CLOCK_PROCESS_CPUTIME_ID) - own;
    printf("{\"jobs\":%ld,\"window\":%ld,\"cpu\":{\"application\":%.2f", jobs, window, (double)own / each);
    for (int at = 6; at < count && at < 16; at++) {
        int64_t used = processor(words[at]) - before[at];
        printf(",\"%.*s\":%.2f", (int)strcspn(words[at], "="), words[at], (double)used / each);
        sum += used;
    }
    qsort(run.took, (size_t)jobs, sizeof *run.took, by_size);
    printf("},\"jobsPerSecond\":%.1f,\"cpuMicrosecondsPerJob\":%.2f", (double)jobs / seconds, (double)sum / each);
    printf(",\"p50Microseconds\":%.1f", (double)run.took[jobs / 2] / 1e3);
    printf(",\"p99Microseconds\":%.1f}\n", (double)run.took[jobs * 99 / 100] / 1e3);
}
