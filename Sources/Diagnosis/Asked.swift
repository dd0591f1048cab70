import Explain
import Inspect
import NetCore

/// A packet that was asked about, and what the rules of this host would make of it.
struct Asked {
    enum Purpose: Hashable {
        /// From outside to a published port, as it is told: "0.0.0.0:8080/tcp".
        case published(String)
        /// Out of a network.
        case outbound
    }
    let purpose: Purpose
    /// The container that it is about.
    let node: String
    let network: String
    let bridge: String?
    /// Where it comes in, or leaves.
    let uplink: String
    /// The container's own port, of one that berth published.
    var inside: Int?
    /// The container's addresses with their networks.
    var prefixes: [IPPrefix] = []
    let answer: ReachAnswer

    var words: String {
        switch purpose {
        case .published(let port): "\(port) of \(node) from outside (\(uplink))"
        case .outbound: "\(node) to the outside (\(uplink))"
        }
    }

    /// Everything that is asked: of each container's published ports, and of one container of each network.
    static func all(_ examination: Examination) throws(KernelError) -> [Asked] {
        let standing = try examination.standing()
        guard !standing.isEmpty else { return [] }
        let ways = try Explainer.waysOut(of: Examination.host)
        var wishes: [(Asked.Purpose, String, AttachmentList.Entry, String, ReachQuestion, Int?)] = []
        for way in ways {
            guard let link = try examination.link(way.device) else { continue }
            let own = try examination.addresses().first {
                $0.link == link.index && $0.prefix.family == way.address.family && !$0.prefix.address.isLinkLocal
            }?.prefix.address
            var asked: Set<String> = []
            for one in standing {
                for entry in one.entries {
                    for port in entry.ports {
                        guard let published = Published(port.published), published.family == way.address.family,
                            let address = published.address ?? own, !address.isLoopback
                        else { continue }
                        wishes.append(
                            (
                                .published(port.published), one.node.name, entry, way.device,
                                ReachQuestion(
                                    source: Examination.host.name, address: address, port: published.port,
                                    isUDP: published.isUDP, stranger: way.address),
                                port.port
                            ))
                    }
                    let has = entry.addresses.contains { IPPrefix($0)?.family == way.address.family }
                    guard has, entry.bridge != nil, asked.insert(entry.attachment.network).inserted else { continue }
                    wishes.append(
                        (
                            .outbound, one.node.name, entry, way.device,
                            ReachQuestion(source: one.node.name, address: way.address, port: 443), nil
                        ))
                }
            }
        }
        let answers = try examination.evaluate(
            wishes.map { wish in (wish.4, standing.filter { $0.node.name == wish.1 }.map(\.node)) })
        return zip(wishes, answers).map { wish, answer in
            Asked(
                purpose: wish.0, node: wish.1, network: wish.2.attachment.network, bridge: wish.2.bridge,
                uplink: wish.3, inside: wish.5, prefixes: wish.2.addresses.compactMap { IPPrefix($0) }, answer: answer)
        }
    }
}

/// A published port as a record tells it: "0.0.0.0:8080/tcp", "[::]:8000-8010/udp", of which the first counts.
struct Published {
    /// Nil: every address of the host.
    let address: IPAddress?
    let family: AddressFamily
    let port: UInt16
    let isUDP: Bool

    init?(_ text: String) {
        let parts = text.split(separator: "/").map(String.init)
        guard parts.count == 2, parts[1] == "tcp" || parts[1] == "udp", let colon = parts[0].lastIndex(of: ":") else {
            return nil
        }
        var host = String(parts[0][..<colon])
        if host.hasPrefix("[") { host = String(host.dropFirst().dropLast()) }
        let number = parts[0][parts[0].index(after: colon)...].prefix { $0 != "-" }
        guard let address = IPAddress(host), let port = UInt16(number) else { return nil }
        self.address = address.isUnspecified ? nil : address
        (family, self.port, isUDP) = (address.family, port, parts[1] == "udp")
    }
}
