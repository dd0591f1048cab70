import CKernel
import Glibc
import NetCore
import Trace

/// What was seen of one datagram of a lesson's speaker: it has spoken from one port, hence in one flow, since the lesson began.
struct StreamSight {
    /// It came to host by its cable.
    var came = false
    /// The node behind host that it came to, and as what: "10.88.0.2:53", from "203.0.113.10".
    var receiver: (node: String, destination: String, sender: String)?
    /// It came to a node's cable as this, but the address is nobody's there: "10.88.0.2:53".
    var stray: String?
    /// What host remembers of the flow, right after.
    var entry: ConntrackEntry?
    /// The rules before host's routing that may rewrite, with their counters.
    var rules: [String] = []
    /// How many packets the rules before host's routing have counted meanwhile; nil where none counts.
    var counted: Int?

    /// Without the end of a sentence.
    var words: String {
        guard came else { return "no datagram came to host within a second and a half" }
        if receiver == nil, let stray { return "it went out as \(stray), and nobody has that address" }
        guard let receiver else { return "it came to host, and no node behind it got it" }
        return "it came to \(receiver.node) as \(receiver.destination), from \(receiver.sender)"
    }
}

extension Look {
    /// The next datagram of the speaker at that port of `speaker`, seen in host and in the nodes behind it.
    func stream(_ speaker: IPAddress, _ port: UInt16, through host: String, to nodes: [String]) throws(LabError)
        -> StreamSight
    {
        if let known = streamSight { return known }
        var sight = StreamSight()
        do throws(TraceError) {
            let references = world.references
            guard let place = references.first(where: { $0.name == host }) else { return sight }
            let before = counted(try gate(place))
            let front = try FrameCapture(place, device: "eth0")
            var behind: [FrameCapture] = []
            for node in references where nodes.contains(node.name) {
                behind.append(try FrameCapture(node, device: "eth0"))
            }
            func isSpeaker(_ frame: Frame) -> Bool {
                guard !frame.isOutgoing, let headers = frame.headers, headers.protocolNumber == 17 else { return false }
                return headers.source == speaker
                    && headers.transport.prefix(2).elementsEqual([
                        UInt8(port >> 8), UInt8(port & 0xff),
                    ])
            }
            for _ in 0..<75 where !sight.came {
                usleep(20_000)
                sight.came = try front.frames().contains(where: isSpeaker)
            }
            // What host does with it is done at once; its bridge's nodes have it a moment later, on a busy machine some more.
            for _ in 0..<10 where sight.receiver == nil && sight.stray == nil {
                usleep(20_000)
                for capture in behind where sight.receiver == nil {
                    guard let headers = try capture.frames().first(where: isSpeaker)?.headers else { continue }
                    let bytes = headers.transport.prefix(4)
                    let number = bytes.count == 4 ? UInt16(bytes[2]) << 8 | UInt16(bytes[3]) : 0
                    let destination = "\(headers.destination):\(number)"
                    // A frame goes to a MAC; whether the node takes the packet is another thing.
                    guard try ConntrackNode(capture.node).addresses.contains(headers.destination) else {
                        sight.stray = destination
                        continue
                    }
                    sight.receiver = (capture.node.name, destination, "\(headers.source)")
                }
            }
            sight.rules = try gate(place)
            if let before, let after = counted(sight.rules) { sight.counted = after - before }
            var filter = ConntrackFilter()
            (filter.protocolNumber, filter.source, filter.sourcePort) = (17, IPPrefix(host: speaker), port)
            sight.entry = try ConntrackNode(place).entries(filter).first
        } catch {
            throw LabError(
                .kernel, "cannot watch \(speaker)'s datagrams", cause: "\(error)",
                fix: "build the world anew: berth lab reset")
        }
        streamSight = sight
        return sight
    }

    /// The rules of NAT before the node's routing.
    private func gate(_ node: NodeReference) throws(TraceError) -> [String] {
        try quietly { () throws(TraceError) in
            try NodeRules(node).chains.filter { $0.hook == "prerouting" && ($0.type == "nat" || $0.table == "ip nat") }
                .flatMap { $0.rules.map(\.text) }
        }
    }

    /// Packets that they have counted; nil when none of them counts, or tells.
    private func counted(_ rules: [String]) -> Int? {
        var sum: Int?
        for rule in rules {
            let words = rule.split(separator: " ")
            guard let place = words.firstIndex(of: "counter"), place + 2 < words.count, words[place + 1] == "packets",
                let count = Int(words[place + 2])
            else { continue }
            sum = (sum ?? 0) + count
        }
        return sum
    }
}

/// Observations of lesson 12's speaker: client, port 40000.
extension Observation {
    private static func speaker(_ look: Look) throws(LabError) -> StreamSight {
        try look.stream(IPAddress("203.0.113.10")!, 40000, through: "host", to: ["web", "app"])
    }

    /// The learner's answer: from where host expects answers to the speaker, by its entry.
    static func expectedFrom(unanswered: Bool, unless fresh: String? = nil) -> Observation {
        told("the source of answers (the second src=) in host's entry", "host") { look throws(LabError) in
            guard let entry = try speaker(look).entry else {
                return (nil, "it remembers nothing of the client's flow", nil)
            }
            if unanswered, entry.flow.status & 0x2 != 0 { return (nil, "the flow was answered already", nil) }
            let source = "\(entry.flow.reply.source)"
            if source == fresh { return (nil, "the flow was begun anew, and is sent to \(source)", nil) }
            return (source, "", nil)
        }
    }

    /// The learner's answer: does the next datagram of the old flow reach web?
    static var streamReaches: Observation {
        told("where the client's next datagram goes", "host") { look throws(LabError) in
            let sight = try speaker(look)
            guard sight.came else { return (nil, sight.words, nil) }
            if sight.receiver != nil { return (nil, "\(sight.words): the flow was forgotten after the rule came", nil) }
            return ("no", "", nil)
        }
    }

    /// The rules before host's routing are not asked for the old flow.
    static var streamUncounted: Observation {
        Observation("the rules before host's routing", "the client's next datagram is counted by none of them") {
            look throws(LabError) in
            let sight = try speaker(look)
            guard let counted = sight.counted else { return Sight(true, "none of them counts") }
            return Sight(sight.came && counted == 0, "\(counted) counted; \(sight.words)")
        }
    }

    /// The old flow's datagrams arrive.
    static func streamArrives(_ destination: String) -> Observation {
        Observation("the client's next datagram, from port 40000", "comes to web as \(destination), from 203.0.113.10")
        {
            look throws(LabError) in
            let sight = try speaker(look)
            let isMet =
                sight.receiver?.node == "web" && sight.receiver?.destination == destination
                && sight.receiver?.sender == "203.0.113.10"
            let entry = sight.entry.map { "; host remembers \($0.flow.reply.source) as who answers" } ?? ""
            return Sight(isMet, sight.words + (isMet ? "" : entry))
        }
    }

    /// What is shown of it: the flow beside the rules that do not meet it.
    static func streamShown(_ look: Look) throws(LabError) -> [String] {
        let sight = try speaker(look)
        let entry = sight.entry.map { hanging("host's entry:  ", $0.line(own: [])) } ?? []
        return hanging("the client's next datagram:  ", sight.words) + entry
            + sight.rules.flatMap { hanging("meanwhile the rule:  ", $0) }
    }
}
