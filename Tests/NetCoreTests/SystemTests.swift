import CKernel
import Glibc
import TestSupport
import Testing

@testable import NetCore

@Suite("Namespaces, parameters and files")
struct SystemTests {
    static func failure<R: ~Copyable>(_ body: () throws(KernelError) -> R) -> KernelError? {
        do throws(KernelError) {
            _ = try body()
            return nil
        } catch {
            return error
        }
    }

    // MARK: namespaces

    @Test("what is no network namespace is refused, with the path, and nothing waits for a writer")
    func noNamespace() throws {
        let failures = try PrivateHost.run { host in
            try host.must("touch \(host.scratch)/file")
            try host.must("mkfifo \(host.scratch)/pipe")
            return [
                "/proc/self/ns/mnt", "/proc/self/ns/user", "/dev/null", "\(host.scratch)/file", "\(host.scratch)/pipe",
                host.scratch, "/proc/self/ns",
            ].map {
                path in
                SystemTests.failure { () throws(KernelError) in try NetworkNamespace(open: path) }.map {
                    "\($0.errno.name) \($0.operation)"
                }
                    ?? (NetworkNamespace.isOpenable(path) ? "openable" : "opened")
            }
        }
        #expect(failures.allSatisfy { $0.hasPrefix("EINVAL open network namespace /") }, "\(failures)")
    }

    @Test("P-9 a path where nothing is says ENOENT")
    func vanished() {
        let error = SystemTests.failure { () throws(KernelError) in
            try NetworkNamespace(open: "/run/netns/there-is-none")
        }
        #expect(error?.errno == .noSuchFile)
        #expect(error?.operation.contains("/run/netns/there-is-none") == true)
        #expect(!NetworkNamespace.isOpenable("/run/netns/there-is-none") && !NetworkNamespace.isOpenable(""))
    }

    @Test("a visit ends where it began, also when it throws, and sockets opened inside stay there")
    func inside() throws {
        let (same, inner, links) = try PrivateHost.run { host in
            let path = try host.makeNamespace("blue")
            try host.inside("blue") { try host.must("ip link add only-here type bridge") }
            let home = try NetworkNamespace.current().identity()
            let blue = try NetworkNamespace(open: path)
            let inner = try blue.inside { () throws(KernelError) in try NetworkNamespace.current().identity() }
            _ = SystemTests.failure { () throws(KernelError) in
                try blue.inside { () throws(KernelError) in throw KernelError("test", .busy) }
            }
            let here = try NetworkNamespace.current()
            var socket = try NetlinkSocket(NETLINK_ROUTE, in: blue, home: here.number)
            let links = try socket.links().map(\.name)
            return (
                try NetworkNamespace.current().identity() == home, try blue.identity() == inner && inner != home, links
            )
        }
        #expect(same)
        #expect(inner)
        #expect(links.contains("only-here"))
    }

    @Test("a namespace is the same by whatever path, and another than its neighbour")
    func identity() throws {
        let answers = try PrivateHost.run { host in
            let one = try host.makeNamespace("one")
            let other = try host.makeNamespace("other")
            try host.must("ln -s \(one) \(host.scratch)/link")
            let identity = { (path: String) throws(KernelError) in try NetworkNamespace(open: path).identity() }
            return [try identity(one) == identity("\(host.scratch)/link"), try identity(one) != identity(other)]
        }
        #expect(answers == [true, true])
    }

    // MARK: sysctls

    @Test(
        "parameters are named with slashes or dots, and a link's own dots stay its own (man 8 sysctl)",
        arguments: [
            ("net/ipv4/ip_forward", "net/ipv4/ip_forward"), ("net.ipv4.ip_forward", "net/ipv4/ip_forward"),
            ("net/ipv4/conf/eth0.100/rp_filter", "net/ipv4/conf/eth0.100/rp_filter"),
            ("net.ipv4.conf.eth0/100.rp_filter", "net/ipv4/conf/eth0.100/rp_filter"),
        ])
    func sysctlPath(_ name: String, _ path: String) {
        #expect(Sysctl.path(name) == path)
    }

