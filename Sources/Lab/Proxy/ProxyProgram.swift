import CContainer
import CKernel
import Glibc
import NetCore

/// `berth proxy`: publishes a port by a program instead of a rule, so that the two can be compared; or holds a port that a rule
/// publishes, so that no program takes it.
public enum ProxyProgram {
    public static let usage = """
        usage: berth proxy [--detach] LISTEN TARGET      carries TCP connections on to the target
               berth proxy [--detach] --reserve LISTEN   keeps the port from others, and listens to nobody
        LISTEN is 8080, 127.0.0.1:8080 or [::1]:8080; TARGET is 10.88.0.2:80, [fd00:88::2]:80 or NAME:80.

        """

    /// The exit code. With `--detach` it returns when the port is held; else it ends when it is ended. The process must have
    /// one thread.
    public static func run(_ words: [String]) -> Int32 {
        let options = words.filter { $0.hasPrefix("-") }
        let rest = words.filter { !$0.hasPrefix("-") && $0 != "→" }
        let reserves = options.contains("--reserve")
        let detaches = options.contains("--detach") || options.contains("-d")
        guard options.allSatisfy({ ["--reserve", "--detach", "-d"].contains($0) }), rest.count == (reserves ? 1 : 2)
        else {
            say(usage)
            return 2
        }
        do throws(LabError) {
            let place = try ProxyTarget(listening: rest[0])
            let target = reserves ? nil : try ProxyTarget(asking: rest[1])
            let number = try held(place, listens: !reserves)
            if detaches {
                fflush(nil)
                let child = fork()
                guard child >= 0 else { throw LabError(KernelError("fork", .current), "go into the background") }
                if child > 0 { return 0 }
                leave(number)
            }
            Title.set("berth-proxy", line: "berth-proxy \(words.joined(by: " "))")
            // 3 once it has left.
            guard let target else { while true { pause() } }
            var relay = Relay(detaches ? 3 : number, to: target)
            relay.run()
        } catch {
            say(error.description)
            return error.exitCode
        }
    }

    private static func say(_ text: String) { _ = write(STDERR_FILENO, text, text.utf8.count) }

    /// In a session of its own, with nobody's streams; the socket is 3.
    private static func leave(_ number: Int32) {
        setsid()
        berth_die_with(0)
        let null = berth_open_cloexec("/dev/null", O_RDWR, 0)
        let kept = fcntl(number, F_DUPFD_CLOEXEC, 10)
        for stream: Int32 in 0...2 { dup2(null, stream) }
        dup2(kept, 3)
        _ = berth_close_range(4, .max)
    }

    /// A socket at that port. A program that has just been ended may still have it: that is waited for, half a second at most.
    private static func held(_ place: ProxyTarget, listens: Bool) throws(LabError) -> Int32 {
        let task = listens ? "listen at port \(place.port)" : "reserve port \(place.port)"
        var failure = Errno.current
        for attempt in 0..<20 {
            if attempt > 0 { usleep(25_000) }
            do throws(KernelError) {
                return try opened(place, listens: listens)
            } catch {
                failure = error.errno
                if failure != Errno(EADDRINUSE) { break }
            }
        }
        switch failure {
        case Errno(EADDRINUSE):
            throw LabError(
                .exists, "cannot \(task): it is taken", cause: holder(place.port),
                fix: "end who has it, or take another port")
        case Errno(EADDRNOTAVAIL):
            throw LabError(
                .name, "cannot \(task): \(place.address) is not this network's",
                fix: "take an address that ip address shows, or the port alone")
        default: throw LabError(KernelError("bind \(place.words)", failure), task)
        }
    }

    private static func opened(_ place: ProxyTarget, listens: Bool) throws(KernelError) -> Int32 {
        var address = place.address
        let flags = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | (listens ? SOCK_NONBLOCK.rawValue : 0))
        var number = socket(Int32(address.family.constant), flags, 0)
        if number < 0, place.isAny {
            // A kernel without IPv6.
            address = IPAddress(family: .v4, value: 0)
            number = socket(AF_INET, flags, 0)
        }
        let opened = OwnedDescriptor(taking: try check("open a socket") { number })
        var (on, off): (Int32, Int32) = (1, 0)
        // A reservation shares its port with nobody; a server may come back to its own at once.
        if listens { setsockopt(opened.number, SOL_SOCKET, SO_REUSEADDR, &on, 4) }
        if place.isAny, address.family == .v6 {
            setsockopt(opened.number, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &off, 4)
        }
        let bytes = Look.socketAddress(address, place.port)
        let socketNumber = opened.number
        try check("bind \(place.words)") {
            bytes.withUnsafeBytes {
                bind(socketNumber, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
            }
        }
        if listens { try check("listen at \(place.words)") { listen(socketNumber, 128) } }
        return opened.release()
    }

    /// Who has the port, as far as one can see.
    private static func holder(_ port: UInt16) -> String {
        do throws(KernelError) {
            var socket = try NetlinkSocket(NETLINK_SOCK_DIAG)
            let all = try socket.listeningSockets(.tcp, .v4) + socket.listeningSockets(.tcp, .v6)
            guard let one = all.first(where: { $0.port == port }) else {
                return "a socket that does not listen holds it, as berth proxy --reserve does; "
                    + "or connections that ended there linger for a minute"
            }
            return "\(one.process().map { "process \($0)" } ?? "another program") listens there"
        } catch {
            return "another socket is bound to it"
        }
    }
}
