#define _GNU_SOURCE
#include "cjrlinux.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define OR_ERRNO(call) ({ __typeof__(call) result_ = (call); result_ < 0 ? (__typeof__(call))-errno : result_; })

int64_t jr_boot_nanoseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_BOOTTIME, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int64_t jr_wall_milliseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

long jr_getrandom(void *buffer, size_t count) { return OR_ERRNO(getrandom(buffer, count, 0)); }

int jr_open(const char *path, int flags, uint32_t mode) { return OR_ERRNO(open(path, flags | O_CLOEXEC, mode)); }
int jr_close(int fd) { return OR_ERRNO(close(fd)); }
long jr_read(int fd, void *buffer, size_t count) { return OR_ERRNO(read(fd, buffer, count)); }
long jr_write(int fd, const void *buffer, size_t count) { return OR_ERRNO(write(fd, buffer, count)); }
long jr_send(int fd, const void *buffer, size_t count) { return OR_ERRNO(send(fd, buffer, count, MSG_NOSIGNAL)); }

long jr_pread(int fd, void *buffer, size_t count, int64_t offset) {
    return OR_ERRNO(pread(fd, buffer, count, offset));
}

long jr_pwrite(int fd, const void *buffer, size_t count, int64_t offset) {
    return OR_ERRNO(pwrite(fd, buffer, count, offset));
}

int jr_poll_one(int fd, short events, int timeout_milliseconds) {
    struct pollfd one = {.fd = fd, .events = events};
    return OR_ERRNO(poll(&one, 1, timeout_milliseconds));
}

int jr_duplicate(int fd, int lowest) { return OR_ERRNO(fcntl(fd, F_DUPFD_CLOEXEC, lowest)); }

int jr_set_nonblocking(int fd, int on) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0) return -errno;
    int wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    return wanted == flags ? 0 : OR_ERRNO(fcntl(fd, F_SETFL, wanted));
}

int jr_access_mode(int fd) {
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 ? -errno : flags & O_ACCMODE;
}

int jr_pipe(int ends[2], int flags) { return OR_ERRNO(pipe2(ends, flags | O_CLOEXEC)); }
int jr_set_pipe_size(int fd, int bytes) { return OR_ERRNO(fcntl(fd, F_SETPIPE_SZ, bytes)); }
int jr_memory_file(const char *name) { return OR_ERRNO(memfd_create(name, MFD_CLOEXEC)); }
int jr_set_inherited(int fd, int on) { return OR_ERRNO(fcntl(fd, F_SETFD, on ? 0 : FD_CLOEXEC)); }
int jr_eventfd(void) { return OR_ERRNO(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

static void translate(const struct stat *from, struct jr_file_status *to) {
    switch (from->st_mode & S_IFMT) {
    case S_IFREG: to->kind = JR_KIND_FILE; break;
    case S_IFDIR: to->kind = JR_KIND_DIRECTORY; break;
    case S_IFLNK: to->kind = JR_KIND_LINK; break;
    case S_IFSOCK: to->kind = JR_KIND_SOCKET; break;
    case S_IFIFO: to->kind = JR_KIND_PIPE; break;
    default: to->kind = JR_KIND_OTHER;
    }
    to->mode = from->st_mode & 07777;
    to->uid = from->st_uid;
    to->gid = from->st_gid;
    to->size = from->st_size;
    to->device = from->st_dev;
    to->inode = from->st_ino;
    to->modified_milliseconds = (int64_t)from->st_mtim.tv_sec * 1000 + from->st_mtim.tv_nsec / 1000000;
}

int jr_stat(const char *path, int follow_links, struct jr_file_status *status) {
    struct stat found;
    if (fstatat(AT_FDCWD, path, &found, follow_links ? 0 : AT_SYMLINK_NOFOLLOW) < 0) return -errno;
    translate(&found, status);
    return 0;
}

int jr_fstat(int fd, struct jr_file_status *status) {
    struct stat found;
    if (fstat(fd, &found) < 0) return -errno;
    translate(&found, status);
    return 0;
}

int jr_can_execute(const char *path) { return OR_ERRNO(faccessat(AT_FDCWD, path, X_OK, AT_EACCESS)); }
int jr_fsync(int fd) { return OR_ERRNO(fsync(fd)); }
int jr_fdatasync(int fd) { return OR_ERRNO(fdatasync(fd)); }
int jr_ftruncate(int fd, int64_t length) { return OR_ERRNO(ftruncate(fd, length)); }

int jr_fallocate(int fd, int keep_size, int64_t offset, int64_t length) {
    return OR_ERRNO(fallocate(fd, keep_size ? FALLOC_FL_KEEP_SIZE : 0, offset, length));
}

int jr_flock_release(int fd) { return OR_ERRNO(flock(fd, LOCK_UN)); }

int jr_flock_exclusive(int fd) { return OR_ERRNO(flock(fd, LOCK_EX | LOCK_NB)); }
int jr_rename(const char *from, const char *to) { return OR_ERRNO(rename(from, to)); }
int jr_unlink(const char *path) { return OR_ERRNO(unlink(path)); }
int jr_link(const char *from, const char *to) { return OR_ERRNO(link(from, to)); }
int jr_mkdir(const char *path, uint32_t mode) { return OR_ERRNO(mkdir(path, mode)); }
int jr_rmdir(const char *path) { return OR_ERRNO(rmdir(path)); }
int jr_chmod(const char *path, uint32_t mode) { return OR_ERRNO(chmod(path, mode)); }
int jr_mkdtemp(char *pattern) { return mkdtemp(pattern) ? 0 : -errno; }

long jr_readlink(const char *path, char *buffer, size_t capacity) {
    ssize_t count = readlink(path, buffer, capacity - 1);
    if (count < 0) return -errno;
    buffer[count] = 0;
    return count;
}

static long copy_text(const char *text, char *buffer, size_t capacity) {
    size_t length = strlen(text);
    if (length >= capacity) return -ENAMETOOLONG;
    memcpy(buffer, text, length + 1);
    return (long)length;
}

long jr_realpath(const char *path, char *buffer, size_t capacity) {
    char *text = realpath(path, NULL);
    if (!text) return -errno;
    long length = copy_text(text, buffer, capacity);
    free(text);
    return length;
}

long jr_getcwd(char *buffer, size_t capacity) {
    return getcwd(buffer, capacity) ? (long)strlen(buffer) : -errno;
}

int jr_list(const char *path, void *context, void (*each)(void *, const char *)) {
    DIR *directory = opendir(path);
    if (!directory) return -errno;
    int failure = 0;
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(directory);
        if (!entry) {
            failure = -errno;
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) each(context, entry->d_name);
    }
    closedir(directory);
    return failure;
}
