// Linux system calls for Swift. Every function that can fail returns -errno, taken before anything else can change it;
// what is zero or positive is the call's result.
#pragma once

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

// Clocks and randomness

/// CLOCK_BOOTTIME: nanoseconds that only go forward, sleep of the machine included.
int64_t jr_boot_nanoseconds(void);
/// CLOCK_REALTIME: milliseconds since 1970.
int64_t jr_wall_milliseconds(void);
long jr_getrandom(void *buffer, size_t count);

// Descriptors

int jr_open(const char *path, int flags, uint32_t mode);
int jr_close(int fd);
long jr_read(int fd, void *buffer, size_t count);
long jr_write(int fd, const void *buffer, size_t count);
long jr_pread(int fd, void *buffer, size_t count, int64_t offset);
long jr_pwrite(int fd, const void *buffer, size_t count, int64_t offset);
/// send(2) with MSG_NOSIGNAL.
long jr_send(int fd, const void *buffer, size_t count);
int jr_poll_one(int fd, short events, int timeout_milliseconds);
int jr_duplicate(int fd, int lowest);
int jr_set_nonblocking(int fd, int on);
/// O_RDONLY, O_WRONLY or O_RDWR of an open descriptor.
int jr_access_mode(int fd);
int jr_pipe(int ends[_Nonnull 2], int flags);
int jr_set_pipe_size(int fd, int bytes);
int jr_eventfd(void);
/// A file without a name, in memory.
int jr_memory_file(const char *name);
/// Whether the descriptor stays open when this process becomes another program.
int jr_set_inherited(int fd, int on);

// Files

enum {
    JR_KIND_OTHER = 0,
    JR_KIND_FILE = 1,
    JR_KIND_DIRECTORY = 2,
    JR_KIND_LINK = 3,
    JR_KIND_SOCKET = 4,
    JR_KIND_PIPE = 5,
};

struct jr_file_status {
    int kind;
    uint32_t mode;
    uint32_t uid;
    uint32_t gid;
    int64_t size;
    uint64_t device;
    uint64_t inode;
    int64_t modified_milliseconds;
};

int jr_stat(const char *path, int follow_links, struct jr_file_status *status);
int jr_fstat(int fd, struct jr_file_status *status);
int jr_can_execute(const char *path);
int jr_fsync(int fd);
int jr_fdatasync(int fd);
int jr_ftruncate(int fd, int64_t length);
int jr_fallocate(int fd, int keep_size, int64_t offset, int64_t length);
int jr_flock_exclusive(int fd);
int jr_flock_release(int fd);
int jr_rename(const char *from, const char *to);
int jr_unlink(const char *path);
int jr_link(const char *from, const char *to);
int jr_mkdir(const char *path, uint32_t mode);
int jr_rmdir(const char *path);
int jr_chmod(const char *path, uint32_t mode);
int jr_mkdtemp(char *pattern);
/// The text is written with its terminating zero; the result is its length.
long jr_readlink(const char *path, char *buffer, size_t capacity);
long jr_realpath(const char *path, char *buffer, size_t capacity);
long jr_getcwd(char *buffer, size_t capacity);
/// Calls `each` with every name but "." and "..".
int jr_list(const char *path, void *context, void (*each)(void *context, const char *name));

// Sockets

struct jr_address {
    uint32_t length;
    uint64_t bytes[16];
};

struct jr_credentials {
    int32_t pid;
    uint32_t uid;
    uint32_t gid;
};

enum { JR_SOCKET_IPV4 = 2, JR_SOCKET_IPV6 = 10, JR_SOCKET_UNIX = 1 };

int jr_family(const struct jr_address *address);
/// A numeric IPv4 or IPv6 address; -EINVAL for anything else. Never asks a name server.
int jr_numeric_address(const char *host, uint16_t port, struct jr_address *address);
int jr_unix_address(const char *path, struct jr_address *address);
/// getaddrinfo(3): blocks. Returns how many were found; -EHOSTUNREACH for a name that has no address.
int jr_resolve(const char *host, uint16_t port, struct jr_address *addresses, int capacity);
/// The numeric text of an internet address, or the path of a unix one (empty when it has none).
int jr_describe_address(const struct jr_address *address, char *text, size_t capacity, uint16_t *port);
/// 1 when the address is numeric and of this machine's loopback interface.
int jr_is_loopback(const struct jr_address *address);

int jr_socket(int family);
int jr_bind(int fd, const struct jr_address *address);
/// bind(2) of a unix socket whose file nobody but its owner may open, whatever the umask is.
int jr_bind_private(int fd, const struct jr_address *address);
int jr_listen(int fd, int backlog);
int jr_accept(int fd, struct jr_address *peer);
int jr_connect(int fd, const struct jr_address *address);
int jr_local_address(int fd, struct jr_address *address);
int jr_peer_address(int fd, struct jr_address *address);
/// The pending error of a socket, as a positive errno, or 0.
int jr_socket_error(int fd);
int jr_set_reuse_address(int fd);
int jr_set_no_delay(int fd);
int jr_shutdown_write(int fd);
int jr_peer_credentials(int fd, struct jr_credentials *credentials);
int jr_socketpair(int ends[_Nonnull 2]);
// One datagram to the unix socket at a path, or at an abstract name that is written with @ first.
int jr_notify(const char *path, const void *bytes, size_t count, int flags);
enum { JR_NOTIFY_AT_ONCE = 1 };
/// A socket that takes datagrams, each with its sender's ids: at a path, or for NULL at a name that the kernel chooses.
int jr_notice_socket(const struct jr_address *_Nullable address);
/// The abstract name of a socket, without its first byte, which is 0.
int jr_abstract_name(int fd, char *name, size_t capacity);
/// The next datagram's length. Descriptors that come with it are closed, and that is how it is told that it was read.
long jr_receive_notice(int fd, void *bytes, size_t capacity, struct jr_credentials *sender, int *is_cut);

