// Becomes a program with what posix_spawn cannot give it:
//
//     jr-exec PARENT DESCRIPTOR [WORD...] -- FILE ARGUMENT...
//
// PARENT is the pid of the process that started it, FILE is looked up nowhere, and the arguments begin with the
// program's own name. The environment, directory, group and descriptors are already as the program is to have them.
//
//     stay                     it may outlive PARENT; otherwise the kernel kills it when PARENT dies
//     limit=NUMBER:SOFT:HARD   a limit of setrlimit, by its number
//     group=DIRECTORY          the control group in which it is, if that can be had
//     user=UID:GID:GROUP,...   whose process it is from then on, with these groups and no others
//     umask=OCTAL              the bits that its files do not get
//
// Only the child itself can do this, between fork and exec, where posix_spawn has no place for it; and a parent with
// threads must not run code of its own there. Hence this program, which is there for a millisecond.
//
// DESCRIPTOR is closed by a successful exec. Otherwise the errno is written to it, and which of the words above was
// refused (its place among all; 0 is FILE itself), as two ints of four bytes.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NOT_STARTED = 127, USAGE = 64, MOST_GROUPS = 1024 };

// A number without sign that ends where the text does or at `end`, and what is behind it; NULL for anything else.
static const char *number(const char *text, int base, char end, unsigned long long *value) {
    *value = 0;
    const char *start = text;
    for (; *text && *text != end; text++) {
        unsigned digit = (unsigned)(*text - '0');
        if (*text < '0' || digit >= (unsigned)base || *value > (ULLONG_MAX - digit) / (unsigned)base) return NULL;
        *value = *value * (unsigned)base + digit;
    }
    if (text == start) return NULL;
    return *text ? text + 1 : text;
}

static int positive(const char *text) {
    unsigned long long value;
    const char *rest = number(text, 10, 0, &value);
    return rest && value <= INT_MAX ? (int)value : -1;
}

static int limit(const char *text) {
    unsigned long long which, soft, hard;
    if ((text = number(text, 10, ':', &which)) && (text = number(text, 10, ':', &soft)) &&
        (text = number(text, 10, 0, &hard)) && which < INT_MAX) {
        struct rlimit value = {.rlim_cur = soft, .rlim_max = hard};
        return setrlimit((int)which, &value);
    }
    errno = EINVAL;
    return -1;
}

static int user(const char *text) {
    static gid_t groups[MOST_GROUPS];
    unsigned long long uid, gid, group;
    size_t count = 0;
    text = number(text, 10, ':', &uid);
    if (text) text = number(text, 10, ':', &gid);
    while (text && *text && count < MOST_GROUPS) {
        if ((text = number(text, 10, ',', &group))) groups[count++] = (gid_t)group;
    }
    if (!text || *text) {
        errno = EINVAL;
        return -1;
    }
    // Whoever opens /dev/stdout opens the pipe anew, and has to be allowed to.
    for (int output = 1; output <= 2; output++) {
        struct stat status;
        if (fstat(output, &status) == 0 && S_ISFIFO(status.st_mode)) {
            int ignored = fchown(output, (uid_t)uid, (gid_t)gid);
            (void)ignored;
        }
    }
    if (setgroups(count, groups) < 0 || setresgid((gid_t)gid, (gid_t)gid, (gid_t)gid) < 0) return -1;
    return setresuid((uid_t)uid, (uid_t)uid, (uid_t)uid);
}

static int mask(const char *text) {
    unsigned long long bits;
    if (number(text, 8, 0, &bits) && bits <= 0777) {
        umask((mode_t)bits);
        return 0;
    }
    errno = EINVAL;
    return -1;
}

// It is better to run without one than not at all: the parent sees whether it worked.
static int group(const char *directory) {
    char path[PATH_MAX];
    static const char file[] = "/cgroup.procs";
    size_t length = strlen(directory);
    if (length + sizeof file > sizeof path) return 0;
    memcpy(path, directory, length);
    memcpy(path + length, file, sizeof file);
    int processes = open(path, O_WRONLY | O_CLOEXEC);
    if (processes < 0) return 0;
    ssize_t ignored = write(processes, "0", 1);
    (void)ignored;
    close(processes);
    return 0;
}

// What a word asks for; 0 when it is done.
static int act(const char *word, int *stays) {
    if (strcmp(word, "stay") == 0) return *stays = 1, 0;
    if (strncmp(word, "limit=", 6) == 0) return limit(word + 6);
    if (strncmp(word, "user=", 5) == 0) return user(word + 5);
    if (strncmp(word, "group=", 6) == 0) return group(word + 6);
    if (strncmp(word, "umask=", 6) == 0) return mask(word + 6);
    errno = EINVAL;
    return -1;
}

static int usage(void) {
    static const char text[] =
        "jr-exec: jr-supervisor starts programs through it: "
        "jr-exec PARENT DESCRIPTOR [WORD...] -- FILE ARGUMENT...\n";
    ssize_t ignored = write(2, text, sizeof text - 1);
    (void)ignored;
    return USAGE;
}

static int fail(int errors, int place) {
    int32_t failure[2] = {errno, place};
    ssize_t ignored = write(errors, failure, sizeof failure);
    (void)ignored;
    return NOT_STARTED;
}

int main(int count, char **words) {
    int parent = count < 5 ? -1 : positive(words[1]);
    int errors = count < 5 ? -1 : positive(words[2]);
    int end = 3;
    while (end < count && strcmp(words[end], "--") != 0) end++;
    if (parent < 1 || errors < 0 || end + 2 >= count) return usage();
    int stays = 0;
    // In the order of the words: limits are raised while it is still allowed.
    for (int place = 3; place < end; place++) {
        if (act(words[place], &stays) != 0) _exit(fail(errors, place));
    }
    // Last: a change of the user takes it back. Refused by nothing but a filter of system calls: then the program runs
    // as it would have without this one.
    if (!stays) prctl(PR_SET_PDEATHSIG, SIGKILL);
    // A parent that died before that call sends no signal any more. It is seen by its child having another one.
    if (!stays && getppid() != parent) {
        kill(getpid(), SIGKILL);
        _exit(NOT_STARTED);
    }
    // The program must not have it; and the parent waits until it is closed.
    if (fcntl(errors, F_SETFD, FD_CLOEXEC) == 0) execv(words[end + 1], words + end + 2);
    _exit(fail(errors, 0));
}
