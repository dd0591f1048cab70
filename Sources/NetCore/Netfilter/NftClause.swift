import CKernel
import Glibc

/// A part of a rule, with nft's words for it and the kernel's expressions (`nft --debug=netlink` prints the latter).
public enum NftClause: Hashable, Sendable, CustomStringConvertible {
    public enum Side: String, Hashable, Sendable {
        case source = "saddr"
        case destination = "daddr"
    }

    case incoming(String, not: Bool = false)
    case outgoing(String, not: Bool = false)
    /// A verdict map or a set by the incoming link's name.
    case incomingMap(NftSet)
    case incomingIn(NftSet)
    case outgoingIn(NftSet)
    /// A set of incoming link and source MAC address; family bridge.
    case senderIn(NftSet, not: Bool = false)
    case address(Side, IPPrefix, not: Bool = false)
    /// As `address`, but of a prefix of whole bytes these alone are loaded, as nft does.
    case network(Side, IPPrefix)
    case addressIn(Side, AddressFamily, NftSet)
    case addressMap(Side, AddressFamily, NftSet)
    /// Only what is addressed to this host (CVE-2025-67499).
    case toThisHost
    case protocolIn(NftSet)
    case proto(UInt8, name: String)
    case destinationPort(TransportProtocol, UInt16)
    case established
    case translated
    /// Destination NAT by a map whose key is [address .] protocol . port.
    case translateDestination(AddressFamily, NftSet)
    case masquerade(fullyRandom: Bool = false)
    case translateSource(IPAddress)
    /// Destination NAT to one address and port.
    case sendTo(IPAddress, UInt16)
    /// Counts the packets that come by it.
    case counter
    case jump(String)
    case accept
    case drop
    case comeBack

    public var description: String {
        let ip = { (family: AddressFamily) in family == .v4 ? "ip" : "ip6" }
        return switch self {
        case .incoming(let name, let not): "iifname \(not ? "!= " : "")\"\(name)\""
        case .outgoing(let name, let not): "oifname \(not ? "!= " : "")\"\(name)\""
        case .incomingMap(let set): "iifname vmap @\(set.name)"
        case .incomingIn(let set): "iifname @\(set.name)"
        case .outgoingIn(let set): "oifname @\(set.name)"
        case .senderIn(let set, let not): "iifname . ether saddr \(not ? "!= " : "")@\(set.name)"
        case .address(let side, let prefix, let not):
            "\(ip(prefix.family)) \(side.rawValue) \(not ? "!= " : "")"
                + (prefix.length == prefix.family.bits ? "\(prefix.address)" : "\(prefix.network)")
        case .network(let side, let prefix): "\(NftClause.address(side, prefix))"
        case .addressIn(let side, let family, let set): "\(ip(family)) \(side.rawValue) @\(set.name)"
        case .addressMap(let side, let family, let set): "\(ip(family)) \(side.rawValue) vmap @\(set.name)"
        case .toThisHost: "fib daddr type local"
        case .protocolIn(let set): "meta l4proto @\(set.name)"
        case .proto(_, let name): "meta l4proto \(name)"
        case .destinationPort(let proto, let port): "\(proto) dport \(port)"
        case .established: "ct state established,related"
        case .translated: "ct status dnat"
        case .translateDestination(let family, let map):
            "dnat \(ip(family)) to \(map.key.count == 3 ? "\(ip(family)) daddr . " : "")meta l4proto . th dport map @\(map.name)"
        case .masquerade(let random): random ? "masquerade fully-random" : "masquerade"
        case .translateSource(let address): "snat \(ip(address.family)) to \(address)"
        case .sendTo(let address, let port):
            "dnat \(ip(address.family)) to " + (address.family == .v4 ? "\(address):\(port)" : "[\(address)]:\(port)")
        case .counter: "counter"
        case .jump(let chain): "jump \(chain)"
        case .accept: "accept"
        case .drop: "drop"
        case .comeBack: "return"
        }
    }

