import Glibc
import JRSystem
import TestSupport
import Testing

@Suite("Datagrams of services")
struct NoticeTests {
    private func folder() throws -> String { try Files.makeTemporaryDirectory(prefix: "jr-notice-") }

    @Test("at a path and at an abstract name, each with the sender that the kernel knows", arguments: [true, false])
    func sender(hasPath: Bool) throws {
        let folder = try folder()
        defer { try? Files.removeTree(folder) }
        let made = try Sockets.openNotices(at: hasPath ? folder + "/s" : nil)
        let socket = Descriptor(owning: made.socket)
        #expect(made.address.hasPrefix(hasPath ? "/" : "@") && made.address.utf8.count > 2)
        if hasPath { #expect(try Files.status(made.address).mode & 0o777 == 0o600) }
        #expect(try Sockets.nextNotice(socket.raw, longest: 100) == nil)
        try Sockets.notify(made.address, "READY=1")
        try Sockets.notify(made.address, "x", waits: false)
        let first = try #require(try Sockets.nextNotice(socket.raw, longest: 100))
        #expect(first.bytes == Array("READY=1".utf8) && !first.isCut)
        #expect(first.pid == SystemProgram.pid && first.userID == SystemProgram.userID)
        #expect(try Sockets.nextNotice(socket.raw, longest: 100)?.bytes == Array("x".utf8))
    }

    @Test("a datagram that is too long is cut and says so; where there is no room nobody waits who does not want to")
    func limits() throws {
        let made = try Sockets.openNotices(at: nil)
        let socket = Descriptor(owning: made.socket)
        try Sockets.notify(made.address, "0123456789")
        #expect(try Sockets.nextNotice(socket.raw, longest: 4)?.isCut == true)
        var full: SystemError?
        // The kernel lets a few wait, as many as net.unix.max_dgram_qlen says.
        for _ in 0..<1_000_000 where full == nil {
            do throws(SystemError) { try Sockets.notify(made.address, "x", waits: false) } catch { full = error }
        }
        #expect(full?.name == "EAGAIN")
    }

    @Test("descriptors that come with it are closed once it is read, by which a sender knows that it was")
    func barrier() throws {
        let made = try Sockets.openNotices(at: nil)
        let socket = Descriptor(owning: made.socket)
        let folder = try folder()
        defer { try? Files.removeTree(folder) }
        let isThere = try CSource.compileProgram(Self.sender, to: folder + "/send")
        try #require(isThere, "there is no compiler of C")
        let ends = try Pipe(nonBlocking: false).takeEnds()
        let reader = Descriptor(owning: ends.read)
        let pid: Int32
        do {
            let writer = Descriptor(owning: ends.write)
            pid = try Processes.spawn(
                SpawnRequest(
                    executable: folder + "/send", arguments: ["send", String(made.address.dropFirst())],
                    environment: [], descriptors: [(child: 3, parent: writer.raw)]))
        }
        #expect(try Processes.wait(pid: pid).isSuccess)
        #expect(try !IO.waitReadable(reader.raw, timeout: 0), "it is still open, on its way")
        #expect(try Sockets.nextNotice(socket.raw, longest: 100)?.bytes == Array("BARRIER=1".utf8))
        #expect(try IO.waitReadable(reader.raw, timeout: 20_000), "its end")
    }

    /// Sends its descriptor 3 to an abstract name.
    private static let sender = """
        #include <stddef.h>
        #include <string.h>
        #include <sys/socket.h>
        #include <sys/un.h>
        int main(int count, char **words) {
            struct sockaddr_un un = {.sun_family = AF_UNIX};
            strcpy(un.sun_path + 1, words[1]);
            char control[CMSG_SPACE(sizeof(int))] = {0};
            struct iovec text = {.iov_base = "BARRIER=1", .iov_len = 9};
            struct msghdr message = {
                .msg_name = &un, .msg_namelen = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(words[1]),
                .msg_iov = &text, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
            struct cmsghdr *header = CMSG_FIRSTHDR(&message);
            header->cmsg_level = SOL_SOCKET;
            header->cmsg_type = SCM_RIGHTS;
            header->cmsg_len = CMSG_LEN(sizeof(int));
            *(int *)CMSG_DATA(header) = 3;
            return sendmsg(socket(AF_UNIX, SOCK_DGRAM, 0), &message, 0) == 9 ? 0 : 1;
        }
        """
}
