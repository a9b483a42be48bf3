// beanstalkd, driven by its protocol by hand. An application puts jobs into the tube 'jobs' and hears of their ends
// from the tube 'done', as beanstalkd has no other way to tell it. A connection that waits for a job handles no other
// command meanwhile, so jobs are reserved in turns: what was done with the last ones, one reserve that waits, and some
// that do not, all in one write.
#include "client.h"

static long window;
static struct connection *puts_jobs, *reserves;
// What is still to be answered, in this order; and what goes out with the next turn.
static long settled, reserved, queued;
// How many came in this turn.
static long got;

static void ask(void) {
    // More than come only cost the server time.
    long most = 2 * got < 1 ? 1 : 2 * got > window ? window : 2 * got;
    put_text(reserves, "reserve\r\n");
    for (reserved = 1; reserved < most; reserved++) put_text(reserves, "reserve-with-timeout 0\r\n");
    settled = queued;
    got = queued = 0;
    flush(reserves);
}

// Handles answers as far as they have come; asks for more when a turn is over.
static void take(size_t size, void (*handle)(const char *)) {
    while (has_more(reserves)) {
        if (settled > 0) {
            char *answer = line(reserves);
            if (strncmp(answer, "INSERTED", 8) && strcmp(answer, "DELETED")) fail("not settled: '%s'", answer);
            settled--;
            continue;
        }
        char *answer = line(reserves);
        unsigned long long id;
        size_t count;
        if (sscanf(answer, "RESERVED %llu %zu", &id, &count) == 2) {
            if (count != size) fail("a job has %zu bytes", count);
            putf(reserves, "delete %llu\r\n", id);
            queued++;
            handle(bytes(reserves, count + 2));
            got++;
        } else if (strcmp(answer, "TIMED_OUT")) {
            fail("expected a job, got '%s'", answer);
        }
        if (--reserved == 0) ask();
    }
}

// MARK: The application

static void submit(const char *payload) {
    putf(puts_jobs, "put 0 0 60 %d\r\n", PAYLOAD);
    put(puts_jobs, payload, PAYLOAD);
    put_text(puts_jobs, "\r\n");
}

static void wait_for_some(void) {
    flush(puts_jobs);
    receive_any(puts_jobs, reserves);
    for (; has_more(puts_jobs); run.accepted++) expect(puts_jobs, "INSERTED ");
    take(NUMBER, ended);
}

// MARK: The worker

static void work_one(const char *payload) {
    putf(reserves, "put 0 0 60 %d\r\n%.*s\r\n", NUMBER, NUMBER, payload);
    queued++;
}

static void watch(const char *tube) {
    putf(reserves, "watch %s\r\nignore default\r\n", tube);
    flush(reserves);
    expect(reserves, "WATCHING");
    expect(reserves, "WATCHING");
}

static void use(struct connection *c, const char *tube) {
    putf(c, "use %s\r\n", tube);
    flush(c);
    expect(c, "USING");
}

int main(int count, char **words) {
    if (count < 5) fail("usage: %s produce|work PORT MODE WINDOW ...", words[0]);
    window = atol(words[4]);
    reserves = connect_to(atoi(words[2]));
    if (!strcmp(words[1], "work")) {
        watch("jobs");
        use(reserves, "done");
        for (ask();; take(PAYLOAD, work_one)) receive(reserves);
    }
    puts_jobs = connect_to(atoi(words[2]));
    use(puts_jobs, "jobs");
    watch("done");
    ask();
    produce(count, words, submit, wait_for_some);
}