    func put(_ writer: inout AttributeWriter) {
        let first = NftRegister.word(0)
        switch self {
        case .incoming(let name, let not):
            NftExpression.meta(&writer, NFT_META_IIFNAME, first)
            NftExpression.compare(&writer, first, NftField.name(name).bytes(padded: false), not: not)
        case .outgoing(let name, let not):
            NftExpression.meta(&writer, NFT_META_OIFNAME, first)
            NftExpression.compare(&writer, first, NftField.name(name).bytes(padded: false), not: not)
        case .incomingMap(let set):
            NftExpression.meta(&writer, NFT_META_IIFNAME, first)
            NftExpression.lookup(&writer, first, set, into: NftRegister.verdict)
        case .incomingIn(let set):
            NftExpression.meta(&writer, NFT_META_IIFNAME, first)
            NftExpression.lookup(&writer, first, set, into: nil)
        case .senderIn(let set, let not):
            NftExpression.meta(&writer, NFT_META_IIFNAME, first)
            NftExpression.sender(&writer, NftRegister.word(4))
            NftExpression.lookup(&writer, first, set, into: nil, not: not)
        case .outgoingIn(let set):
            NftExpression.meta(&writer, NFT_META_OIFNAME, first)
            NftExpression.lookup(&writer, first, set, into: nil)
        case .address(let side, let prefix, let not):
            NftExpression.family(&writer, prefix.family)
            NftExpression.address(&writer, side, prefix.family, first)
            if prefix.length < prefix.family.bits {
                NftExpression.mask(&writer, first, prefix.mask.bytes)
            }
            NftExpression.compare(&writer, first, prefix.first.bytes, not: not)
        case .network(let side, let prefix):
            let bytes = prefix.length / 8
            guard prefix.length % 8 == 0, bytes > 0 else { return NftClause.address(side, prefix).put(&writer) }
            NftExpression.family(&writer, prefix.family)
            NftExpression.address(&writer, side, prefix.family, first, length: bytes)
            NftExpression.compare(&writer, first, Array(prefix.first.bytes.prefix(bytes)))
        case .addressIn(let side, let family, let set):
            NftExpression.family(&writer, family)
            NftExpression.address(&writer, side, family, first)
            NftExpression.lookup(&writer, first, set, into: nil)
        case .addressMap(let side, let family, let set):
            NftExpression.family(&writer, family)
            NftExpression.address(&writer, side, family, first)
            NftExpression.lookup(&writer, first, set, into: NftRegister.verdict)
        case .toThisHost: NftExpression.localDestination(&writer, first)
        case .protocolIn(let set):
            NftExpression.meta(&writer, NFT_META_L4PROTO, first)
            NftExpression.lookup(&writer, first, set, into: nil)
        case .proto(let number, _):
            NftExpression.meta(&writer, NFT_META_L4PROTO, first)
            NftExpression.compare(&writer, first, [number])
        case .destinationPort(let proto, let port):
            NftExpression.meta(&writer, NFT_META_L4PROTO, first)
            NftExpression.compare(&writer, first, [proto.number])
            NftExpression.destinationPort(&writer, first)
            NftExpression.compare(&writer, first, NftField.port(port).bytes(padded: false))
        case .established: NftExpression.conntrack(&writer, NFT_CT_STATE, mask: 1 << 1 | 1 << 2, first)
        case .translated: NftExpression.conntrack(&writer, NFT_CT_STATUS, mask: UInt32(IPS_DST_NAT.rawValue), first)
        case .translateDestination(let family, let map): NftExpression.translate(&writer, family, map)
        case .masquerade(let random): NftExpression.masquerade(&writer, fullyRandom: random)
        case .translateSource(let address): NftExpression.translateSource(&writer, address)
        case .sendTo(let address, let port): NftExpression.sendTo(&writer, address, port)
        case .counter: NftExpression.counter(&writer)
        case .jump(let chain): NftExpression.verdict(&writer, Int32(NFT_JUMP.rawValue), chain)
        case .accept: NftExpression.verdict(&writer, NF_ACCEPT)
        case .drop: NftExpression.verdict(&writer, NF_DROP)
        case .comeBack: NftExpression.verdict(&writer, Int32(NFT_RETURN.rawValue))
        }
    }
}
