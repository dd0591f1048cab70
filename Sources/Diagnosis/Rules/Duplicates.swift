import CKernel
import Glibc
import NetCore

/// Of one container what others on its bridge must not have.
struct Identities {
    let name: String
    let bridge: String
    var addresses: [String] = []
    var macs: [String] = []
}

extension HealthRule {
    /// As they are in the containers' namespaces, whatever the records say.
    static func duplicates(
        _ examination: Examination, _ id: RuleID, _ kind: String, _ values: (Identities) -> [String]
    ) throws(KernelError) -> Judgement {
        var holders: [String: [String]] = [:]
        var (findings, count): ([HealthFinding], Int) = ([], 0)
        for one in try identities(examination) {
            count += 1
            for value in Set(values(one)) { holders["\(one.bridge) \(value)", default: []].append(one.name) }
        }
        for (place, names) in holders.sorted(by: { $0.key < $1.key }) where names.count > 1 {
            let (bridge, value) = (place.prefix { $0 != " " }, place.drop { $0 != " " }.dropFirst())
            findings.append(
                HealthFinding(
                    id, .error, "\(value)", "\(names.joined(by: " and ")) have the same \(kind) on \(bridge)",
                    evidence: "links and addresses in the namespaces of \(names.joined(by: ", "))",
                    remedy: .told(
                        "attach one of them anew, without the address or MAC that was asked for: which, nobody else knows"
                    )))
        }
        return Judgement(findings, else: "\(count.counted("interface")) on berth's bridges, no \(kind) twice")
    }

    private static func identities(_ examination: Examination) throws(KernelError) -> [Identities] {
        let own = try NetworkNamespace.current()
        var found: [Identities] = []
        for one in try examination.standing() {
            let namespace = try NetworkNamespace(open: one.node.namespace)
            var socket = try NetlinkSocket(NETLINK_ROUTE, in: namespace, home: own.number)
            let links = try socket.links()
            let addresses = try socket.addresses()
            for entry in one.entries {
                guard let bridge = entry.bridge,
                    let link = links.first(where: { $0.name == entry.attachment.interface.description })
                else { continue }
                var identity = Identities(name: one.node.name, bridge: bridge)
                identity.macs = link.mac.map { ["\($0)"] } ?? []
                identity.addresses = addresses.filter { $0.link == link.index && !$0.isLinkLocal }
                    .map { "\($0.prefix.address)" }
                found.append(identity)
            }
        }
        return found
    }
}