    @Test(
        "a parameter outside of the network, or a way out of it, has no path",
        arguments: [
            "", "net", "net/", "net.", "/net/ipv4/ip_forward", "kernel/panic", "kernel.panic", "net/../kernel/panic",
            "net/ipv4/../../kernel/panic",
            "net/./ipv4", "net//ipv4", "net..ipv4", "net/..", "net.ipv4.", ".net.ipv4", "net/ipv4/ip_forward\0",
            "net/ipv4/ip_forward\0/x", "network/ipv4",
            "Net/ipv4/ip_forward", "net.ipv4.conf.//.rp_filter", "net.//.kernel.panic", "net./.kernel",
            "../net/ipv4/ip_forward", "fs.net.x", "net/ipv4/conf/",
        ])
    func hostileSysctl(_ name: String) {
        #expect(Sysctl.path(name) == nil)
    }

    @Test("parameters are those of the thread's own namespace; what the kernel refuses is said")
    func sysctlValues() throws {
        let (values, errors) = try PrivateHost.run { host in
            let path = try host.makeNamespace("blue")
            let blue = try NetworkNamespace(open: path)
            try blue.inside { () throws(KernelError) in try Sysctl.write("net/ipv4/ip_forward", "1") }
            let values = [
                try Sysctl.read("net/ipv4/ip_forward"),
                try blue.inside { () throws(KernelError) in try Sysctl.read("net/ipv4/ip_forward") },
                try Sysctl.read("net/ipv4/tcp_rmem").split(separator: "\t").count == 3 ? "three" : "other",
            ]
            let errors = [
                SystemTests.failure { () throws(KernelError) in try Sysctl.write("net/ipv4/ip_forward", "many") },
                SystemTests.failure { () throws(KernelError) in try Sysctl.read("net/ipv4/nosuch") },
            ]
            return (values, errors.map { $0.map { "\($0.errno.name): \($0.operation)" } ?? "none" })
        }
        #expect(values == ["0", "1", "three"])
        #expect(errors == ["EINVAL: set sysctl net/ipv4/ip_forward to many", "ENOENT: read sysctl net/ipv4/nosuch"])
    }

    // MARK: files

    @Test("a file is replaced whole, with its mode, and nothing else lies beside it")
    func replace() throws {
        let (text, names, mode, kept) = try PrivateHost.run { host in
            let path = "\(host.scratch)/record"
            try Files.replace(path, with: Array("first".utf8))
            try Files.replace(path, with: Array("second".utf8), durable: true)
            // A directory stands where the file should go: the rename fails, and the temporary file is gone.
            try Files.makeDirectories("\(host.scratch)/taken/inner")
            let failed = SystemTests.failure { () throws(KernelError) in
                try Files.replace("\(host.scratch)/taken", with: [1])
            }
            var found = stat()
            stat(path, &found)
            return (
                String(decoding: try Files.read(path), as: UTF8.self), try Files.names(in: host.scratch).sorted(),
                found.st_mode & 0o777, failed?.errno == Errno(EISDIR)
            )
        }
        #expect(text == "second")
        #expect(names == ["record", "taken"])
        #expect(mode == 0o600)
        #expect(kept)
    }

    @Test("reading stops at its limit with EFBIG, and says ENOENT and EISDIR by name")
    func reading() throws {
        let errors = try PrivateHost.run { host in
            let path = "\(host.scratch)/file"
            try Files.replace(path, with: [UInt8](repeating: 7, count: 40_000))
            guard try Files.read(path, limit: 40_000).count == 40_000 else { return ["short"] }
            return [
                SystemTests.failure { () throws(KernelError) in try Files.read(path, limit: 39_999) },
                SystemTests.failure { () throws(KernelError) in try Files.read("\(host.scratch)/none") },
                SystemTests.failure { () throws(KernelError) in try Files.read(host.scratch) },
            ].map { $0?.errno.name ?? "none" }
        }
        #expect(errors == ["EFBIG", "ENOENT", "EISDIR"])
    }

