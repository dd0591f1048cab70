import CKernel
import Glibc
import NetCore

/// `berth net ping`: as `ping`, for an echo or a few.
enum NetPing {
    static let verb = NetVerb(
        name: "ping", forms: ["berth net ping [-c COUNT] [-W SECONDS] [-I ADDRESS] ADDRESS"],
        run: { (words, call) throws(LabError) in
            var (count, seconds): (Int, Int) = (1, 1)
            var (source, target): (IPAddress?, IPAddress?) = (nil, nil)
            while let word = words.next() {
                // "-c1" and "-c 1".
                let option = String(word.prefix(2))
                if ["-c", "-W", "-I"].contains(option) {
                    let value = word == option ? try words.next("what follows \(option)") : String(word.dropFirst(2))
                    switch option {
                    case "-c": count = try number(value, "count", 1...100, words)
                    case "-W": seconds = try number(value, "time in seconds", 1...60, words)
                    default: source = try address(value, words)
                    }
                } else if word == "-q" || word == "-n" {
                    continue
                } else if word.hasPrefix("-") {
                    throw words.fault("there is no option \(word)")
                } else if target == nil {
                    target = try address(word, words)
                } else {
                    throw words.fault("cannot make sense of \"\(word)\"")
                }
            }
            guard let target else { throw words.fault("whom it is for is missing") }
            let one = NetEcho(target, from: source)
            return try one.run(count, seconds, call)
        })

