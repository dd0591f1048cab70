import CKernel
import Glibc
import NetCore
import Trace

/// `berth net conntrack`: as `conntrack`, to list flows and to forget them.
enum NetConntrack {
    static let verb = NetVerb(
        name: "conntrack",
        forms: [
            "berth net conntrack -L [-p PROTOCOL] [--orig-src A] [--orig-dst A] [--orig-port-src N] [--orig-port-dst N]",
            "berth net conntrack -D …    those are forgotten",
        ],
        run: { (words, call) throws(LabError) in
            var isDeleted: Bool?
            var chosen = Chosen()
            while let word = words.next() {
                switch word {
                case "-L", "--dump", "ls": isDeleted = false
                case "-D", "--delete", "flush": isDeleted = true
                case "-p", "--proto":
                    let name = try words.next("the protocol")
                    guard let number = ConntrackFilter.protocolNumber(name) else {
                        throw words.fault("no protocol is called \(name)")
                    }
                    chosen.proto = (number, name)
                case "-s", "--orig-src": chosen.source = try words.address()
                case "-d", "--orig-dst": chosen.destination = try words.address()
                case "--sport", "--orig-port-src": chosen.sourcePort = UInt16(try words.number("port", 1...65535))
                case "--dport", "--orig-port-dst": chosen.destinationPort = UInt16(try words.number("port", 1...65535))
                default: throw words.fault("cannot make sense of \"\(word)\"")
                }
            }
            guard let isDeleted else { throw words.fault("what is to be done is missing: -L or -D") }
            if isDeleted {
                guard chosen != Chosen() else {
                    throw words.fault(
                        "which flows are meant is missing", cause: "without a choice it would forget all of them")
                }
                try NetPlace.mustBeApart()
            }
            return try run(chosen, isDeleted: isDeleted, call)
        })

    /// Which flows are meant, by how they began.
    private struct Chosen: Equatable {
        var proto: (number: UInt8, name: String)?
        var source: IPAddress?
        var destination: IPAddress?
        var sourcePort: UInt16?
        var destinationPort: UInt16?

        static func == (left: Chosen, right: Chosen) -> Bool { left.words == right.words }

        func matches(_ flow: FlowTuple) -> Bool {
            (proto == nil || flow.protocolNumber == proto?.number) && (source == nil || flow.source == source)
                && (destination == nil || flow.destination == destination)
                && (sourcePort == nil || flow.sourcePort == sourcePort)
                && (destinationPort == nil || flow.destinationPort == destinationPort)
        }

        var words: String {
            [
                proto.map { " -p \($0.name)" }, source.map { " --orig-src \($0)" },
                destination.map { " --orig-dst \($0)" }, sourcePort.map { " --orig-port-src \($0)" },
                destinationPort.map { " --orig-port-dst \($0)" },
            ].compactMap { $0 }.joined(by: "")
        }
    }

    private static func run(_ chosen: Chosen, isDeleted: Bool, _ call: NetCall) throws(LabError) -> Int32 {
        let found: [ConntrackEntry]
        do throws(KernelError) {
            var socket = try NetlinkSocket(NETLINK_NETFILTER)
            var matching = try socket.trackedFlows().filter { chosen.matches($0.flow.original) }
            if isDeleted {
                var gone: [ConntrackEntry] = []
                for entry in matching where try socket.forget(entry) { gone.append(entry) }
                matching = gone
            }
            found = matching
        } catch {
            throw LabError(net: error, isDeleted ? "forget flows" : "list flows", show: "berth net conntrack -L")
        }
        for entry in found { call.say(line(entry)) }
        guard isDeleted else { return 0 }
        if found.isEmpty { call.say("no such flow is tracked") }
        call.same(["conntrack -D\(chosen.words)"])
        return found.isEmpty ? 1 : 0
    }

    /// "tcp 6 117 TIME_WAIT src=… dst=… sport=… dport=… src=… [ASSURED] mark=0", as conntrack writes it.
    private static func line(_ entry: ConntrackEntry) -> String {
        let (original, reply) = (entry.flow.original, entry.flow.reply)
        let number = original.protocolNumber
        let name = [1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6", 132: "sctp"][Int(number)] ?? "unknown"
        func tuple(_ tuple: FlowTuple) -> String {
            "src=\(tuple.source) dst=\(tuple.destination)"
                + ([6, 17, 132].contains(number) ? " sport=\(tuple.sourcePort) dport=\(tuple.destinationPort)" : "")
        }
        let words = [
            name, "\(number)", entry.timeout.map { "\($0)" }, entry.state, tuple(original),
            entry.isAnswered ? nil : "[UNREPLIED]", tuple(reply), entry.isAssured ? "[ASSURED]" : nil,
            "mark=\(entry.mark)",
        ]
        return words.compactMap { $0 }.joined(by: " ")
    }
}
