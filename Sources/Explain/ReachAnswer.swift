import CKernel
import Glibc
import NetCore

/// What is asked: can `source` reach `address`?
public struct ReachQuestion: Hashable, Sendable {
    /// A node's name.
    public var source: String
    public var address: IPAddress
    /// Nil: ICMP's echo.
    public var port: UInt16?
    public var isUDP: Bool
    /// Of a flow that has begun already.
    public var sourcePort: UInt16?
    /// An address that no node has: what comes from there comes in at `source`.
    public var stranger: IPAddress?
    /// Bytes of the packet of IP; 0: as small as can be.
    public var size = 0

    public init(
        source: String, address: IPAddress, port: UInt16?, isUDP: Bool = false, sourcePort: UInt16? = nil,
        stranger: IPAddress? = nil
    ) {
        (self.source, self.address, self.port, self.isUDP) = (source, address, port, isUDP)
        (self.sourcePort, self.stranger) = (sourcePort, stranger)
    }

    var proto: UInt8 {
        if port == nil { return address.family == .v4 ? UInt8(IPPROTO_ICMP) : UInt8(IPPROTO_ICMPV6) }
        return isUDP ? UInt8(IPPROTO_UDP) : UInt8(IPPROTO_TCP)
    }
}

/// Both ways of a packet, as the kernels on it would decide.
public struct ReachAnswer: Sendable {
    public enum Verdict: String, Hashable, Sendable {
        /// Delivered, and the answer comes back.
        case reached
        case dropped
        /// Delivered, and the answer does not come back.
        case unanswered
        case refused
        /// It leaves what can be seen from here.
        case beyond
    }

    /// Something that could not be judged, and that would change the verdict.
    public struct Condition: Hashable, Sendable {
        public let on: String
        public let otherwise: Verdict
    }

    public let question: ReachQuestion
    var legs: [[Step]] = []
    var ends: [End] = []
    var unknowns: [String] = []
    var passed: Walk.Passed?
    /// The program that took the packet, where it is one that opens a second connection.
    public internal(set) var proxy: Proxy?
    public internal(set) var depends: [Condition] = []

    init(question: ReachQuestion) { self.question = question }

    public var verdict: Verdict {
        guard let first = ends.first else { return .beyond }
        switch (first.kind, ends.dropFirst().first?.kind) {
        case (.beyond, _): return .beyond
        case (.dropped, _): return .dropped
        case (.refused, .delivered?), (.refused, nil): return .refused
        case (.delivered, .delivered?): return .reached
        case (.delivered, .beyond?), (.refused, .beyond?): return .beyond
        default: return .unanswered
        }
    }

    /// Where it fails; nil where it does not.
    var end: End? {
        switch verdict {
        case .reached: nil
        case .unanswered: ends.last
        case .beyond: ends.last { $0.kind == .beyond }
        default: ends.first
        }
    }

    /// 0 reached, 10 dropped, 11 not answered, 12 refused, 13 it leaves what can be seen.
    public var exitCode: Int32 {
        switch verdict {
        case .reached: 0
        case .dropped: 10
        case .unanswered: 11
        case .refused: 12
        case .beyond: 13
        }
    }

    /// A gate that one would think stops it, and that is never asked.
    public var passedGate: String? { passed?.words }

    /// The step that gave the packet another sender; nil: none did.
    public var rewriter: String? {
        legs.first?.last { $0.words.hasSuffix("masquerade") || $0.words.holds("snat to") }.map {
            "\($0.node)'s \($0.words)"
        }
    }

    /// The base chain that stops it, or its answer; nil where something else does, or nothing.
    public var gatekeeper: Gatekeeper? { end?.gate }

    /// The bridge's port that would have to send it back, and does not; nil where that is not the matter.
    public var closedHairpin: String? { end?.closedHairpin }

    /// Why it fails, a sentence without a full stop; empty where it does not.
    public var reason: String { end?.reason ?? "" }

    /// Where it fails: "hook:forward", "dev:eth0"; nil where it does not, or in the namespace itself.
    public var failingPlace: String? { end?.at }

    /// Where the asked packet came to its end when it was to somebody else than was asked: what DNAT made of it.
    public var isTranslated: Bool { ends.first.map { $0.packet.destination != question.address } ?? false }

    /// The address that the receiver takes for the sender's; nil when it does not come there.
    public var seenSource: IPAddress? { ends.first.flatMap { $0.kind == .delivered ? $0.packet.source : nil } }
}
