import CKernel
import NetCore

/// One event of nftables' tracing (NFT_MSG_TRACE): a rule, a chain's policy, or a return, for one packet.
public struct NftTraceEvent: Hashable, Sendable {
    public enum Kind: UInt32, Hashable, Sendable {
        case policy = 1
        case `return` = 2
        case rule = 3
    }
    /// NFPROTO_* of the table: 1 inet, 2 ip, 5 netdev, 7 bridge, 10 ip6.
    public var family: UInt8
    public var kind: Kind
    /// Glues the events of one traversal on one socket; no identity of the packet.
    public var id: UInt32
    public var table: String
    public var chain: String
    /// Nil when no rule is meant.
    public var handle: UInt64?
    public var verdict: Verdict?
    /// Only in the first event of each base chain.
    public var headers: PacketHeaders?
    public var inputDevice: Int32?
    public var outputDevice: Int32?
    public var conntrack: Journey.ConntrackMark?

    public enum Verdict: Hashable, Sendable, CustomStringConvertible {
        case drop, accept, stolen, queue, `repeat`, `continue`, `break`, `return`
        case jump(String)
        case goto(String)
        case other(Int32)

        init(_ code: Int32, chain: String?) {
            switch code {
            case 0: self = .drop
            case 1: self = .accept
            case 2: self = .stolen
            case 3: self = .queue
            case 4: self = .repeat
            case -1: self = .continue
            case -2: self = .break
            case -3: self = .jump(chain ?? "?")
            case -4: self = .goto(chain ?? "?")
            case -5: self = .return
            // The queue's number stands in the upper half, as does the errno of a drop.
            default: self = code & 0xff == 0 ? .drop : code & 0xff == 3 ? .queue : .other(code)
            }
        }

        public var description: String {
            switch self {
            case .drop: "drop"
            case .accept: "accept"
            case .stolen: "stolen"
            case .queue: "queue"
            case .repeat: "repeat"
            case .continue: "continue"
            case .break: "break"
            case .return: "return"
            case .jump(let chain): "jump \(chain)"
            case .goto(let chain): "goto \(chain)"
            case .other(let code): "verdict \(code)"
            }
        }
    }

    /// NFTA_TRACE_*, numbered here: those of conntrack are missing from the headers of Linux 6.1.
    private enum Place {
        static let table = 1, chain = 2, handle = 3, kind = 4, verdict = 5, id = 6
        static let network = 8, transport = 9, input = 10, output = 12, policy = 16
        static let trackID = 18, trackDirection = 19, trackStatus = 20, trackState = 21
    }

    /// Nil when the message is no trace event.
    public init?(_ message: NetlinkReply) {
        // NFNL_SUBSYS_NFTABLES, NFT_MSG_TRACE.
        guard message.type == Int(NFNL_SUBSYS_NFTABLES) << 8 | 17, let header = message.header(4)?.first else {
            return nil
        }
        let attributes = message.attributes(after: 4)
        guard let kind = attributes[type: Place.kind]?.bigEndian32.flatMap(Kind.init(rawValue:)),
            let id = attributes[type: Place.id]?.bigEndian32, let table = attributes[type: Place.table]?.text
        else { return nil }
        family = header
        self.kind = kind
        self.id = id
        self.table = table
        chain = attributes[type: Place.chain]?.text ?? ""
        handle = attributes[type: Place.handle]?.bigEndian64
        if let verdict = attributes[type: Place.verdict]?.nested, let code = verdict[type: 1]?.bigEndian32 {
            self.verdict = Verdict(Int32(bitPattern: code), chain: verdict[type: 2]?.text)
        } else if let policy = attributes[type: Place.policy]?.bigEndian32 {
            verdict = Verdict(Int32(bitPattern: policy), chain: nil)
        }
        let device = { (place: Int) in attributes[type: place]?.bigEndian32.map { Int32(bitPattern: $0) } }
        inputDevice = device(Place.input)
        outputDevice = device(Place.output)
        if let network = attributes[type: Place.network]?.payload {
            headers = PacketHeaders(network: network, transport: attributes[type: Place.transport]?.payload)
        }
        if let number = attributes[type: Place.trackID]?.bigEndian32 {
            conntrack = Journey.ConntrackMark(
                id: hexadecimal(number),
                state: attributes[type: Place.trackState]?.bigEndian32.flatMap(NftTraceEvent.state),
                direction: attributes[type: Place.trackDirection]?.u8.map { $0 == 0 ? "original" : "reply" },
                status: attributes[type: Place.trackStatus]?.bigEndian32)
        }
    }

    /// NF_CT_STATE_BIT (linux/netfilter/nf_conntrack_common.h), as nft names them.
    private static func state(_ bits: UInt32) -> String? {
        [(1, "invalid"), (2, "established"), (4, "related"), (8, "new"), (64, "untracked")].first { bits & $0.0 != 0 }?
            .1
    }
}

/// Eight digits, as conntrack -o id writes them.
func hexadecimal(_ number: UInt32) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
}
