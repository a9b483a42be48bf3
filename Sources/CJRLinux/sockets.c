#define _GNU_SOURCE
#include "cjrlinux.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(((struct jr_address *)0)->bytes) >= sizeof(struct sockaddr_storage), "room for any address");
_Static_assert(JR_SOCKET_IPV4 == AF_INET && JR_SOCKET_IPV6 == AF_INET6 && JR_SOCKET_UNIX == AF_UNIX, "families");
_Static_assert(JR_POLL_READ == EPOLLIN && JR_POLL_WRITE == EPOLLOUT, "epoll's bits");
_Static_assert(JR_POLL_ERROR == EPOLLERR && JR_POLL_HANGUP == EPOLLHUP, "epoll's bits");

static const struct sockaddr *generic(const struct jr_address *address) { return (const void *)address->bytes; }

static void store(struct jr_address *address, const void *bytes, size_t length) {
    memset(address, 0, sizeof *address);
    if (length > sizeof address->bytes) length = sizeof address->bytes;
    memcpy(address->bytes, bytes, length);
    address->length = (uint32_t)length;
}

int jr_family(const struct jr_address *address) { return generic(address)->sa_family; }

int jr_numeric_address(const char *host, uint16_t port, struct jr_address *address) {
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
        store(address, &v4, sizeof v4);
        return 0;
    }
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
        store(address, &v6, sizeof v6);
        return 0;
    }
    return -EINVAL;
}

int jr_unix_address(const char *path, struct jr_address *address) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length == 0) return -EINVAL;
    if (length >= sizeof un.sun_path) return -ENAMETOOLONG;
    memcpy(un.sun_path, path, length + 1);
    store(address, &un, offsetof(struct sockaddr_un, sun_path) + length + 1);
    return 0;
}

int jr_resolve(const char *host, uint16_t port, struct jr_address *addresses, int capacity) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *found = NULL;
    char service[8];
    snprintf(service, sizeof service, "%u", (unsigned)port);
    int failure = getaddrinfo(host, service, &hints, &found);
    if (failure != 0) {
        return failure == EAI_SYSTEM ? -errno : failure == EAI_AGAIN ? -EAGAIN : -EHOSTUNREACH;
    }
    int count = 0;
    for (struct addrinfo *one = found; one && count < capacity; one = one->ai_next) {
        store(&addresses[count++], one->ai_addr, one->ai_addrlen);
    }
    freeaddrinfo(found);
    return count;
}

int jr_describe_address(const struct jr_address *address, char *text, size_t capacity, uint16_t *port) {
    const struct sockaddr *any = generic(address);
    *port = 0;
    text[0] = 0;
    switch (any->sa_family) {
    case AF_INET: {
        const struct sockaddr_in *v4 = (const void *)any;
        *port = ntohs(v4->sin_port);
        return inet_ntop(AF_INET, &v4->sin_addr, text, (socklen_t)capacity) ? 0 : -errno;
    }
    case AF_INET6: {
        const struct sockaddr_in6 *v6 = (const void *)any;
        *port = ntohs(v6->sin6_port);
        return inet_ntop(AF_INET6, &v6->sin6_addr, text, (socklen_t)capacity) ? 0 : -errno;
    }
    case AF_UNIX: {
        const struct sockaddr_un *un = (const void *)any;
        size_t room = address->length > offsetof(struct sockaddr_un, sun_path)
            ? address->length - offsetof(struct sockaddr_un, sun_path) : 0;
        size_t length = strnlen(un->sun_path, room);
        if (length >= capacity) return -ENAMETOOLONG;
        memcpy(text, un->sun_path, length);
        text[length] = 0;
        return 0;
    }
    default:
        return -EAFNOSUPPORT;
    }
}

int jr_is_loopback(const struct jr_address *address) {
    const struct sockaddr *any = generic(address);
    if (any->sa_family == AF_INET) return ntohl(((const struct sockaddr_in *)any)->sin_addr.s_addr) >> 24 == 127;
    if (any->sa_family != AF_INET6) return 0;
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)any)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
}

int jr_socket(int family) {
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd < 0 ? -errno : fd;
}

int jr_bind(int fd, const struct jr_address *address) {
    return bind(fd, generic(address), address->length) < 0 ? -errno : 0;
}

int jr_bind_private(int fd, const struct jr_address *address) {
    // Linux gives the file the mode of the socket's inode, less the umask (unix_bind). Setting it there, unlike
    // changing the umask, is not seen by files that other threads make at the same moment.
    if (fchmod(fd, 0600) < 0) return -errno;
    return jr_bind(fd, address);
}

int jr_listen(int fd, int backlog) { return listen(fd, backlog) < 0 ? -errno : 0; }

int jr_accept(int fd, struct jr_address *peer) {
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    int accepted = accept4(fd, (void *)&from, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (accepted < 0) return -errno;
    store(peer, &from, length);
    return accepted;
}

int jr_connect(int fd, const struct jr_address *address) {
    return connect(fd, generic(address), address->length) < 0 ? -errno : 0;
}

int jr_local_address(int fd, struct jr_address *address) {
    struct sockaddr_storage local;
    socklen_t length = sizeof local;
    if (getsockname(fd, (void *)&local, &length) < 0) return -errno;
    store(address, &local, length);
    return 0;
}

int jr_peer_address(int fd, struct jr_address *address) {
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    if (getpeername(fd, (void *)&peer, &length) < 0) return -errno;
    store(address, &peer, length);
    return 0;
}

int jr_socket_error(int fd) {
    int pending = 0;
    socklen_t length = sizeof pending;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &pending, &length) < 0 ? -errno : pending;
}