    private static func number(
        _ text: String, _ what: String, _ range: ClosedRange<Int>, _ words: NetWords
    ) throws(LabError) -> Int {
        guard let number = Int(text), range.contains(number) else {
            throw words.fault(
                "\"\(text)\" is no \(what): it is a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    private static func address(_ text: String, _ words: NetWords) throws(LabError) -> IPAddress {
        if let address = IPAddress(text) ?? NetPlace.address(text, .v4) { return address }
        throw words.fault("\"\(text)\" is no address, and no node of this world that has one")
    }
}

/// Echoes to one address (RFC 792, RFC 4443).
struct NetEcho {
    private let target: IPAddress
    private let source: IPAddress?
    private let id = UInt16.random(in: 1...UInt16.max)

    init(_ target: IPAddress, from source: IPAddress?) { (self.target, self.source) = (target, source) }

    private var isV6: Bool { target.family == .v6 }

    /// 0 when one was answered, 1 when none was, 2 when none could be sent.
    func run(_ count: Int, _ seconds: Int, _ call: NetCall) throws(LabError) -> Int32 {
        let line: OwnedDescriptor
        do throws(KernelError) {
            line = try opened()
        } catch {
            throw LabError(net: error, "ping \(target)", show: "berth net address")
        }
        var answered = 0
        for sequence in 1...count {
            if sequence > 1 { usleep(200_000) }
            let began = NetEcho.microseconds()
            if let failure = send(sequence, line.number) {
                throw LabError(
                    .kernel, "nothing could be sent to \(target)", cause: "\(failure)",
                    fix: failure == Errno(ENETUNREACH)
                        ? "no route of this node's leads there: berth net route"
                        : "see its links and addresses: berth net address")
            }
            switch answer(sequence, line.number, until: began + Int64(seconds) * 1_000_000) {
            case .echo(let from, let ttl):
                let time = NetEcho.microseconds() - began
                let thousandths = "\(time % 1000)"
                let filled = String(repeating: "0", count: 3 - thousandths.count) + thousandths
                let life = ttl.map { " ttl=\($0)" } ?? ""
                call.say("answer from \(from): icmp_seq=\(sequence)\(life) time=\(time / 1000).\(filled) ms")
                answered += 1
            case .refusal(let from, let words): call.say("from \(from): icmp_seq=\(sequence) \(words)")
            case .nothing: call.say("no answer from \(target) within \(seconds) s")
            }
        }
        call.say("\(count) sent, \(answered) answered")
        return answered > 0 ? 0 : 1
    }

    private enum Answer {
        case echo(from: String, ttl: Int?)
        case refusal(from: String, String)
        case nothing
    }

    private func opened() throws(KernelError) -> OwnedDescriptor {
        let family = Int32(target.family.constant)
        let type = Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let number = try check("open a socket for echoes") { Glibc.socket(family, type, isV6 ? 58 : 1) }
        let opened = OwnedDescriptor(taking: number)
        if let source {
            let own = Look.socketAddress(source, 0)
            try check("take \(source) as the source") {
                own.withUnsafeBytes {
                    bind(number, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
                }
            }
        }
        return opened
    }

    /// Nil when it is sent.
    private func send(_ sequence: Int, _ socket: Int32) -> Errno? {
        var message: [UInt8] = [isV6 ? 128 : 8, 0, 0, 0]
        message += [UInt8(id >> 8), UInt8(id & 0xff), UInt8(sequence >> 8), UInt8(sequence & 0xff)]
        message += (0..<56).map { UInt8($0) }
        // The kernel sums up ICMPv6 by itself.
        if !isV6 {
            var sum = stride(from: 0, to: message.count, by: 2).reduce(UInt32(0)) {
                $0 + (UInt32(message[$1]) << 8 | UInt32(message[$1 + 1]))
            }
            while sum >> 16 != 0 { sum = sum & 0xffff + sum >> 16 }
            message[2] = UInt8(truncatingIfNeeded: ~sum >> 8)
            message[3] = UInt8(truncatingIfNeeded: ~sum)
        }
        let place = Look.socketAddress(target, 0)
        let count = place.withUnsafeBytes {
            sendto(
                socket, message, message.count, 0, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self),
                socklen_t($0.count))
        }
        return count < 0 ? Errno.current : nil
    }

    private func answer(_ sequence: Int, _ socket: Int32, until end: Int64) -> Answer {
        while true {
            let left = end - NetEcho.microseconds()
            guard left > 0 else { return .nothing }
            var polled = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            guard poll(&polled, 1, Int32(left / 1000) + 1) > 0 else { continue }
            var bytes = [UInt8](repeating: 0, count: 2048)
            var from = sockaddr_storage()
            var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let room = bytes.count
            let (count, name) = withUnsafeMutableBytes(of: &from) { raw in
                let address = raw.baseAddress!.assumingMemoryBound(to: sockaddr.self)
                let count = recvfrom(socket, &bytes, room, Int32(MSG_DONTWAIT), address, &size)
                return (count, count >= 0 ? Service.name(address, size) ?? "somebody" : "")
            }
            guard count > 0 else { continue }
            if let found = read(Array(bytes[..<count]), name, sequence) { return found }
        }
    }

    /// Nil for what is not about this echo. A raw socket of IPv4 has the header before it (man 7 raw).
    private func read(_ bytes: [UInt8], _ from: String, _ sequence: Int) -> Answer? {
        let start = isV6 ? 0 : bytes.count > 0 ? Int(bytes[0] & 15) * 4 : 0
        guard bytes.count >= start + 8 else { return nil }
        let own = [UInt8(id >> 8), UInt8(id & 0xff), UInt8(sequence >> 8), UInt8(sequence & 0xff)]
        let (type, code) = (bytes[start], bytes[start + 1])
        if type == (isV6 ? 129 : 0) {
            guard Array(bytes[(start + 4)..<(start + 8)]) == own else { return nil }
            return .echo(from: from, ttl: isV6 ? nil : Int(bytes[8]))
        }
        // An error has the packet that it is about at 8, whose header is as long as it says.
        let about = start + 8
        guard isV6 ? [1, 3].contains(type) : [3, 11].contains(type), bytes.count > about else { return nil }
        let inner = about + (isV6 ? 40 : Int(bytes[about] & 15) * 4)
        guard bytes.count >= inner + 8, Array(bytes[(inner + 4)..<(inner + 8)]) == own else { return nil }
        let names = ["network unreachable", "host unreachable", "protocol unreachable", "port unreachable"]
        let words =
            type == (isV6 ? 3 : 11)
            ? "time to live exceeded"
            : !isV6 && Int(code) < names.count ? names[Int(code)] : "unreachable (code \(code))"
        return .refusal(from: from, words)
    }

    private static func microseconds() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000
    }
}
