#define _GNU_SOURCE
#include "cjrlinux.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

// Spawning

struct request {
    const char *executable;
    char *const *arguments;
    char *const *environment;
    const char *directory;
    const int *child_descriptors;
    const int *parent_descriptors;
    size_t descriptor_count;
    enum jr_group group;
};

static int is_granted(const struct request *request, int child) {
    for (size_t index = 0; index < request->descriptor_count; index++) {
        if (request->child_descriptors[index] == child) return 1;
    }
    return 0;
}

static int highest_child(const struct request *request) {
    int highest = 2;
    for (size_t index = 0; index < request->descriptor_count; index++) {
        if (request->child_descriptors[index] > highest) highest = request->child_descriptors[index];
    }
    return highest;
}

// Parents are moved above every number the child uses before anything is placed, so that placing one can never
// overwrite another that is still to be placed.
static int lift_parents(const struct request *request, int highest, int *lifted) {
    for (size_t index = 0; index < request->descriptor_count; index++) {
        int parent = request->parent_descriptors[index];
        lifted[index] = parent > highest ? parent : fcntl(parent, F_DUPFD_CLOEXEC, highest + 1);
        if (lifted[index] < 0) return -errno;
    }
    return 0;
}

static int plan_descriptors(
    const struct request *request, int highest, const int *lifted, posix_spawn_file_actions_t *actions) {
    int failure = 0;
    for (size_t index = 0; failure == 0 && index < request->descriptor_count; index++) {
        failure = posix_spawn_file_actions_adddup2(actions, lifted[index], request->child_descriptors[index]);
    }
    for (int child = 0; failure == 0 && child <= highest; child++) {
        if (is_granted(request, child)) continue;
        // A program whose 0, 1 or 2 is closed gives that number to the next file it opens, and prints into it.
        failure = child <= 2 ? posix_spawn_file_actions_addopen(actions, child, "/dev/null", O_RDWR, 0)
                             : posix_spawn_file_actions_addclose(actions, child);
    }
    if (failure == 0) failure = posix_spawn_file_actions_addclosefrom_np(actions, highest + 1);
    if (failure == 0 && request->directory) {
        failure = posix_spawn_file_actions_addchdir_np(actions, request->directory);
    }
    if (failure == 0 && request->group == JR_GROUP_FOREGROUND) {
        failure = posix_spawn_file_actions_addtcsetpgrp_np(actions, 0);
    }
    return -failure;
}

static int plan_attributes(const struct request *request, posix_spawnattr_t *attributes) {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    if (request->group != JR_GROUP_PARENTS) flags |= POSIX_SPAWN_SETPGROUP;
    int failure = posix_spawnattr_setflags(attributes, flags);
    if (failure == 0) failure = posix_spawnattr_setsigmask(attributes, &none);
    if (failure == 0) failure = posix_spawnattr_setsigdefault(attributes, &all);
    if (failure == 0) failure = posix_spawnattr_setpgroup(attributes, 0);
    return -failure;
}

static int spawn_planned(const struct request *request, int highest, const int *lifted) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int failure = posix_spawn_file_actions_init(&actions);
    if (failure != 0) return -failure;
    failure = posix_spawnattr_init(&attributes);
    if (failure != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return -failure;
    }
    int result = plan_descriptors(request, highest, lifted, &actions);
    if (result == 0) result = plan_attributes(request, &attributes);
    if (result == 0) {
        pid_t pid = 0;
        failure = posix_spawn(
            &pid, request->executable, &actions, &attributes, request->arguments, request->environment);
        result = failure == 0 ? pid : -failure;
    }
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return result;
}

static int spawn_lifted(const struct request *request) {
    size_t count = request->descriptor_count;
    int *lifted = malloc((count + 1) * sizeof *lifted);
    if (!lifted) return -ENOMEM;
    for (size_t index = 0; index < count; index++) lifted[index] = -1;
    int highest = highest_child(request);
    int result = lift_parents(request, highest, lifted);
    if (result == 0) result = spawn_planned(request, highest, lifted);
    for (size_t index = 0; index < count; index++) {
        if (lifted[index] >= 0 && lifted[index] != request->parent_descriptors[index]) close(lifted[index]);
    }
    free(lifted);
    return result;
}

int jr_spawn(
    const char *executable, char *const *arguments, char *const *environment, const char *directory,
    const int *child_descriptors, const int *parent_descriptors, size_t descriptor_count, enum jr_group group) {
    struct request request = {
        .executable = executable,
        .arguments = arguments,
        .environment = environment,
        .directory = directory,
        .child_descriptors = child_descriptors,
        .parent_descriptors = parent_descriptors,
        .descriptor_count = descriptor_count,
        .group = group,
    };
    return spawn_lifted(&request);
}

