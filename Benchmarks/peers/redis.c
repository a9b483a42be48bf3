// Redis lists, driven by RESP by hand. An application pushes each job onto the list 'jobs' with a command of its own
// and hears of its end from the list 'done'. MODE is how the worker and the answers go:
//
//     batch    as many in one command as there are (BLMPOP ... COUNT, LPUSH of many): the cheapest way
//     single   one command a job (BRPOP, LPUSH), a window of them sent ahead
//     kept     as single, but a job stays in the list 'busy' until it has ended (BLMOVE, LREM): the death of a worker
//              loses none
#include "client.h"

enum mode { BATCH, SINGLE, KEPT };

static enum mode mode;
static long window;
// Blocking commands hold up what is sent after them, so what is pushed goes another way.
static struct connection *pushes, *pops;

static void bulk(struct connection *c, const char *text, size_t count) {
    putf(c, "$%zu\r\n", count);
    put(c, text, count);
    put_text(c, "\r\n");
}

// MARK: Taking from a list

static void ask(const char *list, int to_keep) {
    int count = (int)strlen(list);
    if (mode == BATCH) {
        char most[24];
        int digits = snprintf(most, sizeof most, "%ld", window);
        put_text(pops, "*7\r\n$6\r\nBLMPOP\r\n$1\r\n0\r\n$1\r\n1\r\n");
        putf(pops, "$%d\r\n%s\r\n$5\r\nRIGHT\r\n$5\r\nCOUNT\r\n$%d\r\n%s\r\n", count, list, digits, most);
    } else if (to_keep) {
        putf(pops, "*6\r\n$6\r\nBLMOVE\r\n$%d\r\n%s\r\n$4\r\nbusy\r\n", count, list);
        put_text(pops, "$5\r\nRIGHT\r\n$4\r\nLEFT\r\n$1\r\n0\r\n");
    } else {
        putf(pops, "*3\r\n$5\r\nBRPOP\r\n$%d\r\n%s\r\n$1\r\n0\r\n", count, list);
    }
}

static void ask_first(const char *list, int to_keep) {
    for (long asked = 0; asked < (mode == BATCH ? 1 : window); asked++) ask(list, to_keep);
    flush(pops);
}

static size_t length_of(struct connection *c) {
    char *answer = line(c);
    if (*answer != '$' || answer[1] == '-') fail("expected a value, got '%s'", answer);
    return (size_t)atol(answer + 1);
}

static void value(void (*handle)(const char *, size_t)) {
    size_t count = length_of(pops);
    handle(bytes(pops, count + 2), count);
}

// Handles one answer to `ask`.
static void take(int to_keep, void (*handle)(const char *, size_t)) {
    if (to_keep) return value(handle);
    expect(pops, "*2");
    bytes(pops, length_of(pops) + 2);
    if (mode != BATCH) return value(handle);
    char *answer = line(pops);
    if (*answer != '*') fail("expected the popped ones, got '%s'", answer);
    for (long rest = atol(answer + 1); rest > 0; rest--) value(handle);
}

// MARK: The application

static void submit(const char *payload) {
    put_text(pushes, "*3\r\n$5\r\nLPUSH\r\n$4\r\njobs\r\n");
    bulk(pushes, payload, PAYLOAD);
}

static void job_ended(const char *number, size_t count) {
    if (count != NUMBER) fail("a job's number has %zu bytes", count);
    ended(number);
}

static void wait_for_some(void) {
    flush(pushes);
    receive_any(pushes, pops);
    for (; has_more(pushes); run.accepted++) expect(pushes, ":");
    while (has_more(pops)) {
        take(0, job_ended);
        ask("done", 0);
    }
    flush(pops);
}

// MARK: The worker

// Numbers of the jobs that have ended and have not been told.
static char finished[BUFFER];
static long finished_count, unanswered;

static void work_one(const char *payload, size_t count) {
    if (count != PAYLOAD) fail("a job has %zu bytes", count);
    if (mode == KEPT) {
        put_text(pushes, "*4\r\n$4\r\nLREM\r\n$4\r\nbusy\r\n$2\r\n-1\r\n");
        bulk(pushes, payload, PAYLOAD);
        unanswered++;
    }
    if (mode == BATCH) {
        memcpy(finished + NUMBER * finished_count++, payload, NUMBER);
    } else {
        put_text(pushes, "*3\r\n$5\r\nLPUSH\r\n$4\r\ndone\r\n");
        bulk(pushes, payload, NUMBER);
        unanswered++;
    }
}

static void work(void) {
    ask_first("jobs", mode == KEPT);
    for (;;) {
        receive_any(pushes, pops);
        for (; has_more(pushes); unanswered--) expect(pushes, ":");
        while (has_more(pops)) {
            take(mode == KEPT, work_one);
            ask("jobs", mode == KEPT);
        }
        if (finished_count > 0) {
            putf(pushes, "*%ld\r\n$5\r\nLPUSH\r\n$4\r\ndone\r\n", finished_count + 2);
            for (long at = 0; at < finished_count; at++) bulk(pushes, finished + NUMBER * at, NUMBER);
            finished_count = 0;
            unanswered++;
        }
        flush(pushes);
        flush(pops);
    }
}

int main(int count, char **words) {
    if (count < 5) fail("usage: %s produce|work PORT batch|single|kept WINDOW ...", words[0]);
    mode = !strcmp(words[3], "batch") ? BATCH : !strcmp(words[3], "kept") ? KEPT : SINGLE;
    window = atol(words[4]);
    pushes = connect_to(atoi(words[2]));
    pops = connect_to(atoi(words[2]));
    if (!strcmp(words[1], "work")) work();
    ask_first("done", 0);
    produce(count, words, submit, wait_for_some);
}