// epoll

enum {
    JR_POLL_READ = 1,
    JR_POLL_WRITE = 4,
    JR_POLL_ERROR = 8,
    JR_POLL_HANGUP = 16,
};

struct jr_poll_event {
    uint64_t data;
    uint32_t events;
};

int jr_epoll_create(void);
int jr_epoll_add(int epoll, int fd, uint32_t events, uint64_t data);
int jr_epoll_modify(int epoll, int fd, uint32_t events, uint64_t data);
int jr_epoll_remove(int epoll, int fd);
/// Waits for `timeout_nanoseconds`, for ever when that is negative. At most 256 events a call.
int jr_epoll_wait(int epoll, struct jr_poll_event *events, int capacity, int64_t timeout_nanoseconds);

// Processes and signals

enum jr_group {
    JR_GROUP_PARENTS = 0,
    /// A process group of its own.
    JR_GROUP_OWN = 1,
    /// And the terminal that is its descriptor 0 is that group's.
    JR_GROUP_FOREGROUND = 2,
};

/// The child's pid. It starts with an empty signal mask, every signal at its default, and no descriptor but the granted
/// ones and, where 0, 1 or 2 were not granted, /dev/null.
int jr_spawn(
    const char *executable, char *_Nullable const *_Nonnull arguments, char *_Nullable const *_Nonnull environment,
    const char *_Nullable directory, const int *_Nullable child_descriptors, const int *_Nullable parent_descriptors,
    size_t descriptor_count, enum jr_group group);
int jr_pidfd_open(int pid);
int jr_pidfd_send_signal(int pidfd, int signal);
int jr_kill(int pid, int signal);
int jr_getpid(void);
int jr_getppid(void);
uint32_t jr_geteuid(void);
uint32_t jr_getegid(void);

enum { JR_STILL_RUNNING = 0, JR_EXITED = 1, JR_KILLED = 2, JR_DUMPED = 3 };

/// waitid(2) on a pidfd: one of the above, and the exit code or signal in `status`. Reaps.
int jr_wait_pidfd(int pidfd, int block, int *status);
/// waitid(2) on a pid, blocking: as above.
int jr_wait_pid(int pid, int *status);
/// The pid of any dead child, left unreaped, or 0 when there is none.
int jr_peek_dead_child(void);

int jr_set_subreaper(void);
int jr_set_death_signal(int signal);
int jr_set_thread_name(const char *name);
uintptr_t jr_thread_id(void);
/// A thread that takes no signals leaves those to others that are meant for the process.
int jr_start_thread(
    void *_Nullable (*_Nonnull body)(void *_Nullable context), void *_Nullable context, int takes_signals);
/// execve(2): comes back only with an error.
int jr_execute(
    const char *path, char *_Nullable const *_Nonnull arguments, char *_Nullable const *_Nonnull environment);
int jr_ignore_sigpipe(void);

/// From here on the number of every `signal` that arrives is written as one byte to `fd`, whichever thread the kernel
/// chose for it.
int jr_route_signal(int signal, int fd);
/// Lets a signal wait, or not, as far as this thread goes.
int jr_hold_signal(int signal, int on);
/// Restores the default, if the signal still goes to `fd`.
void jr_end_route(int signal, int fd);

/// A terminal nobody sits at: its two ends, ours and that of the program, which prints into it as it is.
int jr_open_terminal(int ends[_Nonnull 2]);
int jr_is_terminal(int fd);
/// Whether its keys mean this process group.
int jr_terminal_is_ours(int fd);
/// Lets its keys mean a group; 0 is our own.
int jr_terminal_give(int fd, int group);
int jr_terminal_columns(int fd);
int jr_terminal_rows(int fd);
/* Keys as they are pressed and unseen, or in lines and echoed; signals of keys stay as they are. */
int jr_terminal_keys(int fd, int at_once);
const char *jr_error_text(int code);
const char *_Nullable jr_error_name(int code);
const char *_Nullable jr_signal_name(int signal);
char *_Nullable const *_Nonnull jr_environment(void);
_Noreturn void jr_exit(int code);

// A lock with a condition

struct jr_monitor;
struct jr_monitor *jr_monitor_make(void);
void jr_monitor_free(struct jr_monitor *monitor);
void jr_monitor_lock(struct jr_monitor *monitor);
void jr_monitor_unlock(struct jr_monitor *monitor);
/// 0 when the time was over; for ever when `nanoseconds` is negative.
int jr_monitor_wait(struct jr_monitor *monitor, int64_t nanoseconds);
void jr_monitor_wake_one(struct jr_monitor *monitor);
void jr_monitor_wake_all(struct jr_monitor *monitor);

#pragma clang assume_nonnull end