// Processes

int jr_pidfd_open(int pid) {
    int fd = pidfd_open(pid, 0);
    return fd < 0 ? -errno : fd;
}

int jr_pidfd_send_signal(int pidfd, int signal) { return pidfd_send_signal(pidfd, signal, NULL, 0) < 0 ? -errno : 0; }
int jr_kill(int pid, int signal) { return kill(pid, signal) < 0 ? -errno : 0; }
int jr_getpid(void) { return getpid(); }
int jr_getppid(void) { return getppid(); }
uint32_t jr_geteuid(void) { return geteuid(); }
uint32_t jr_getegid(void) { return getegid(); }

static int wait_for(idtype_t type, id_t id, int options, int *status) {
    siginfo_t info = {0};
    int failure;
    do {
        failure = waitid(type, id, &info, options);
    } while (failure < 0 && errno == EINTR);
    if (failure < 0) return -errno;
    if (info.si_pid == 0) return JR_STILL_RUNNING;
    *status = info.si_status;
    return info.si_code == CLD_EXITED ? JR_EXITED : info.si_code == CLD_DUMPED ? JR_DUMPED : JR_KILLED;
}

int jr_wait_pidfd(int pidfd, int block, int *status) {
    return wait_for(P_PIDFD, (id_t)pidfd, WEXITED | (block ? 0 : WNOHANG), status);
}

int jr_wait_pid(int pid, int *status) { return wait_for(P_PID, (id_t)pid, WEXITED, status); }

int jr_peek_dead_child(void) {
    siginfo_t info = {0};
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0) return errno == ECHILD ? 0 : -errno;
    return info.si_pid;
}

int jr_set_subreaper(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 ? -errno : 0; }
int jr_set_death_signal(int signal) { return prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0) < 0 ? -errno : 0; }
int jr_set_thread_name(const char *name) { return prctl(PR_SET_NAME, name, 0, 0, 0) < 0 ? -errno : 0; }

// Threads

uintptr_t jr_thread_id(void) { return (uintptr_t)pthread_self(); }

int jr_start_thread(void *(*body)(void *), void *context, int takes_signals) {
    // Those stay that a thread's own mistakes raise: the kernel ends a process in which they are blocked.
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t blocked, before;
    sigemptyset(&blocked);
    if (!takes_signals) {
        sigfillset(&blocked);
        for (size_t index = 0; index < sizeof own / sizeof *own; index++) sigdelset(&blocked, own[index]);
    }
    int failure = pthread_attr_init(&attributes);
    if (failure != 0) return -failure;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    // It has the mask of the thread that makes it.
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    failure = pthread_create(&thread, &attributes, body, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return -failure;
}

int jr_execute(const char *path, char *const *arguments, char *const *environment) {
    execve(path, arguments, environment);
    return -errno;
}

struct jr_monitor {
    pthread_mutex_t mutex;
    pthread_cond_t condition;
};

struct jr_monitor *jr_monitor_make(void) {
    struct jr_monitor *monitor = malloc(sizeof *monitor);
    if (!monitor) abort();
    pthread_condattr_t attributes;
    pthread_mutex_init(&monitor->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&monitor->condition, &attributes);
    pthread_condattr_destroy(&attributes);
    return monitor;
}

void jr_monitor_free(struct jr_monitor *monitor) {
    pthread_cond_destroy(&monitor->condition);
    pthread_mutex_destroy(&monitor->mutex);
    free(monitor);
}

void jr_monitor_lock(struct jr_monitor *monitor) { pthread_mutex_lock(&monitor->mutex); }
void jr_monitor_unlock(struct jr_monitor *monitor) { pthread_mutex_unlock(&monitor->mutex); }

int jr_monitor_wait(struct jr_monitor *monitor, int64_t nanoseconds) {
    if (nanoseconds < 0) return pthread_cond_wait(&monitor->condition, &monitor->mutex) == 0;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += nanoseconds / 1000000000;
    until.tv_nsec += nanoseconds % 1000000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec += 1;
        until.tv_nsec -= 1000000000;
    }
    return pthread_cond_timedwait(&monitor->condition, &monitor->mutex, &until) == 0;
}

void jr_monitor_wake_one(struct jr_monitor *monitor) { pthread_cond_signal(&monitor->condition); }
void jr_monitor_wake_all(struct jr_monitor *monitor) { pthread_cond_broadcast(&monitor->condition); }

