import CContainer
import CKernel
import Glibc
import NetCore

/// What goes on in a broken world while one looks at it: hidden words of `berth`, each run in a node. They return when the traffic
/// has begun, and it ends with the world.
enum Traffic {
    static let words = ["lab-send", "lab-take", "lab-load", "lab-speak"]

    /// Nil when the words are none of these.
    static func run(_ words: [String]) -> Int32? {
        let port = { (place: Int) in words.count > place ? UInt16(words[place]) : nil }
        switch words.first {
        case "lab-send":
            guard words.count == 4, let own = port(1), let address = IPAddress(words[2]), let other = port(3) else {
                return 2
            }
            return send(from: own, to: address, other)
        case "lab-take":
            guard words.count == 2, let own = port(1) else { return 2 }
            return take(own)
        case "lab-load":
            guard words.count == 3, let own = port(2) else { return 2 }
            return load(words[1], own)
        case "lab-speak":
            guard words.count == 2 else { return 2 }
            return speak(words[1])
        default: return nil
        }
    }

    /// `OWN-PORT ADDRESS PORT`: a datagram each fifth of a second, always from the same port.
    private static func send(from own: UInt16, to address: IPAddress, _ other: UInt16) -> Int32 {
        let number = bound(SOCK_DGRAM, own, "send from UDP port \(own)")
        guard number >= 0 else { return 1 }
        let target = Look.socketAddress(address, other)
        let text = Array("<14>device: all is well\n".utf8)
        func once() {
            _ = target.withUnsafeBytes {
                sendto(
                    number, text, text.count, Int32(MSG_DONTWAIT),
                    $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
            }
        }
        once()
        guard stay("berth-send \(own) \(other)", number) else { return 0 }
        // From here on the socket is descriptor 3.
        while true {
            usleep(200_000)
            _ = target.withUnsafeBytes {
                sendto(
                    3, text, text.count, Int32(MSG_DONTWAIT),
                    $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
            }
        }
    }

    /// `PORT`: takes datagrams, and answers none.
    private static func take(_ own: UInt16) -> Int32 {
        let number = bound(SOCK_DGRAM, own, "take datagrams on port \(own)")
        guard number >= 0 else { return 1 }
        guard stay("berth-take \(own)", number) else { return 0 }
        var bytes = [UInt8](repeating: 0, count: 2048)
        while true { if recv(3, &bytes, bytes.count, 0) < 0 { usleep(10_000) } }
    }

    /// `NAME PORT`: reads the whole of a request, and answers with how much there was.
    private static func load(_ name: String, _ own: UInt16) -> Int32 {
        let number = bound(SOCK_STREAM, own, "listen on port \(own)")
        guard number >= 0, listen(number, 64) == 0 else { return 1 }
        guard stay("berth-load \(name) \(own)", number) else { return 0 }
        signal(SIGPIPE, SIG_IGN)
        signal(SIGCHLD, SIG_IGN)
        while true {
            let client = accept(3, nil, nil)
            guard client >= 0 else {
                usleep(10_000)
                continue
            }
            // A request that stalls keeps no other one waiting.
            if fork() == 0 {
                answer(client, name)
                _exit(0)
            }
            close(client)
        }
    }

    private static func answer(_ client: Int32, _ name: String) {
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 16384)
        var wanted: Int?
        while wanted.map({ bytes.count < $0 }) ?? true, bytes.count < 16 << 20 {
            guard Look.wait(client, POLLIN, until: Look.milliseconds() + 10_000) else { return }
            let count = recv(client, &part, part.count, 0)
            guard count > 0 else { return }
            bytes += part[..<count]
            if wanted == nil { wanted = whole(bytes) }
        }
        let body = "\(name) got \(bytes.count) bytes\n"
        let text = "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
        _ = Glibc.send(client, text, text.utf8.count, Int32(MSG_NOSIGNAL))
    }

    /// How long a request is, once its head is there.
    private static func whole(_ bytes: [UInt8]) -> Int? {
        let end = Array("\r\n\r\n".utf8)
        guard bytes.count >= 4,
            let place = (0...bytes.count - 4).first(where: { bytes[$0..<$0 + 4].elementsEqual(end) })
        else { return nil }
        let lines = String(decoding: bytes[..<place], as: UTF8.self).split(separator: "\r\n")
        let length = lines.lazy.compactMap { line -> Int? in
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, parts[0].lowercased() == "content-length" else { return nil }
            return Int(parts[1].drop { $0 == " " })
        }.first
        return place + 4 + (length ?? 0)
    }

    /// `LINK`: asks for 10.88.0.1 as any host does from time to time, from each address that the link has. Twice and a half a
    /// second, at a moment of the machine's clock that is the first address's own: two who speak do not speak at once.
    private static func speak(_ link: String) -> Int32 {
        let number = socket(17, Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard number >= 0 else { return 1 }
        guard stay("berth-speak \(link)", number) else { return 0 }
        while true {
            let slot = Int(addresses(of: link)?.own.first?.bytes[3] ?? 0) * 100 % 400
            usleep(useconds_t((800 + slot - Look.milliseconds() % 400) % 400) * 1000)
            // What it has now. A link that is gone, or down, may come back.
            if let now = addresses(of: link) { for own in now.own { ask(own, now.mac, now.index) } }
            usleep(60_000)
        }
    }

    private static func addresses(of link: String) -> (own: [IPAddress], mac: MACAddress, index: Int32)? {
        guard var routes = try? NetlinkSocket(NETLINK_ROUTE), let found = try? routes.link(link), let mac = found.mac,
            let all = try? routes.addresses(of: found.index)
        else { return nil }
        return (all.map(\.prefix.address).filter { $0.family == .v4 }, mac, found.index)
    }

    /// RFC 826: who has 10.88.0.1?
    private static func ask(_ own: IPAddress, _ mac: MACAddress, _ link: Int32) {
        var frame = [UInt8](repeating: 0xff, count: 6) + mac.bytes + [8, 6]
        frame += [0, 1, 8, 0, 6, 4, 0, 1] + mac.bytes + own.bytes
        frame += [UInt8](repeating: 0, count: 6) + [10, 88, 0, 1]
        // struct sockaddr_ll (man 7 packet).
        var address = [UInt8](repeating: 0, count: 20)
        (address[0], address[2], address[3]) = (17, 8, 6)
        for place in 0..<4 { address[4 + place] = UInt8(truncatingIfNeeded: link >> (place * 8)) }
        address[11] = 6
        for place in 0..<6 { address[12 + place] = 0xff }
        _ = address.withUnsafeBytes {
            sendto(3, frame, frame.count, 0, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), 20)
        }
    }

    private static func bound(_ kind: __socket_type, _ port: UInt16, _ task: String) -> Int32 {
        let number = socket(AF_INET, Int32(kind.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var on: Int32 = 1
        setsockopt(number, SOL_SOCKET, SO_REUSEADDR, &on, 4)
        let own = Look.socketAddress(IPAddress("0.0.0.0")!, port)
        let code = own.withUnsafeBytes {
            bind(number, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
        }
        guard number >= 0, code == 0 else {
            let line = "berth: cannot \(task): \(Errno.current)\n"
            _ = write(STDERR_FILENO, line, line.utf8.count)
            return -1
        }
        return number
    }

    /// True in a process of its own, whose one open descriptor but the standard ones is 3; false in the one that returns.
    private static func stay(_ title: String, _ number: Int32) -> Bool {
        guard fork() == 0 else { return false }
        setsid()
        berth_die_with(0)
        Title.set(title)
        let null = berth_open_cloexec("/dev/null", O_RDWR, 0)
        for standard: Int32 in 0...2 { dup2(null, standard) }
        if number != 3 { dup2(number, 3) }
        _ = berth_close_range(4, .max)
        return true
    }
}
