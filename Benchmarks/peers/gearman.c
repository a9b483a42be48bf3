// Gearman, driven by its binary protocol by hand. Jobs are submitted in the foreground, so the server tells the
// application of each end; it keeps such jobs in memory only. The worker grabs jobs in turns of as many as came last
// time, and sleeps when there are none.
#include "client.h"

enum packet {
    CAN_DO = 1, PRE_SLEEP = 4, NOOP = 6, SUBMIT_JOB = 7, JOB_CREATED = 8, GRAB_JOB = 9, NO_JOB = 10, JOB_ASSIGN = 11,
    WORK_COMPLETE = 13
};

static struct connection *server;

static void request(enum packet type, size_t size) {
    uint32_t header[3] = { 0, htonl(type), htonl((uint32_t)size) };
    memcpy(header, "\0REQ", 4);
    put(server, header, sizeof header);
}

static enum packet response(char **body, size_t *size) {
    uint32_t header[3];
    memcpy(header, bytes(server, sizeof header), sizeof header);
    if (memcmp(header, "\0RES", 4)) fail("the server does not speak Gearman's protocol");
    *size = ntohl(header[2]);
    *body = bytes(server, *size);
    return ntohl(header[1]);
}

// MARK: The application

static void submit(const char *payload) {
    // The function's name and no unique identifier, each with its end.
    request(SUBMIT_JOB, 7 + PAYLOAD);
    put_text(server, "bench\0\0");
    put(server, payload, PAYLOAD);
}

static void wait_for_some(void) {
    flush(server);
    receive(server);
    while (has_more(server)) {
        char *body;
        size_t size;
        enum packet type = response(&body, &size);
        if (type == JOB_CREATED) {
            run.accepted++;
        } else if (type == WORK_COMPLETE && size > NUMBER) {
            ended(body + size - NUMBER);
        } else {
            fail("the server sent packet %d", type);
        }
    }
}

// MARK: The worker

static void work(long window) {
    request(CAN_DO, 5);
    put_text(server, "bench");
    for (long got = 0;;) {
        long asked = 2 * got < 1 ? 1 : 2 * got > window ? window : 2 * got;
        for (long at = 0; at < asked; at++) request(GRAB_JOB, 0);
        flush(server);
        for (got = 0; asked > 0;) {
            char *body;
            size_t size;
            enum packet type = response(&body, &size);
            if (type == NOOP) continue;
            asked--;
            if (type == NO_JOB) continue;
            if (type != JOB_ASSIGN) fail("the server sent packet %d", type);
            size_t handle = strlen(body) + 1;
            request(WORK_COMPLETE, handle + NUMBER);
            put(server, body, handle);
            put(server, body + size - PAYLOAD, NUMBER);
            got++;
        }
        if (got > 0) continue;
        request(PRE_SLEEP, 0);
        flush(server);
        char *body;
        size_t size;
        if (response(&body, &size) != NOOP) fail("expected to be woken");
    }
}

int main(int count, char **words) {
    if (count < 5) fail("usage: %s produce|work PORT MODE WINDOW ...", words[0]);
    server = connect_to(atoi(words[2]));
    if (!strcmp(words[1], "work")) work(atol(words[4]));
    produce(count, words, submit, wait_for_some);
}
