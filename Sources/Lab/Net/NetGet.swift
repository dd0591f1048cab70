import CKernel
import Glibc
import NetCore

/// `berth net get`: one request by HTTP, with curl's words and exit codes.
enum NetGet {
    static let verb = NetVerb(
        name: "get",
        forms: ["berth net get [--max-time SECONDS] [--local-port PORT] ADDRESS[:PORT][/PATH]"],
        run: { (words, call) throws(LabError) in
            var (seconds, port): (Int, UInt16) = (5, 0)
            var target: String?
            while let word = words.next() {
                switch word {
                case "--max-time", "-m": seconds = try words.number("time in seconds", 1...60)
                case "--local-port", "--from-port": port = UInt16(try words.number("port", 1...65535))
                case "-s", "-S", "-sS", "-Ss": continue
                default:
                    guard !word.hasPrefix("-"), target == nil else {
                        throw words.fault("cannot make sense of \"\(word)\"")
                    }
                    target = word
                }
            }
            guard let target else { throw words.fault("whom it is to ask is missing") }
            return try NetRequest(target, words).run(seconds, from: port, call)
        })
}

private struct NetRequest {
    private let address: IPAddress
    private let port: UInt16
    private let path: String
    private let host: String

    init(_ text: String, _ words: NetWords) throws(LabError) {
        let plain = text.hasPrefix("http://") ? text.dropFirst(7) : text[...]
        let slash = plain.firstIndex(of: "/") ?? plain.endIndex
        host = String(plain[..<slash])
        path = slash == plain.endIndex ? "/" : String(plain[slash...])
        if let parts = ProxyTarget.parts(host), let address = IPAddress(parts.0) ?? NetPlace.address(parts.0, .v4) {
            (self.address, port) = (address, parts.1)
            return
        }
        let bare = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
        guard let address = IPAddress(bare) ?? NetPlace.address(bare, .v4) else {
            throw words.fault(
                "\"\(text)\" is no address", cause: "one looks like 198.51.100.2:8080, [fd00:88::2]:80 or web:80")
        }
        (self.address, port) = (address, 80)
    }

    private var place: String { address.family == .v6 ? "[\(address)]:\(port)" : "\(address):\(port)" }

    /// 0 with an answer; as curl 7 when it was refused, 28 when the time was over, 52 when nothing came.
    func run(_ seconds: Int, from own: UInt16, _ call: NetCall) throws(LabError) -> Int32 {
        let end = Look.milliseconds() + seconds * 1000
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let number = Glibc.socket(Int32(address.family.constant), type, 0)
        guard number >= 0 else { throw LabError(KernelError("open a socket", .current), "ask \(place)") }
        let socket = OwnedDescriptor(taking: number)
        if own > 0 { try bound(socket.number, own) }
        let bytes = Look.socketAddress(address, port)
        let result = bytes.withUnsafeBytes {
            connect(socket.number, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
        }
        if result != 0, errno != EINPROGRESS { return failed(.current) }
        guard wait(socket.number, POLLOUT, end) else { return late(seconds) }
        var code: Int32 = 0
        var size = socklen_t(4)
        getsockopt(socket.number, SOL_SOCKET, SO_ERROR, &code, &size)
        guard code == 0 else { return failed(Errno(code)) }
        let request = "GET \(path) HTTP/1.0\r\nHost: \(host)\r\nUser-Agent: berth\r\nConnection: close\r\n\r\n"
        guard send(socket.number, request, request.utf8.count, Int32(MSG_NOSIGNAL)) == request.utf8.count else {
            return failed(.current)
        }
        var answer: [UInt8] = []
        while answer.count < 1 << 20 {
            guard wait(socket.number, POLLIN, end) else { return late(seconds) }
            var part = [UInt8](repeating: 0, count: 65536)
            let count = recv(socket.number, &part, part.count, 0)
            if count < 0, errno == EAGAIN { continue }
            if count < 0 { return failed(.current) }
            if count == 0 { break }
            answer += part[..<count]
        }
        guard !answer.isEmpty else { return tell("\(place) closed the connection without an answer", 52) }
        fflush(nil)
        let body = NetRequest.body(answer)
        _ = body.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
        return 0
    }

    private func bound(_ socket: Int32, _ own: UInt16) throws(LabError) {
        var on: Int32 = 1
        setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, 4)
        let any = Look.socketAddress(IPAddress(family: address.family, value: 0), own)
        let result = any.withUnsafeBytes {
            bind(socket, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
        }
        guard result == 0 else {
            throw LabError(
                .exists, "cannot ask from port \(own)", cause: "\(Errno.current)",
                fix: "another program of this node has it: berth net ss; take another port, or wait")
        }
    }

    /// What comes behind the head's empty line; all of it where there is none.
    private static func body(_ answer: [UInt8]) -> ArraySlice<UInt8> {
        guard answer.starts(with: "HTTP/".utf8), answer.count >= 4 else { return answer[...] }
        let mark = Array("\r\n\r\n".utf8)
        for place in 0...(answer.count - 4) where answer[place] == mark[0] && Array(answer[place..<(place + 4)]) == mark
        {
            return answer[(place + 4)...]
        }
        return answer[...]
    }

    private func wait(_ socket: Int32, _ events: Int32, _ end: Int) -> Bool {
        while true {
            let left = end - Look.milliseconds()
            guard left > 0 else { return false }
            var polled = pollfd(fd: socket, events: Int16(events), revents: 0)
            if poll(&polled, 1, Int32(left)) > 0 { return true }
        }
    }

    private func failed(_ code: Errno) -> Int32 {
        code == Errno(ECONNREFUSED)
            ? tell("\(place) refused the connection: somebody answered, and nobody listens there", 7)
            : tell("cannot reach \(place): \(code)", 7)
    }

    private func late(_ seconds: Int) -> Int32 { tell("no answer from \(place) within \(seconds) s", 28) }

    private func tell(_ text: String, _ code: Int32) -> Int32 {
        let line = "berth: \(text)\n"
        _ = write(STDERR_FILENO, line, line.utf8.count)
        return code
    }
}