static int switch_on(int fd, int level, int option) {
    int on = 1;
    return setsockopt(fd, level, option, &on, sizeof on) < 0 ? -errno : 0;
}

int jr_set_reuse_address(int fd) { return switch_on(fd, SOL_SOCKET, SO_REUSEADDR); }
int jr_set_no_delay(int fd) { return switch_on(fd, IPPROTO_TCP, TCP_NODELAY); }
int jr_shutdown_write(int fd) { return shutdown(fd, SHUT_WR) < 0 ? -errno : 0; }

int jr_peer_credentials(int fd, struct jr_credentials *credentials) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) return -errno;
    *credentials = (struct jr_credentials){.pid = peer.pid, .uid = peer.uid, .gid = peer.gid};
    return 0;
}

int jr_socketpair(int ends[2]) {
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0 ? -errno : 0;
}

int jr_epoll_create(void) {
    int fd = epoll_create1(EPOLL_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int control(int epoll, int operation, int fd, uint32_t events, uint64_t data) {
    struct epoll_event event = {.events = events, .data.u64 = data};
    return epoll_ctl(epoll, operation, fd, &event) < 0 ? -errno : 0;
}

int jr_epoll_add(int epoll, int fd, uint32_t events, uint64_t data) {
    return control(epoll, EPOLL_CTL_ADD, fd, events, data);
}

int jr_epoll_modify(int epoll, int fd, uint32_t events, uint64_t data) {
    return control(epoll, EPOLL_CTL_MOD, fd, events, data);
}

int jr_epoll_remove(int epoll, int fd) { return control(epoll, EPOLL_CTL_DEL, fd, 0, 0); }

int jr_epoll_wait(int epoll, struct jr_poll_event *events, int capacity, int64_t timeout_nanoseconds) {
    struct epoll_event found[256];
    struct timespec timeout = {
        .tv_sec = timeout_nanoseconds / 1000000000,
        .tv_nsec = timeout_nanoseconds % 1000000000,
    };
    int room = capacity < 256 ? capacity : 256;
    int count = epoll_pwait2(epoll, found, room, timeout_nanoseconds < 0 ? NULL : &timeout, NULL);
    if (count < 0 && errno == ENOSYS) {
        // A kernel before 5.11, or a tool that stands in for one: whole milliseconds, rounded up, never too early.
        int64_t milliseconds = timeout_nanoseconds < 0 ? -1 : (timeout_nanoseconds + 999999) / 1000000;
        count = epoll_wait(epoll, found, room, milliseconds > INT32_MAX ? INT32_MAX : (int)milliseconds);
    }
    if (count < 0) return -errno;
    for (int index = 0; index < count; index++) {
        events[index] = (struct jr_poll_event){.data = found[index].data.u64, .events = found[index].events};
    }
    return count;
}

int jr_notify(const char *path, const void *bytes, size_t count, int flags) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length < 2) return -EINVAL;
    if (length >= sizeof un.sun_path) return -ENAMETOOLONG;
    memcpy(un.sun_path, path, length);
    // An abstract name is written with @ where its first byte is 0.
    if (path[0] == '@') un.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (path[0] == '@' ? 0 : 1));
    int how = MSG_NOSIGNAL | (flags & JR_NOTIFY_AT_ONCE ? MSG_DONTWAIT : 0);
    ssize_t sent = sendto(fd, bytes, count, how, (const struct sockaddr *)&un, size);
    int result = sent < 0 ? -errno : 0;
    close(fd);
    return result;
}

int jr_notice_socket(const struct jr_address *address) {
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    int result = switch_on(fd, SOL_SOCKET, SO_PASSCRED);
    if (result == 0 && address) {
        result = jr_bind_private(fd, address);
    } else if (result == 0) {
        sa_family_t family = AF_UNIX;
        if (bind(fd, (const void *)&family, sizeof family) < 0) result = -errno;
    }
    if (result == 0) return fd;
    close(fd);
    return result;
}

int jr_abstract_name(int fd, char *name, size_t capacity) {
    struct sockaddr_un un;
    socklen_t length = sizeof un;
    if (getsockname(fd, (void *)&un, &length) < 0) return -errno;
    size_t start = offsetof(struct sockaddr_un, sun_path) + 1;
    if (length <= start || un.sun_path[0] != 0) return -EINVAL;
    if (length - start >= capacity) return -ENAMETOOLONG;
    memcpy(name, un.sun_path + 1, length - start);
    name[length - start] = 0;
    return 0;
}

long jr_receive_notice(int fd, void *bytes, size_t capacity, struct jr_credentials *sender, int *is_cut) {
    union {
        char bytes[CMSG_SPACE(sizeof(struct ucred))];
        struct cmsghdr alignment;
    } control;
    struct iovec place = {.iov_base = bytes, .iov_len = capacity};
    // There is room for the sender only: the kernel closes descriptors that find none.
    struct msghdr message = {
        .msg_iov = &place, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    ssize_t count = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    if (count < 0) return -errno;
    *is_cut = (message.msg_flags & MSG_TRUNC) != 0;
    *sender = (struct jr_credentials){.pid = 0, .uid = UINT32_MAX, .gid = UINT32_MAX};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_CREDENTIALS) {
        struct ucred peer;
        memcpy(&peer, CMSG_DATA(header), sizeof peer);
        *sender = (struct jr_credentials){.pid = peer.pid, .uid = peer.uid, .gid = peer.gid};
    }
    return count;
}
