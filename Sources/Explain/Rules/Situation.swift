import NetCore

/// A packet at a hook: what a rule can ask for.
struct Situation {
    var packet: Packet
    var hook: UInt32
    /// NFPROTO_*.
    var family: UInt8
    var input: Device?
    var output: Device?
    /// Ports of a bridge that a switched frame came in by and leaves by.
    var physicalInput: Device?
    var physicalOutput: Device?
    var flow: Flow?
    var isReply = false
    var isUntracked = false
    var isSilent = false
    /// Source and destination of the frame.
    var macs: (source: MACAddress, destination: MACAddress)?

    /// A bit of NF_CT_STATE_*.
    var state: UInt32 {
        if isUntracked { return 1 << 6 }
        guard let flow else { return 1 }
        if packet.inner != nil { return 4 }
        return isReply || flow.isAnswered ? 2 : 8
    }

    /// IPS_*.
    var status: UInt32 {
        guard let flow else { return 0 }
        var bits: UInt32 = flow.isKnown ? 8 : 0
        if isReply || flow.isAnswered { bits |= 2 }
        if flow.rewritesSource { bits |= 16 }
        if flow.rewritesDestination { bits |= 32 }
        if flow.hasSource { bits |= 128 }
        if flow.hasDestination { bits |= 256 }
        return bits
    }
}

/// What a rule did besides a verdict.
enum Change: Hashable, Sendable {
    /// DNAT and SNAT: nil keeps.
    case destination(IPAddress?, UInt16?)
    case source(IPAddress?, UInt16?)
    case masquerade
    /// To the address of the device that it came in by, or 127.0.0.1.
    case redirect(UInt16?)
    case mark(UInt32)
    case connectionMark(UInt32)
    case untracked
    /// A RST or an ICMP error goes back.
    case reject(reset: Bool)
}

/// A rule that decided something.
struct Decision: Sendable {
    enum Kind: Hashable, Sendable { case accept, drop, reject, policy, nat, mark }
    var kind: Kind
    /// "ip lab forward".
    var chain: String
    /// nil: of a policy.
    var rule: String?
    /// "dnat to 10.88.0.2:80".
    var what: String
    var comment: String?
}
