// Becomes a program that is not to outlive the process which started it:
//
//     jr-exec PARENT DESCRIPTOR -- FILE ARGUMENT...
//
// PARENT is the pid of that process, FILE is looked up nowhere, and the arguments begin with the program's own name.
// The environment, directory, group, limits and descriptors are already as the program is to have them.
//
// Only the child itself can ask for the signal, between fork and exec, where posix_spawn has no place for it; and a
// parent with threads must not run code of its own there. Hence this program, which is there for a millisecond.
//
// DESCRIPTOR is closed by a successful exec. Otherwise the errno is written to it, as the four bytes of an int.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { NOT_STARTED = 127, USAGE = 64 };

// A number without sign; -1 for anything else.
static int number(const char *text) {
    int value = 0;
    if (!*text) return -1;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || value > (INT_MAX - 9) / 10) return -1;
        value = value * 10 + (*text - '0');
    }
    return value;
}

static int usage(void) {
    static const char text[] =
        "jr-exec: jr-supervisor starts programs through it: jr-exec PARENT DESCRIPTOR -- FILE ARGUMENT...\n";
    ssize_t ignored = write(2, text, sizeof text - 1);
    (void)ignored;
    return USAGE;
}

int main(int count, char **words) {
    int parent = count < 5 ? -1 : number(words[1]);
    int errors = count < 5 ? -1 : number(words[2]);
    if (parent < 1 || errors < 0 || strcmp(words[3], "--") != 0) return usage();
    // Refused by nothing but a filter of system calls: then the program runs as it would have without this one.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    // A parent that died before that call sends no signal any more. It is seen by its child having another one.
    if (getppid() != parent) {
        kill(getpid(), SIGKILL);
        _exit(NOT_STARTED);
    }
    // The program must not have it; and the parent waits until it is closed.
    if (fcntl(errors, F_SETFD, FD_CLOEXEC) == 0) execv(words[4], words + 5);
    int32_t failure = errno;
    ssize_t ignored = write(errors, &failure, sizeof failure);
    (void)ignored;
    _exit(NOT_STARTED);
}