    @Test("directories are made with those above them, and a file in the way is said")
    func directories() throws {
        let (made, error) = try PrivateHost.run { host in
            try Files.makeDirectories("\(host.scratch)/a/b/c")
            try Files.makeDirectories("\(host.scratch)/a/b/c")
            try Files.replace("\(host.scratch)/file", with: [])
            let error = SystemTests.failure { () throws(KernelError) in
                try Files.makeDirectories("\(host.scratch)/file")
            }
            let below = SystemTests.failure { () throws(KernelError) in
                try Files.makeDirectories("\(host.scratch)/file/x")
            }
            return (Files.exists("\(host.scratch)/a/b/c"), [error?.errno.name, below?.errno.name])
        }
        #expect(made)
        #expect(error == ["ENOTDIR", "ENOTDIR"])
        #expect(
            Files.directory(of: "/a/b") == "/a" && Files.directory(of: "/a") == "/" && Files.directory(of: "a") == "."
                && Files.directory(of: "") == ".")
    }

    @Test("removing what is not there is no failure; removing a directory is one")
    func remove() throws {
        let error = try PrivateHost.run { host in
            try Files.remove("\(host.scratch)/none")
            return SystemTests.failure { () throws(KernelError) in try Files.remove(host.scratch) }?.errno.name
        }
        #expect(error == "EISDIR")
    }

    // MARK: locks

    @Test("P-19 shared locks go together, an exclusive one stands alone, and waiting ends with ETIMEDOUT")
    func locks() throws {
        let outcomes = try PrivateHost.run { host in
            let path = "\(host.scratch)/lock"
            let attempt = { (mode: FileLock.Mode) in
                SystemTests.failure { () throws(KernelError) in try FileLock(path, mode, seconds: 0) }?.errno.name
                    ?? "held"
            }
            var outcomes: [String] = []
            do {
                let shared = try FileLock(path, .shared)
                outcomes += [attempt(.shared), attempt(.exclusive)]
                shared.release()
            }
            do {
                let exclusive = try FileLock(path, .exclusive)
                outcomes += [attempt(.shared), attempt(.exclusive)]
                exclusive.release()
            }
            outcomes.append(attempt(.exclusive))
            return outcomes
        }
        #expect(outcomes == ["held", "ETIMEDOUT", "ETIMEDOUT", "ETIMEDOUT", "held"])
    }

    @Test("P-19 eight threads under the host's lock are never two at a time, and a failing one lets go")
    func stateLock() throws {
        let (most, total, modes) = try PrivateHost.run { host in
            let state = StateDirectory("\(host.scratch)/not/yet/there")
            let seen = try host.onThreads(8) { host, index in
                var most = 0
                for round in 0..<20 {
                    let marker = "\(host.scratch)/in"
                    let failed = SystemTests.failure { () throws(KernelError) in
                        try state.withNetfilterLock { () throws(KernelError) in
                            if Files.exists(marker) { most = 2 }
                            try Files.replace(marker, with: [UInt8(index)], temporary: "\(marker)-\(index)")
                            try Files.remove(marker)
                            if round % 5 == 4 { throw KernelError("test", .busy) }
                        }
                    }
                    if (failed != nil) != (round % 5 == 4) { most = 3 }
                }
                return most
            }
            var found = stat()
            stat(state.locks, &found)
            let lock = try state.networkLock("net", .exclusive)
            lock.release()
            return (
                seen.max(), seen.count,
                [
                    found.st_mode & 0o777 == 0o700,
                    Files.exists("\(state.locks)/plugins-\(Attachment.networkTag("net"))"),
                ]
            )
        }
        #expect(most == 0)
        #expect(total == 8)
        #expect(modes == [true, true])
    }

    @Test("an error says what was attempted, the name and words of errno, and the explanation")
    func errors() {
        let error = KernelError("add address 10.0.0.1/8 to eth0", .alreadyExists, "address already assigned")
        #expect(error.description == "add address 10.0.0.1/8 to eth0: EEXIST (File exists): address already assigned")
        #expect(Errno(4711).name == "errno 4711")
        #expect(Failures([]) == nil)
        #expect(
            Failures([error, KernelError("x", .busy)])?.description == "\(error); x: EBUSY (Device or resource busy)")
        #expect(
            SystemTests.failure { () throws(KernelError) in
                try ignoring(.busy) { () throws(KernelError) in throw error }
            } == error)
    }
}
