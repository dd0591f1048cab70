import CKernel
import Glibc
import NetCore

/// What came of a request.
enum Asked: Hashable, Sendable {
    /// The body's first line.
    case answer(String)
    case refused
    /// The kernel says that there is no way.
    case unreachable
    case nothing

    /// In words that name what one sees, not why.
    var seen: String {
        switch self {
        case .answer(let text): "the answer is: \(text)"
        case .refused: "refused"
        case .unreachable: "the kernel says that there is no way to it"
        case .nothing: "nothing came back"
        }
    }
}

extension Look {
    /// A node's request by TCP, as curl would make it, with so many bytes of a body. The deadline leaves time for a second SYN,
    /// which comes after a second.
    func request(
        _ node: String, _ address: IPAddress, _ port: UInt16, uploading count: Int = 0, milliseconds: Int = 1150
    ) throws(LabError) -> Asked {
        let number = try open(node, address.family, SOCK_STREAM)
        defer { close(number) }
        let target = Look.socketAddress(address, port)
        let code = target.withUnsafeBytes {
            connect(number, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
        }
        guard code == 0 || errno == EINPROGRESS else { return Look.asked(errno) }
        let end = Look.milliseconds() + milliseconds
        guard Look.wait(number, POLLOUT, until: end) else { return .nothing }
        let head = count == 0 ? "GET / HTTP/1.0\r\n\r\n" : "POST / HTTP/1.0\r\nContent-Length: \(count)\r\n\r\n"
        var rest = (Array(head.utf8) + [UInt8](repeating: UInt8(ascii: "x"), count: count))[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes { send(number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if sent < 0, errno != EAGAIN { return Look.asked(errno) }
            rest = rest.dropFirst(max(sent, 0))
            guard Look.wait(number, POLLOUT, until: end) else { return .nothing }
        }
        var answer: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 4096)
        while answer.count < 65536, Look.wait(number, POLLIN, until: end) {
            let count = recv(number, &part, part.count, 0)
            if count < 0, answer.isEmpty { return Look.asked(errno) }
            if count <= 0 { break }
            answer += part[..<count]
        }
        let lines = String(decoding: answer, as: UTF8.self).split(separator: "\r\n", omittingEmptySubsequences: false)
        guard let blank = lines.firstIndex(of: ""), blank + 1 < lines.count else { return .nothing }
        return .answer(String(lines[blank + 1].prefix { $0 != "\n" }))
    }

    private static func asked(_ code: Int32) -> Asked {
        switch code {
        case ECONNREFUSED, ECONNRESET: .refused
        case ENETUNREACH, EHOSTUNREACH: .unreachable
        default: .nothing
        }
    }
}
