import CKernel
import Glibc

/// One value in a key or in data.
public enum NftField: Hashable, Sendable, CustomStringConvertible {
    case address(IPAddress)
    case proto(TransportProtocol)
    case port(UInt16)
    case name(String)
    case mac(MACAddress)

    /// As the kernel compares it: network byte order, padded to four bytes inside a concatenation.
    func bytes(padded: Bool) -> [UInt8] {
        var bytes: [UInt8]
        switch self {
        case .address(let address): bytes = address.bytes
        case .proto(let proto): bytes = [proto.number]
        case .port(let port): bytes = [UInt8(port >> 8), UInt8(port & 0xff)]
        case .name(let name):
            bytes = Array(name.utf8.prefix(16))
            bytes += [UInt8](repeating: 0, count: 16 - bytes.count)
        case .mac(let mac): bytes = mac.bytes
        }
        while padded, bytes.count % 4 != 0 { bytes.append(0) }
        return bytes
    }

    public var description: String {
        switch self {
        case .address(let address): "\(address)"
        case .proto(let proto): "\(proto)"
        case .port(let port): "\(port)"
        case .name(let name): "\"\(name)\""
        case .mac(let mac): "\(mac)"
        }
    }

    static func bytes(_ fields: [NftField]) -> [UInt8] { fields.flatMap { $0.bytes(padded: fields.count > 1) } }
    static func text(_ fields: [NftField]) -> String { fields.map(\.description).joined(by: " . ") }
}

/// One element of a set or map: what an attachment owns in netfilter.
public struct NftElement: Hashable, Sendable {
    public enum Data: Hashable, Sendable {
        case none
        case fields([NftField])
        case jump(String)
    }
    public let set: NftSet
    public let key: [NftField]
    /// The last key of an interval; nil for one key.
    public let keyEnd: [NftField]?
    public let data: Data
    /// Begins with the owner's tag (Owner.comment); nil for what several attachments share.
    public let comment: String?

    public init(_ set: NftSet, _ key: [NftField], to keyEnd: [NftField]? = nil, _ data: Data = .none, comment: String?)
    {
        self.set = set
        self.key = key
        // An interval set wants an end even for one key.
        self.keyEnd = set.isInterval ? keyEnd ?? key : nil
        self.data = data
        self.comment = comment
    }

    /// What identifies the element in its set.
    public var identity: NftElementKey {
        NftElementKey(
            family: set.family, set: set.name, key: NftField.bytes(key), keyEnd: keyEnd.map(NftField.bytes))
    }

    /// `add element inet berth masq4 { 10.88.0.2 comment "…" : jump masq_podman }`
    public func command(table: String) -> String {
        var text = zip(key, keyEnd ?? key).map { $0 == $1 ? "\($0)" : "\($0)-\($1)" }.joined(by: " . ")
        if let comment { text += " comment \"\(comment)\"" }
        switch data {
        case .none: break
        case .fields(let fields): text += " : " + NftField.text(fields)
        case .jump(let chain): text += " : jump \(chain)"
        }
        return "add element \(set.family) \(table) \(set.name) { \(text) }"
    }

    func put(_ writer: inout AttributeWriter) {
        identity.put(&writer)
        switch data {
        case .none: break
        case .fields(let fields):
            writer.nest(Int(NFTA_SET_ELEM_DATA.rawValue)) {
                $0.put(Int(NFTA_DATA_VALUE.rawValue), bytes: NftField.bytes(fields))
            }
        case .jump(let chain):
            writer.nest(Int(NFTA_SET_ELEM_DATA.rawValue)) {
                NftMessage.putVerdict(&$0, Int32(NFT_JUMP.rawValue), chain)
            }
        }
        if let comment { writer.put(Int(NFTA_SET_ELEM_USERDATA.rawValue), bytes: NftMessage.userData(comment)) }
    }
}

/// An element's key as bytes, with the name of its set: enough to look it up or delete it. What the attachment record
/// keeps, so that DEL need not list a set.
public struct NftElementKey: Hashable, Sendable {
    public let family: NftFamily
    public let set: String
    public let key: [UInt8]
    public let keyEnd: [UInt8]?

    public init(family: NftFamily = .inet, set: String, key: [UInt8], keyEnd: [UInt8]?) {
        self.family = family
        self.set = set
        self.key = key
        self.keyEnd = keyEnd
    }

    func put(_ writer: inout AttributeWriter) {
        writer.nest(Int(NFTA_SET_ELEM_KEY.rawValue)) { $0.put(Int(NFTA_DATA_VALUE.rawValue), bytes: key) }
        guard let keyEnd else { return }
        writer.nest(Int(NFTA_SET_ELEM_KEY_END.rawValue)) { $0.put(Int(NFTA_DATA_VALUE.rawValue), bytes: keyEnd) }
    }
}

/// An element as the kernel tells it.
public struct NftElementFound: Hashable, Sendable {
    public let identity: NftElementKey
    public let comment: String?
    /// Data bytes; empty for a set.
    public let data: [UInt8]
    /// The chain of a jump.
    public let chain: String?

    /// Does it say the same as `element`?
    public func matches(_ element: NftElement) -> Bool {
        switch element.data {
        case .none: true
        case .fields(let fields): data == NftField.bytes(fields)
        case .jump(let wanted): chain == wanted
        }
    }

    /// The elements in one NFT_MSG_NEWSETELEM message.
    public static func list(_ reply: NetlinkReply) -> [NftElementFound] {
        guard reply.type & 0xff == Int(NFT_MSG_NEWSETELEM.rawValue) else { return [] }
        let attributes = reply.attributes(after: 4)
        let family = reply.payload.first.flatMap(NftFamily.init(number:)) ?? .inet
        let set = attributes[type: Int(NFTA_SET_ELEM_LIST_SET.rawValue)]?.text ?? ""
        let elements = attributes[type: Int(NFTA_SET_ELEM_LIST_ELEMENTS.rawValue)]?.nested ?? []
        return elements.map { element in
            let parts = element.nested
            let value = { (type: Int) in
                parts[type: type]?.nested[type: Int(NFTA_DATA_VALUE.rawValue)].map { Array($0.payload) }
            }
            let verdict = parts[type: Int(NFTA_SET_ELEM_DATA.rawValue)]?.nested[type: Int(NFTA_DATA_VERDICT.rawValue)]?
                .nested
            return NftElementFound(
                identity: NftElementKey(
                    family: family, set: set, key: value(Int(NFTA_SET_ELEM_KEY.rawValue)) ?? [],
                    keyEnd: value(Int(NFTA_SET_ELEM_KEY_END.rawValue))),
                comment: parts[type: Int(NFTA_SET_ELEM_USERDATA.rawValue)].flatMap { NftMessage.comment($0.payload) },
                data: value(Int(NFTA_SET_ELEM_DATA.rawValue)) ?? [],
                chain: verdict?[type: Int(NFTA_VERDICT_CHAIN.rawValue)]?.text)
        }
    }
}
