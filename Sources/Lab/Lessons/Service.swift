import CContainer
import CKernel
import Glibc
import NetCore

/// A lesson's server: answers whoever connects with its name and the address that it sees. A hidden word of `berth`, run in a node;
/// it ends with the world.
enum Service {
    /// `NODE PORT`, or what `DatagramService` knows. Returns when it listens, in a process of its own.
    static func run(_ words: [String]) -> Int32 {
        guard words.count >= 2, let port = UInt16(words[1]) else { return 2 }
        switch words.count > 2 ? words[2] : "" {
        case "" where words.count == 2: break
        case "udp" where words.count == 3: return DatagramService.answer(words[0], port)
        case "says" where words.count == 5:
            guard let target = IPAddress(words[3]), let targetPort = UInt16(words[4]) else { return 2 }
            return DatagramService.say(words[0], port, target, targetPort)
        default: return 2
        }
        var on: Int32 = 1
        var off: Int32 = 0
        var listening = socket(AF_INET6, Int32(SOCK_STREAM.rawValue), 0)
        let isV6 = listening >= 0
        if !isV6 { listening = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0) }
        setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, 4)
        if isV6 { setsockopt(listening, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &off, 4) }
        let bound: Int32
        if isV6 {
            var address = sockaddr_in6()
            (address.sin6_family, address.sin6_port) = (sa_family_t(AF_INET6), port.bigEndian)
            bound = bind(listening, &address)
        } else {
            var address = sockaddr_in()
            (address.sin_family, address.sin_port) = (sa_family_t(AF_INET), port.bigEndian)
            bound = bind(listening, &address)
        }
        guard bound == 0, listen(listening, 64) == 0 else {
            let line = "berth: cannot listen on port \(port) in node \(words[0]): \(Errno.current)\n"
            _ = write(STDERR_FILENO, line, line.utf8.count)
            return 1
        }
        guard leave(listening, "berth-serve \(words[0]) \(port)") else { return 0 }
        while true { serve(accept(3, nil, nil), words[0]) }
    }

    /// True in a process of its own, in the background, whose descriptor 3 is the socket; false in this one.
    static func leave(_ socket: Int32, _ title: String) -> Bool {
        guard fork() == 0 else { return false }
        setsid()
        berth_die_with(0)
        Title.set(title)
        let null = berth_open_cloexec("/dev/null", O_RDWR, 0)
        for number: Int32 in 0...2 { dup2(null, number) }
        if socket != 3 { dup2(socket, 3) }
        _ = berth_close_range(4, .max)
        signal(SIGPIPE, SIG_IGN)
        return true
    }

    /// A peer's address in words, IPv4 also where it came by an IPv6 socket; nil when it is none.
    static func name(_ address: UnsafePointer<sockaddr>, _ size: socklen_t) -> String? {
        var host = [CChar](repeating: 0, count: 64)
        guard getnameinfo(address, size, &host, 64, nil, 0, NI_NUMERICHOST) == 0 else { return nil }
        let text = String(decoding: host.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return text.hasPrefix("::ffff:") ? String(text.dropFirst(7)) : text
    }

    private static func bind<Address>(_ socket: Int32, _ address: inout Address) -> Int32 {
        withUnsafeBytes(of: &address) {
            Glibc.bind(socket, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
        }
    }

    /// Waits a quarter of a second for a request, and answers also who asks for nothing. `GET /20000` is answered with so many bytes.
    private static func serve(_ client: Int32, _ node: String) {
        guard client >= 0 else {
            usleep(10_000)
            return
        }
        defer { close(client) }
        var polled = pollfd(fd: client, events: Int16(POLLIN), revents: 0)
        var request = [UInt8](repeating: 0, count: 4096)
        if poll(&polled, 1, 250) > 0, recv(client, &request, request.count, Int32(MSG_DONTWAIT)) <= 0 { return }
        var peer = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let name = withUnsafeMutableBytes(of: &peer) {
            let address = $0.baseAddress!.assumingMemoryBound(to: sockaddr.self)
            return getpeername(client, address, &size) == 0 ? Service.name(address, size) : nil
        }
        guard let text = name else { return }
        var body = "\(node) sees \(text)\n"
        let wanted = Service.size(request)
        if wanted > body.utf8.count { body += String(repeating: ".", count: wanted - body.utf8.count) }
        let answer = "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
        // The kernel takes all of it at once: a path that nothing comes through must not keep the others waiting.
        var room: Int32 = 1 << 17
        setsockopt(client, SOL_SOCKET, SO_SNDBUF, &room, 4)
        _ = send(client, answer, answer.utf8.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
    }

    /// "GET /20000" asks for so many bytes, 60,000 at most.
    private static func size(_ request: [UInt8]) -> Int {
        guard request.starts(with: "GET /".utf8) else { return 0 }
        let digits = request.dropFirst(5).prefix { (0x30...0x39).contains($0) }.prefix(5)
        return min(60_000, digits.reduce(0) { $0 * 10 + Int($1) - 0x30 })
    }
}
