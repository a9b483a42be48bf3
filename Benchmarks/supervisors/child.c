/* What the supervisors start: a program that says when it has started, and then is good, stubborn or talkative.
 *
 *     child note FIFO [DESCRIPTOR]   says so (on DESCRIPTOR as well, as s6 wants it), and waits for signals
 *     child stubborn FIFO            the same, and ignores TERM and INT
 *     child flood FIFO BYTES         the same, and writes numbered lines of 100 bytes in blocks of 64 KiB
 *
 * It says "start PID NANOSECONDS" (CLOCK_MONOTONIC), one write to a pipe that the one who measures reads. A flood says
 * "flood PID NANOSECONDS" before its first block, and "flooded PID NANOSECONDS" when all blocks are written. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 100, BLOCK = 64 * 1024 };

static int notes;

static int note(const char *what) {
    char text[96];
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    long long nanoseconds = now.tv_sec * 1000000000LL + now.tv_nsec;
    int length = snprintf(text, sizeof text, "%s %d %lld\n", what, (int)getpid(), nanoseconds);
    return write(notes, text, (size_t)length) == length;
}

/* Byte number `offset` of the endless row of lines: sixteen digits, then the same letters, then a newline. */
static void fill(char *block, long long offset, int length) {
    char line[LINE + 1];
    long long number = -1;
    for (int i = 0; i < length; i++, offset++) {
        if (offset / LINE != number) {
            number = offset / LINE;
            snprintf(line, sizeof line, "%016lld", number);
            memset(line + 16, 'x', LINE - 17);
            line[LINE - 1] = '\n';
        }
        block[i] = line[offset % LINE];
    }
}

static int flood(long long bytes) {
    /* Made beforehand, so that the lines cost nothing while they are written. */
    char *all = malloc((size_t)bytes);
    if (all == NULL) return 0;
    for (long long at = 0; at < bytes; at += BLOCK) {
        fill(all + at, at, (int)(bytes - at < BLOCK ? bytes - at : BLOCK));
    }
    if (!note("flood")) return 0;
    for (long long at = 0; at < bytes;) {
        ssize_t written = write(1, all + at, (size_t)(bytes - at < BLOCK ? bytes - at : BLOCK));
        if (written < 0) return 0;
        at += written;
    }
    free(all);
    return note("flooded");
}

int main(int count, char **words) {
    if (count < 3) return 64;
    notes = open(words[2], O_WRONLY | O_CLOEXEC);
    if (notes < 0) return 74;
    if (strcmp(words[1], "stubborn") == 0) {
        signal(SIGTERM, SIG_IGN);
        signal(SIGINT, SIG_IGN);
    }
    if (!note("start")) return 74;
    if (strcmp(words[1], "note") == 0 && count > 3) {
        if (write(atoi(words[3]), "\n", 1) != 1) return 74;
        close(atoi(words[3]));
    }
    if (strcmp(words[1], "flood") == 0 && (count < 4 || !flood(atoll(words[3])))) return 74;
    for (;;) pause();
}