// Signals

int jr_ignore_sigpipe(void) { return signal(SIGPIPE, SIG_IGN) == SIG_ERR ? -errno : 0; }

static _Atomic int signal_routes[65];

static void pass_on(int signal) {
    int kept = errno;
    int fd = signal_routes[signal] - 1;
    unsigned char number = (unsigned char)signal;
    // A full pipe already says everything: the reader is awake and signals of one kind count as one.
    if (fd >= 0 && write(fd, &number, 1) < 0) errno = kept;
    errno = kept;
}

int jr_route_signal(int signal, int fd) {
    if (signal < 1 || signal > 64 || fd < 0) return -EINVAL;
    struct sigaction action = {.sa_flags = SA_RESTART, .sa_handler = pass_on};
    sigemptyset(&action.sa_mask);
    // Zero means "nobody", so that the table needs no initialisation; hence the one that is added here and taken above.
    signal_routes[signal] = fd + 1;
    if (sigaction(signal, &action, NULL) < 0) {
        int failure = -errno;
        signal_routes[signal] = 0;
        return failure;
    }
    // A parent may have started this program with the signal blocked.
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, signal);
    return -pthread_sigmask(SIG_UNBLOCK, &one, NULL);
}

int jr_hold_signal(int signal, int on) {
    sigset_t one;
    sigemptyset(&one);
    if (sigaddset(&one, signal) < 0) return -errno;
    return -pthread_sigmask(on ? SIG_BLOCK : SIG_UNBLOCK, &one, NULL);
}

void jr_end_route(int signal, int fd) {
    int expected = fd + 1;
    if (signal < 1 || signal > 64 || !atomic_compare_exchange_strong(&signal_routes[signal], &expected, 0)) return;
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigemptyset(&action.sa_mask);
    sigaction(signal, &action, NULL);
}

// Terminal, names, environment

static int open_terminal(int ours, int ends[2]) {
    char name[64];
    if (grantpt(ours) < 0 || unlockpt(ours) < 0) return -errno;
    int failure = ptsname_r(ours, name, sizeof name);
    if (failure != 0) return -failure;
    int theirs = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (theirs < 0) return -errno;
    struct termios settings;
    // Lines end as they were written, and nothing is shown twice.
    if (tcgetattr(theirs, &settings) == 0) {
        settings.c_oflag &= ~(tcflag_t)OPOST;
        settings.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(theirs, TCSANOW, &settings);
    }
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    ioctl(theirs, TIOCSWINSZ, &size);
    ends[0] = ours;
    ends[1] = theirs;
    return 0;
}

int jr_open_terminal(int ends[2]) {
    int ours = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (ours < 0) return -errno;
    int result = open_terminal(ours, ends);
    if (result < 0) close(ours);
    return result;
}

int jr_is_terminal(int fd) { return isatty(fd); }

int jr_terminal_is_ours(int fd) { return tcgetpgrp(fd) == getpgrp(); }

int jr_terminal_give(int fd, int group) {
    // Whoever is not in the foreground is stopped by this call otherwise.
    sigset_t stop, before;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTTOU);
    pthread_sigmask(SIG_BLOCK, &stop, &before);
    int result = tcsetpgrp(fd, group ? group : getpgrp()) < 0 ? -errno : 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

int jr_terminal_columns(int fd) {
    struct winsize size = {0};
    return ioctl(fd, TIOCGWINSZ, &size) < 0 ? -errno : size.ws_col;
}

int jr_terminal_rows(int fd) {
    struct winsize size = {0};
    return ioctl(fd, TIOCGWINSZ, &size) < 0 ? -errno : size.ws_row;
}

int jr_terminal_keys(int fd, int at_once) {
    struct termios mode;
    if (tcgetattr(fd, &mode) < 0) return -errno;
    const tcflag_t lines = ICANON | ECHO;
    mode.c_lflag = at_once ? mode.c_lflag & ~lines : mode.c_lflag | lines;
    mode.c_cc[VMIN] = 1;
    mode.c_cc[VTIME] = 0;
    return tcsetattr(fd, TCSANOW, &mode) < 0 ? -errno : 0;
}

const char *jr_error_text(int code) {
    const char *text = strerrordesc_np(code);
    return text ? text : "unknown error";
}

const char *jr_error_name(int code) { return strerrorname_np(code); }
const char *jr_signal_name(int signal) { return sigabbrev_np(signal); }
char *const *jr_environment(void) { return environ; }
_Noreturn void jr_exit(int code) { exit(code); }
