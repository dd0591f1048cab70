import CNI
public import JSON
import NetPlan

extension ListPlan {
    /// For programs; its keys are a promise (docs/cli.md).
    public var json: JSON {
        let shell = ShellWriter(namespace: parameters.netns ?? "")
        let plugins: [JSON] = members.map { member in
            guard let plan = member.plan else { return ["type": .string(member.type), "known": false] }
            let list = { (resources: [Resource]) in JSON.array(resources.map { $0.json(shell) }) }
            return [
                "type": .string(member.type), "known": true, "shared": list(plan.shared), "owned": list(plan.owned),
                "nft": .array(plan.netfilter.isEmpty ? [] : plan.netfilter.commands.map { .string($0) }),
                "iptables": .array(plan.iptables.flatMap(\.shellCommands).map { .string($0) }),
            ]
        }
        var object: JSONObject = [
            "network": .string(list.name), "cniVersion": .string(list.version.rawValue),
            "containerID": .string(attachment.containerID), "ifname": .string(attachment.interface.description),
        ]
        if let netns = parameters.netns { object["netns"] = .string(netns) }
        object["assumptions"] = .array(assumptions.map { .string($0) })
        object["plugins"] = .array(plugins)
        do throws(CNIError) {
            object["result"] = try result.json(version: list.version)
        } catch {
            // Two addresses of a family have no place in the oldest versions' results.
            object["result"] = .null
        }
        return .object(object)
    }
}

extension Resource {
    func json(_ shell: ShellWriter) -> JSON {
        ["kind": .string(kind), "words": .string(words), "commands": .array(commands(shell).map { .string($0) })]
    }

    /// The kind's name in JSON.
    var kind: String {
        switch self {
        case .bridge: "bridge"
        case .vethPair: "vethPair"
        case .bridgePort: "bridgePort"
        case .knownAddress: "knownAddress"
        case .sysctl: "sysctl"
        case .address: "address"
        case .linkUp: "linkUp"
        case .linkDown: "linkDown"
        case .route: "route"
        case .forgottenNeighbour: "forgottenNeighbour"
        case .linkSettings: "linkSettings"
        case .macvlan: "macvlan"
        case .functionalBlock: "functionalBlock"
        case .tokenBucket: "tokenBucket"
        case .ingressRedirect: "ingressRedirect"
        case .senderCheck: "senderCheck"
        case .masquerade: "masquerade"
        case .portForward: "portForward"
        case .hairpin: "hairpin"
        case .firewallMember: "firewallMember"
        case .isolation: "isolation"
        case .adminChain: "adminChain"
        case .zoneSource: "zoneSource"
        }
    }
}
