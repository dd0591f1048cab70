import CKernel
import Glibc
import NetCore

/// `berth net serve`: a server in the background, which tells whom it sees, as those of the lessons do.
enum NetServe {
    static let verb = NetVerb(
        name: "serve", forms: ["berth net serve PORT[/udp]    in the background, until the world ends"],
        run: { (words, call) throws(LabError) in
            let (proto, port) = try words.port()
            try words.end()
            guard proto != .sctp else { throw words.fault("it serves tcp and udp") }
            try NetPlace.mustBeApart()
            fflush(nil)
            let code = Service.run([name, "\(port)"] + (proto == .udp ? ["udp"] : []))
            if code == 0 { call.same(proto == .tcp ? ["python3 -m http.server \(port) &"] : []) }
            return code
        })

    /// As which it answers.
    private static var name: String {
        if let node = getenv("BERTH_LAB_NODE") { return String(cString: node) }
        var text = [CChar](repeating: 0, count: 65)
        gethostname(&text, 64)
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// `berth net ss`: who listens, as `ss -ltn`.
enum NetSockets {
    static let verb = NetVerb(
        name: "ss", forms: ["berth net ss [-ltn]", "berth net ss -lun"],
        run: { (words, call) throws(LabError) in
            var kinds: Set<TransportProtocol> = []
            while let word = words.next() {
                guard word.hasPrefix("-"), word.dropFirst().allSatisfy({ "ltunpH".contains($0) }) else {
                    throw words.fault("cannot make sense of \"\(word)\"")
                }
                if word.contains("t") { kinds.insert(.tcp) }
                if word.contains("u") { kinds.insert(.udp) }
            }
            if kinds.isEmpty { kinds = [.tcp] }
            call.say("proto  listens at")
            for kind in [TransportProtocol.tcp, .udp] where kinds.contains(kind) {
                for one in try listening(kind) {
                    let address =
                        one.address.isUnspecified
                        ? "*" : one.address.family == .v6 ? "[\(one.address)]" : "\(one.address)"
                    let process = one.process().map { "  process \($0)" } ?? ""
                    call.say("\(kind)    \(address):\(one.port)\(process)")
                }
            }
            return 0
        })

    private static func listening(_ kind: TransportProtocol) throws(LabError) -> [ListeningSocket] {
        do throws(KernelError) {
            var socket = try NetlinkSocket(NETLINK_SOCK_DIAG)
            return try socket.listeningSockets(kind, .v4) + socket.listeningSockets(kind, .v6)
        } catch {
            throw LabError(net: error, "list sockets", show: "cat /proc/net/tcp")
        }
    }
}
