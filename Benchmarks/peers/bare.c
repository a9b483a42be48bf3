// The limit of this machine: an application and a worker that do nothing but pass as many bytes a job as JobReactor
// does, and, where it says `always`, write and sync as many. No job, no name, no state: what is left is the kernel.
// See client.h for its arguments; the worker listens at PORT itself.
#include "client.h"

#include <fcntl.h>

// What a job takes of ours, by `strace` of `jr bench throughput`: to the node, back, and into its journal.
enum { REQUEST = 180, REPLY = 174, STORED = 470, SEGMENT = 64 << 20 };

static struct connection *application;

static void submit(const char *payload) {
    char bytes[REQUEST] = { 0 };
    memcpy(bytes, payload, PAYLOAD);
    put(application, bytes, sizeof bytes);
}

static void wait_for_some(void) {
    flush(application);
    do {
        ended(bytes(application, REPLY));
        run.accepted++;
    } while (has_more(application));
}

// Writes for so many jobs, in one piece, and waits for the disk.
static void store(long jobs) {
    static char data[BUFFER];
    static int file = -1;
    static off_t at;
    size_t count = (size_t)jobs * STORED;
    if (count > sizeof data) fail("more than %d bytes to store at once", BUFFER);
    if (file < 0 && (file = open("bare.journal", O_RDWR | O_CREAT | O_TRUNC, 0600)) < 0) fail("bare.journal: %m");
    if (at % SEGMENT + (off_t)count > SEGMENT || at == 0) {
        at = (at + SEGMENT - 1) / SEGMENT * SEGMENT;
        if (posix_fallocate(file, at, SEGMENT) || fsync(file)) fail("bare.journal: no room");
    }
    if (pwrite(file, data, count, at) != (ssize_t)count || fdatasync(file)) fail("bare.journal: %m");
    at += (off_t)count;
}

// Answers what has come, all of it at once, until the application leaves.
static void serve(struct connection *c, int is_stored) {
    char reply[REPLY] = { 0 };
    for (;;) {
        if (c->head == c->tail) c->head = c->tail = 0;
        if (c->head) memmove(c->in, c->in + c->head, c->tail - c->head);
        c->tail -= c->head;
        c->head = 0;
        ssize_t count = read(c->fd, c->in + c->tail, BUFFER - c->tail);
        if (count <= 0) return;
        c->tail += (size_t)count;
        long jobs = (long)(c->tail - c->head) / REQUEST;
        if (jobs == 0) continue;
        if (is_stored) store(jobs);
        for (; jobs > 0; jobs--) {
            memcpy(reply, bytes(c, REQUEST), NUMBER);
            put(c, reply, sizeof reply);
        }
        flush(c);
    }
}

static void work(int port, int is_stored) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    struct connection *c = calloc(1, sizeof *c);
    int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (!c || listener < 0) fail("no socket: %m");
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4)) fail("port %d: %m", port);
    while ((c->fd = accept(listener, NULL, NULL)) >= 0) {
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        c->head = c->tail = c->length = 0;
        serve(c, is_stored);
        close(c->fd);
    }
    fail("no connection: %m");
}

int main(int count, char **words) {
    if (count < 5) fail("usage: %s produce|work PORT MODE WINDOW ...", words[0]);
    int port = atoi(words[2]);
    if (strcmp(words[1], "work") == 0) work(port, strcmp(words[3], "always") == 0);
    application = connect_to(port);
    produce(count, words, submit, wait_for_some);
    return 0;
}
